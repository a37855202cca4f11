"""What a genuine delivery makes: fired, filtered, refused by the action; mapped input and notes."""

import json
from typing import Any

import pytest

from events.models import Event
from runs.models import Run
from tests.factories import ActionFactory, TriggerFactory
from tests.webhooks.conftest import LEAD, Sender, read_only_delivery
from tests.webhooks.factories import DestinationFactory
from triggers.models import Fire
from webhooks.models import DedupeKey, Delivery, Destination

pytestmark = pytest.mark.django_db


def make_destination(*, action: dict[str, Any] | None = None, **options: Any) -> Destination:
    """A destination whose trigger (``trigger__…``) has an action of these fields."""
    trigger_fields = {
        name.removeprefix("trigger__"): options.pop(name)
        for name in list(options)
        if name.startswith("trigger__")
    }
    made = ActionFactory(**(action or {}))
    trigger = TriggerFactory(workspace=made.workspace, action=made, **trigger_fields)
    destination: Destination = DestinationFactory(trigger=trigger, **options)
    return destination


FILTERED: dict[str, dict[str, Any]] = {
    "filter_miss": {"trigger__event_filter": {"data.id": "somebody else"}},
    "trigger_paused": {"trigger__is_active": False},
    "trigger_exhausted": {"trigger__schedule": "@at 2026-01-01T00:00:00Z"},
    "action_disabled": {"action": {"enabled": False}},
}


@pytest.mark.parametrize("cause", FILTERED)
def test_what_cannot_fire_is_filtered_and_recorded(sender: Sender, cause: str) -> None:
    destination = make_destination(**FILTERED[cause])
    answer = sender.post(destination, key="evt-1")
    assert answer.status_code == 200
    body = answer.json()
    assert body["status"] == "filtered"
    assert (body["run_id"], body["fired_event_id"]) == (None, None)
    delivery = read_only_delivery(destination)
    assert (delivery.status, delivery.cause, delivery.http_status) == ("filtered", cause, 200)
    assert body["event_id"] == str(delivery.event_id)
    event = Event.objects.get(id=body["event_id"])
    assert (event.event_type, event.data["cause"]) == ("webhook.filtered", cause)
    assert not Run.objects.exists()


@pytest.mark.parametrize("cause", FILTERED)
def test_a_filtered_delivery_takes_no_key_so_that_it_can_come_again(
    sender: Sender, cause: str
) -> None:
    destination = make_destination(**FILTERED[cause])
    sender.post(destination, key="evt-1")
    assert not DedupeKey.objects.exists()
    trigger = destination.trigger
    trigger.is_active, trigger.event_filter, trigger.schedule = True, None, None
    trigger.save()
    trigger.action.enabled = True
    trigger.action.save()
    assert sender.post(destination, key="evt-1").json()["status"] == "fired"
    assert Run.objects.count() == 1


def test_a_matching_filter_fires(sender: Sender) -> None:
    destination = make_destination(trigger__event_filter={"data.id": "L-1"})
    assert sender.post(destination).json()["status"] == "fired"


SCHEMA = {
    "type": "object",
    "required": ["phone_to"],
    "properties": {"phone_to": {"type": "string"}},
}


def test_an_input_that_the_action_refuses_is_a_422_and_fires_nothing(sender: Sender) -> None:
    destination = make_destination(action={"input_schema": SCHEMA})
    answer = sender.post(destination, key="evt-1")
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "unprocessable_entity")
    assert problem["errors"]
    delivery = read_only_delivery(destination)
    assert (delivery.status, delivery.cause) == ("rejected", "input_invalid")
    assert delivery.payload_event_type == "lead.created"
    assert not Fire.objects.exists()
    assert not Run.objects.exists()
    assert not DedupeKey.objects.exists()


def test_mapped_fields_complete_the_input(sender: Sender) -> None:
    destination = make_destination(
        action={"input_schema": SCHEMA}, field_mapping={"phone_to": "data.phone"}
    )
    assert sender.post(destination).status_code == 200
    run = Run.objects.get()
    assert run.input == {"phone_to": "+14155550101"}
    assert read_only_delivery(destination).input == run.input


def test_templates_read_the_payload_and_the_mapping_wins(sender: Sender) -> None:
    destination = make_destination(
        trigger__input_template={
            "lead": "{{ payload.data.id }}",
            "kind": "{{ event.type }}",
            "phone": "none",
            "fallback": "default",
        },
        field_mapping={"phone": "data.phone", "fallback": "data.missing"},
    )
    sender.post(destination)
    assert Run.objects.get().input == {
        "lead": "L-1",
        "kind": "lead.created",
        "phone": "+14155550101",
        "fallback": "default",
    }
    notes = read_only_delivery(destination).notes
    assert len(notes) == 1
    assert "data.missing" in notes[0]


def test_a_senders_placeholders_are_never_rendered(sender: Sender) -> None:
    destination = make_destination(
        trigger__input_template={"a": "{{ payload.x }}"}, field_mapping={"b": "x"}
    )
    sender.post(destination, {"x": "{{ trigger.id }}"})
    assert Run.objects.get().input == {"a": "{{ trigger.id }}", "b": "{{ trigger.id }}"}


def test_a_whitelisted_type_fires(sender: Sender) -> None:
    destination = make_destination(accepted_event_types=["deal.won", "lead.*"])
    assert sender.post(destination).json()["status"] == "fired"


def test_a_type_that_is_none_is_noted_and_not_kept(sender: Sender) -> None:
    destination = make_destination()
    sender.post(destination, {"type": "bad type"})
    delivery = read_only_delivery(destination)
    assert delivery.payload_event_type is None
    assert delivery.notes == ["The payload's event type is no event type."]


def test_two_destinations_of_a_trigger_both_fire_it(sender: Sender) -> None:
    first = make_destination()
    second = DestinationFactory(trigger=first.trigger)
    for destination in (first, second):
        assert sender.post(destination, key="same key").json()["status"] == "fired"
    assert Run.objects.count() == 2


def test_a_deleted_trigger_takes_its_destinations_along(sender: Sender) -> None:
    destination = make_destination()
    destination.trigger.delete()
    assert sender.post(destination).status_code == 404


def test_a_trigger_that_vanishes_in_mid_delivery_is_a_404(
    sender: Sender, destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhooks.services.targets.load_trigger", lambda _: None)
    assert sender.post(destination, key="k").status_code == 404
    assert not DedupeKey.objects.exists()


def test_a_defect_is_a_500_without_details_and_on_the_ledger(
    sender: Sender, destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: Any, **__: Any) -> None:
        raise RuntimeError("the inner life of this product")

    monkeypatch.setattr("webhooks.services.arrivals.plan_from_webhook", explode)
    answer = sender.post(destination, key="k")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_server_error")
    assert "inner life" not in answer.content.decode()
    delivery = read_only_delivery(destination)
    assert (delivery.status, delivery.cause, delivery.http_status) == ("rejected", "internal", 500)
    assert not DedupeKey.objects.exists()


def test_a_defect_outside_the_service_is_a_500_too(
    sender: Sender, destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: Any, **__: Any) -> None:
        raise RuntimeError("the inner life of this product")

    monkeypatch.setattr("webhooks.receiver.receive_delivery", explode)
    answer = sender.post(destination)
    assert answer.status_code == 500
    assert "inner life" not in json.dumps(answer.json())


def test_the_payload_of_a_fired_delivery_is_kept_whole(sender: Sender) -> None:
    destination = make_destination()
    sender.post(destination, {**LEAD, "padding": "x" * 100_000})
    delivery = Delivery.objects.get()
    assert delivery.body is not None
    assert delivery.body_size > 100_000
    assert len(bytes(delivery.body)) > 100_000

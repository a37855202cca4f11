"""What a destination makes of a genuine payload: schema, transform, dedupe, answer, redaction."""

import hashlib
import json
from typing import Any

import pytest

from events.models import Event
from runs.models import Run
from tests.webhooks.conftest import LEAD, Person, Sender, make_person, read_only_delivery
from tests.webhooks.factories import DestinationFactory
from webhooks.models import DedupeKey, Delivery

pytestmark = pytest.mark.django_db

SCHEMA = {"type": "object", "required": ["data"], "properties": {"data": {"type": "object"}}}


def test_a_payload_that_breaks_the_schema_is_named_and_fires_nothing(sender: Sender) -> None:
    destination = DestinationFactory.create(input_schema=SCHEMA)
    answer = sender.post(destination, {"data": 7})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/data"]
    delivery = read_only_delivery(destination)
    assert (delivery.status, delivery.cause) == ("rejected", "schema_invalid")
    assert not Run.objects.exists()
    assert sender.post(destination).json()["status"] == "fired"


def test_the_transform_comes_before_filter_mapping_and_template(
    sender: Sender, alice: Person
) -> None:
    destination = DestinationFactory.create(
        trigger__event_filter={"kind": "lead"},
        trigger__input_template={"kind": "{{ payload.kind }}"},
        output_transform={"object_transformation": {"kind": '`"lead"`', "tel": "data.phone"}},
        field_mapping={"phone": "tel"},
    )
    assert sender.post(destination).json()["status"] == "fired"
    assert Run.objects.get().input == {"kind": "lead", "phone": "+14155550101"}
    delivery = read_only_delivery(destination)
    assert delivery.transformed == {"kind": "lead", "tel": "+14155550101"}


def test_the_schema_is_of_the_raw_payload(sender: Sender) -> None:
    destination = DestinationFactory.create(
        input_schema=SCHEMA, output_transform={"jmespath": "data.phone"}
    )
    assert sender.post(destination).json()["status"] == "fired"


def test_a_transform_that_fails_is_the_payloads_fault(sender: Sender) -> None:
    destination = DestinationFactory.create(output_transform={"jmespath": "abs(data)"})
    assert sender.post(destination).status_code == 422
    delivery = read_only_delivery(destination)
    assert (delivery.status, delivery.cause) == ("rejected", "transform_failed")
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("header:X-Delivery", "d-1"),
        ("body:data.id", "L-1"),
        ("body:data", None),
        ("body:none", None),
        ("digest", f"sha256:{hashlib.sha256(json.dumps(LEAD).encode()).hexdigest()}"),
        (None, None),
    ],
)
def test_the_destination_says_what_names_a_delivery(
    sender: Sender, key: str | None, expected: str | None
) -> None:
    destination = DestinationFactory.create(dedupe={"key": key})
    sender.client.defaults["HTTP_X_DELIVERY"] = "d-1"
    answers = [sender.post(destination, key="preset's").json()["status"] for _ in range(2)]
    assert answers == ["fired", "fired" if expected is None else "duplicate"]
    assert set(Delivery.objects.values_list("dedupe_key", flat=True)) == {expected}


def test_the_window_of_a_key_is_the_destinations(sender: Sender) -> None:
    destination = DestinationFactory.create(dedupe={"key": "digest", "window_hours": 1})
    sender.post(destination)
    held = DedupeKey.objects.get()
    received = read_only_delivery(destination).created_at
    assert 3590 < (held.expires_at - received).total_seconds() < 3610


def test_an_event_of_no_interest_is_ignored_where_the_destination_says_so(
    sender: Sender, alice: Person
) -> None:
    destination = DestinationFactory.create(
        accepted_event_types=["deal.won"], on_unaccepted_event="ignore"
    )
    answer = sender.post(destination, key="k")
    assert (answer.status_code, answer.json()["status"]) == (200, "ignored")
    assert answer.json()["event_id"] is None
    delivery = read_only_delivery(destination)
    assert (delivery.status, delivery.event_type, delivery.event_id) == ("ignored", None, None)
    assert not Event.objects.filter(destination_id=destination.pk).exists()
    assert not DedupeKey.objects.exists()
    assert not Run.objects.exists()


def test_a_static_answer_replaces_ours_for_what_was_taken_only(sender: Sender) -> None:
    own = {"status": 202, "content_type": "application/xml", "body": "<ok/>"}
    destination = DestinationFactory.create(response=own)
    for _ in range(2):
        answer = sender.post(destination, key="same")
        assert (answer.status_code, answer.content) == (202, b"<ok/>")
        assert answer.headers["Content-Type"].startswith("application/xml")
    assert sender.post(destination, headers={}).status_code == 401
    assert Run.objects.count() == 1


def test_what_is_redacted_is_shown_nowhere_but_to_the_run(sender: Sender) -> None:
    destination = DestinationFactory.create(
        redact=["contact.ssn", "contact.cards.0"],
        field_mapping={"ssn": "contact.ssn", "name": "contact.name"},
        output_transform={"jmespath": "@"},
    )
    contact = {"name": "Ada", "ssn": "078-05-1120", "cards": ["4111", "x"]}
    sender.post(destination, {"type": "a", "contact": contact})
    assert Run.objects.get().input == {"ssn": "078-05-1120", "name": "Ada"}
    alice = _open(destination)
    shown = alice.get(f"deliveries/{read_only_delivery(destination).id}").json()
    assert "078-05-1120" not in json.dumps(shown)
    assert "4111" not in json.dumps(shown)
    assert shown["request_payload"]["contact"] == {
        "name": "Ada",
        "ssn": "[redacted]",
        "cards": ["[redacted]", "x"],
    }
    assert shown["transformed_payload"]["contact"]["ssn"] == "[redacted]"
    assert shown["input"] == {"ssn": "[redacted]", "name": "Ada"}


def test_what_is_redacted_later_hides_in_old_deliveries_too(sender: Sender) -> None:
    destination = DestinationFactory.create()
    sender.post(destination)
    destination.redact = ["data.phone"]
    destination.save()
    shown = _open(destination).get(f"deliveries/{read_only_delivery(destination).id}").json()
    assert shown["request_payload"]["data"]["phone"] == "[redacted]"


def test_what_is_no_json_is_not_shown_where_something_is_redacted(sender: Sender) -> None:
    destination = DestinationFactory.create(redact=["ssn"])
    sender.post(destination, b'{"ssn": "078-05-1120"')
    shown = _open(destination).get(f"deliveries/{read_only_delivery(destination).id}").json()
    assert (shown["request_payload"], shown["cause"]) == (None, "unparsable")


def _open(destination: Any) -> Person:
    return make_person(destination.workspace, "destinations:read")

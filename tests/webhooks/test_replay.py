"""Deliveries of the ledger, fired again."""

from typing import Any
from uuid import uuid4

import pytest

from console.services.operations import advance_operations
from events.models import Event
from runs.models import Run
from tests.webhooks.conftest import LEAD, Person, Sender, make_person, read_only_delivery
from tests.webhooks.factories import add_secret
from triggers.models import Fire
from webhooks.models import Delivery, Destination, DestinationSecret
from webhooks.services import ledger
from workspaces.services import read_now

pytestmark = pytest.mark.django_db

RIGHT = "whsec_what-the-sender-really-uses-here"


def replay(alice: Person, delivery: Delivery, status: int = 200) -> dict[str, Any]:
    answer = alice.send("post", f"deliveries/{delivery.id}/replay")
    assert answer.status_code == status, answer.json()
    replayed: dict[str, Any] = answer.json()
    return replayed


def list_codes(problem: dict[str, Any]) -> list[str]:
    return [error["code"] for error in problem["errors"]]


def test_an_accepted_delivery_fires_again_as_often_as_asked(
    alice: Person, destination: Destination, sender: Sender
) -> None:
    first = sender.post(destination, key="lead-7").json()
    delivery = read_only_delivery(destination)
    answers = [replay(alice, delivery) for _ in range(2)]
    assert {answer["status"] for answer in answers} == {"fired"}
    assert {answer["event_id"] for answer in answers} == {first["event_id"]}
    assert len({first["run_id"], *(answer["run_id"] for answer in answers)}) == 3
    run = Run.objects.get(id=answers[0]["run_id"])
    original = Run.objects.get(id=first["run_id"])
    assert (run.cause, run.triggered_by) == ("replay", f"replay:{delivery.id}")
    assert run.input == original.input
    fire = Fire.objects.get(run_id=run.id)
    assert (fire.cause, fire.outcome) == ("replay", "fired")
    fired = Event.objects.get(id=answers[0]["fired_event_id"])
    assert fired.data["triggered_by"] == f"replay:{delivery.id}"
    assert fired.data["replayed_by"].startswith("key:")
    assert fired.delivery_id == delivery.id
    assert Delivery.objects.count() == 1


def test_a_refused_delivery_fires_once_after_its_secret_was_mended(
    alice: Person, destination: Destination, sender: Sender
) -> None:
    assert sender.post(destination, secret=RIGHT, key="lead-7").status_code == 401
    delivery = read_only_delivery(destination)
    assert list_codes(replay(alice, delivery, 409)) == ["signature_mismatch"]
    add_secret(destination, RIGHT)
    first = replay(alice, delivery)
    assert first["status"] == "fired"
    again = replay(alice, delivery)
    assert (again["status"], again["run_id"]) == ("duplicate", first["run_id"])
    # The sender tries again, too late.
    late = sender.post(destination, secret=RIGHT, key="lead-7").json()
    assert (late["status"], late["run_id"]) == ("duplicate", first["run_id"])
    assert Run.objects.count() == 1


def test_a_refused_delivery_without_a_key_fires_once_too(
    alice: Person, destination: Destination, sender: Sender
) -> None:
    sender.post(destination, secret=RIGHT)
    add_secret(destination, RIGHT)
    delivery = read_only_delivery(destination)
    assert [replay(alice, delivery)["status"] for _ in range(2)] == ["fired", "duplicate"]


def test_what_was_genuine_stays_genuine_after_a_rotation(
    alice: Person, destination: Destination, sender: Sender
) -> None:
    sender.post(destination)
    DestinationSecret.objects.all().delete()
    add_secret(destination, RIGHT)
    assert replay(alice, read_only_delivery(destination))["status"] == "fired"


def test_a_body_that_is_no_json_is_refused_with_its_cause(
    alice: Person, destination: Destination, sender: Sender
) -> None:
    sender.post(destination, b"{")
    assert list_codes(replay(alice, read_only_delivery(destination), 409)) == ["unparsable"]
    assert not Run.objects.exists()


def test_what_was_not_kept_cannot_be_replayed(
    alice: Person, destination: Destination, sender: Sender
) -> None:
    sender.post(destination, b"x" * (1024 * 1024 + 1))
    assert list_codes(replay(alice, read_only_delivery(destination), 409)) == ["not_kept"]


def test_of_refused_requests_only_some_are_kept(
    destination: Destination, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "MAX_REJECTED_KEPT", 2)
    for _ in range(4):
        sender.post(destination, secret=RIGHT)
    kept = [delivery.body is not None for delivery in Delivery.objects.order_by("id")]
    assert kept == [True, True, False, False]


def test_a_paused_trigger_filters_a_replay_and_gives_the_key_back(
    alice: Person, destination: Destination, sender: Sender
) -> None:
    sender.post(destination, secret=RIGHT)
    add_secret(destination, RIGHT)
    delivery = read_only_delivery(destination)
    destination.trigger.is_active = False
    destination.trigger.save()
    assert replay(alice, delivery)["status"] == "filtered"
    destination.trigger.is_active = True
    destination.trigger.save()
    assert replay(alice, delivery)["status"] == "fired"


@pytest.mark.parametrize("change", ["inactive", "deleted"])
def test_a_destination_that_takes_nothing_replays_nothing(
    alice: Person, destination: Destination, sender: Sender, change: str
) -> None:
    sender.post(destination)
    delivery = read_only_delivery(destination)
    if change == "inactive":
        Destination.objects.update(is_active=False)
    else:
        destination.delete()
    assert list_codes(replay(alice, delivery, 409)) == [f"destination_{change}"]


def test_strangers_and_readers_replay_nothing(
    alice: Person, charlie: Person, destination: Destination, sender: Sender
) -> None:
    sender.post(destination)
    delivery = read_only_delivery(destination)
    assert charlie.send("post", f"deliveries/{delivery.id}/replay").status_code == 404
    reader = make_person(destination.workspace, "destinations:read")
    assert reader.send("post", f"deliveries/{delivery.id}/replay").status_code == 403
    for unknown in (uuid4(), "x"):
        assert alice.send("post", f"deliveries/{unknown}/replay").status_code == 404
    assert Run.objects.count() == 1


def test_all_refused_deliveries_are_replayed_in_bulk(
    destination: Destination, sender: Sender
) -> None:
    operator = make_person(destination.workspace, "destinations:write", "runs:write", "runs:read")
    for number in range(3):
        sender.post(destination, {**LEAD, "n": number}, secret=RIGHT)
    sender.post(destination)
    add_secret(destination, RIGHT)
    body = {
        "kind": "replay",
        "filter": {"destination_id": str(destination.pk), "status": "rejected"},
    }
    dry = operator.send("post", "operations", {**body, "dry_run": True})
    assert (dry.status_code, dry.json()["counts"]["total"]) == (200, 3)
    operation = operator.send("post", "operations", body).json()
    assert advance_operations(now=read_now()) == 3
    done = operator.get(f"operations/{operation['id']}").json()
    assert done["counts"] == {"total": 3, "succeeded": 3, "failed": 0}
    assert Run.objects.filter(cause="replay").count() == 3


def test_a_bulk_replay_needs_the_scope_of_destinations(destination: Destination) -> None:
    bob = make_person(destination.workspace, "runs:write")
    answer = bob.send("post", "operations", {"kind": "replay", "filter": {"status": "rejected"}})
    assert answer.status_code == 403

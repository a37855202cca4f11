"""Backfills by HTTP."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.calls import drain
from tests.factories import TriggerFactory
from tests.triggers.conftest import Person, open_door
from triggers.models import Backfill, Fire, Trigger
from triggers.services import advance_backfills

pytestmark = pytest.mark.django_db
RANGE = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-01T06:00:00Z"}


@pytest.fixture
def trigger(alice: Person) -> Trigger:
    made: Trigger = TriggerFactory.create(workspace=alice.workspace, schedule="@hourly")
    return made


def url(person: Person, trigger: Trigger, *rest: str) -> str:
    return "/".join([person.url, str(trigger.pk), "backfills", *rest])


def ask(person: Person, trigger: Trigger, **body: Any) -> Any:
    return person.client.post(url(person, trigger), {**RANGE, **body}, format="json")


def test_a_backfill_has_every_member(alice: Person, trigger: Trigger) -> None:
    answer = ask(alice, trigger)
    assert answer.status_code == 202
    body = answer.json()
    backfill = Backfill.objects.get()
    created_by = body.pop("created_by")
    assert created_by.startswith("key:")
    assert body.pop("created_at").endswith("Z")
    assert body == {
        "id": str(backfill.pk),
        "workspace_id": str(alice.workspace.pk),
        "trigger_id": str(trigger.pk),
        **RANGE,
        "mode": "only_missed",
        "order": "oldest",
        "max_active": 5,
        "status": "running",
        "progress": 0.0,
        "counts": {
            "slots": 6,
            "skipped": 0,
            "pending": 6,
            "active": 0,
            "completed": 0,
            "failed": 0,
            "cancelled": 0,
            "refused": 0,
        },
        "cancelled_by": None,
        "ended_at": None,
    }
    read = alice.client.get(url(alice, trigger, str(backfill.pk))).json()
    assert read["id"] == body["id"]
    assert read["counts"] == body["counts"]


def test_a_dry_run_stores_nothing_and_says_what_would_run(alice: Person, trigger: Trigger) -> None:
    answer = ask(alice, trigger, dry_run=True)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["id"], body["status"], body["counts"]["pending"]) == (None, "dry_run", 6)
    assert not Backfill.objects.exists()
    assert advance_backfills(now=timezone.now()) == 0


def test_progress_is_told_while_it_goes_on(alice: Person, trigger: Trigger) -> None:
    ask(alice, trigger, max_active=3)
    backfill_id = str(Backfill.objects.get().pk)

    def read() -> dict[str, Any]:
        return dict(alice.client.get(url(alice, trigger, backfill_id)).json())

    advance_backfills(now=timezone.now())
    assert (read()["progress"], read()["counts"]["active"]) == (0.0, 3)
    drain("instant")
    advance_backfills(now=timezone.now())
    assert read()["progress"] == 0.5
    assert read()["counts"] | {"completed": 3, "active": 3, "pending": 0} == read()["counts"]
    drain("instant")
    advance_backfills(now=timezone.now())
    assert (read()["progress"], read()["status"]) == (1.0, "completed")
    fires = alice.client.get(f"{alice.url}/{trigger.pk}/fires", {"cause": "backfill"}).json()
    assert len(fires["items"]) == 6


def test_cancelling(alice: Person, trigger: Trigger) -> None:
    backfill_id = ask(alice, trigger).json()["id"]
    path = url(alice, trigger, backfill_id, "cancel")
    answer = alice.client.post(path, format="json")
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["counts"]["pending"]) == ("cancelled", 6)
    again = alice.client.post(path, format="json")
    assert again.status_code == 409
    assert again.json()["errors"][0]["code"] == "backfill_ended"


def test_backfills_are_listed_newest_first(alice: Person, trigger: Trigger) -> None:
    ids = [ask(alice, trigger).json()["id"] for _ in range(3)]
    ask(alice, TriggerFactory.create(workspace=alice.workspace, schedule="@daily"))
    alice.client.get(url(alice, trigger))
    with CaptureQueriesContext(connection) as queries:
        page = alice.client.get(url(alice, trigger), {"limit": 2}).json()
    assert [item["id"] for item in page["items"]] == ids[:0:-1]
    assert page["has_more"]
    assert len(queries) <= 4


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"from": None}, "/from"),
        ({"to": None}, "/to"),
        ({"to": "2999-01-01T00:00:00Z"}, "/to"),
        ({"from": "2026-03-01T06:00:00Z"}, "/from"),
        ({"from": "0001-01-01T00:00:00Z"}, "/from"),
        ({"from": "2026-03-02T06:00:00Z"}, "/from"),
        ({"from": "yesterday"}, "/from"),
        # Hourly since 2024: more than 10,000.
        ({"from": "2024-01-01T00:00:00Z"}, "/to"),
        ({"mode": "some"}, "/mode"),
        ({"order": "random"}, "/order"),
        ({"max_active": 0}, "/max_active"),
        ({"max_active": 101}, "/max_active"),
        ({"dry_run": "yes"}, "/dry_run"),
        ({"since": "2026-03-01T00:00:00Z"}, "/since"),
    ],
)
def test_what_is_not_sound_is_pointed_at(
    alice: Person, trigger: Trigger, body: dict[str, Any], pointer: str
) -> None:
    answer = ask(alice, trigger, **body)
    assert answer.status_code == 422, answer.json()
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert not Backfill.objects.exists()


def test_ten_thousand_slots_are_taken_and_one_more_is_not(alice: Person, trigger: Trigger) -> None:
    Trigger.objects.update(schedule="* * * * *")
    fits = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-07T22:40:00Z"}
    assert ask(alice, trigger, dry_run=True, **fits).json()["counts"]["slots"] == 10_000
    answer = ask(alice, trigger, dry_run=True, **{**fits, "to": "2026-03-07T22:41:00Z"})
    assert answer.json()["errors"][0]["code"] == "too_many_slots"


def test_a_trigger_without_a_schedule_has_nothing_to_run(alice: Person, trigger: Trigger) -> None:
    Trigger.objects.update(schedule=None)
    assert ask(alice, trigger).status_code == 409


def test_a_range_without_slots_is_over_at_once(alice: Person, trigger: Trigger) -> None:
    body = ask(alice, trigger, to="2026-03-01T00:30:00Z", **{"from": "2026-03-01T00:00:01Z"}).json()
    assert (body["status"], body["progress"], body["counts"]["slots"]) == ("completed", 1.0, 0)


def test_asking_and_cancelling_need_the_scope_to_fire(
    alice: Person, bob: Person, trigger: Trigger
) -> None:
    assert ask(bob, trigger).status_code == 403
    writer = Person(alice.workspace, open_door(alice.workspace, "triggers:write"))
    assert ask(writer, trigger, dry_run=True).status_code == 403
    firer = Person(alice.workspace, open_door(alice.workspace, "triggers:fire"))
    backfill_id = ask(firer, trigger).json()["id"]
    assert firer.client.get(url(firer, trigger)).status_code == 403
    assert bob.client.get(url(bob, trigger, backfill_id)).status_code == 200
    path = url(alice, trigger, backfill_id, "cancel")
    assert bob.client.post(path, format="json").status_code == 403
    assert firer.client.post(path, format="json").status_code == 200


def test_what_belongs_to_others_is_not_there(
    alice: Person, charlie: Person, trigger: Trigger
) -> None:
    backfill_id = ask(alice, trigger).json()["id"]
    stranger = Person(alice.workspace, charlie.client)
    assert ask(stranger, trigger).status_code == 404
    # His own workspace's path does not help, nor does another trigger's.
    assert ask(charlie, trigger).status_code == 404
    other = TriggerFactory.create(workspace=alice.workspace, schedule="@daily")
    for person, owner, id_ in (
        (charlie, trigger, backfill_id),
        (alice, other, backfill_id),
        (alice, trigger, "garbage"),
        (alice, trigger, str(trigger.pk)),
    ):
        assert person.client.get(url(person, owner, id_)).status_code == 404
        path = url(person, owner, id_, "cancel")
        assert person.client.post(path, format="json").status_code == 404
    assert Backfill.objects.get().status == "running"
    assert not Fire.objects.exists()

"""Pause, resume and fire by HTTP."""

import datetime as dt
from typing import Any

import pytest

from events.models import Event
from runs.models import Run
from tests.factories import ActionFactory, TriggerFactory
from tests.triggers.conftest import Person
from triggers.models import Fire, Trigger

pytestmark = pytest.mark.django_db


@pytest.fixture
def trigger(alice: Person) -> Trigger:
    return TriggerFactory.create(
        workspace=alice.workspace,
        schedule="* * * * *",
        input_template={"goal": "call", "window": {"start": "09:00", "end": "18:00"}},
    )


def post(person: Person, trigger: Trigger, verb: str, body: Any = None) -> Any:
    return person.client.post(f"{person.url}/{trigger.pk}/{verb}", body, format="json")


def test_a_paused_trigger_keeps_its_schedule_and_has_no_next_slot(
    alice: Person, trigger: Trigger
) -> None:
    until = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    body = {"reason": "maintenance", "until": until.isoformat()}
    paused = post(alice, trigger, "pause", body).json()
    assert (paused["is_active"], paused["next_fire_at"]) == (False, None)
    assert paused["schedule"] == "* * * * *"
    assert paused["pause_reason"] == "maintenance"
    assert dt.datetime.fromisoformat(paused["paused_until"]) == until
    told = Event.objects.get(event_type="trigger.paused").data
    assert (told["reason"], told["until"]) == ("maintenance", paused["paused_until"])
    assert told["until"].endswith("Z")


def test_pause_needs_no_body_and_can_be_renewed(alice: Person, trigger: Trigger) -> None:
    assert post(alice, trigger, "pause").json()["pause_reason"] is None
    assert post(alice, trigger, "pause", {"reason": "later"}).json()["pause_reason"] == "later"


def test_a_resumed_trigger_counts_from_now_and_forgets_the_pause(
    alice: Person, trigger: Trigger
) -> None:
    post(alice, trigger, "pause", {"reason": "maintenance"})
    before = dt.datetime.now(dt.UTC)
    for _ in range(2):
        resumed = post(alice, trigger, "resume").json()
        assert resumed["is_active"] is True
        assert (resumed["pause_reason"], resumed["paused_until"]) == (None, None)
        assert dt.datetime.fromisoformat(resumed["next_fire_at"]) > before


@pytest.mark.parametrize(
    ("verb", "body", "pointer"),
    [
        ("pause", {"reason": 5}, "/reason"),
        ("pause", {"reason": "x" * 513}, "/reason"),
        ("pause", {"until": "tomorrow"}, "/until"),
        ("pause", {"until": "2026-11-24T05:30:00"}, "/until"),
        ("pause", {"because": "x"}, "/because"),
        ("resume", {"now": True}, "/now"),
        ("fire", {"input": []}, "/input"),
        ("fire", {"input": None}, "/input"),
        ("fire", {"dry_run": "yes"}, "/dry_run"),
        ("fire", {"payload": {}}, "/payload"),
        ("fire", [], ""),
    ],
)
def test_a_wrong_body_is_pointed_at_and_changes_nothing(
    alice: Person, trigger: Trigger, verb: str, body: Any, pointer: str
) -> None:
    answer = post(alice, trigger, verb, body)
    assert answer.status_code == 422, answer.json()
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert not Fire.objects.exists()
    assert Trigger.objects.get().is_active


def test_a_fire_by_hand_starts_a_run_and_leaves_a_ledger_row(
    alice: Person, trigger: Trigger
) -> None:
    answer = post(alice, trigger, "fire", {"input": {"window": {"start": "10:00"}, "x": "{{ y }}"}})
    assert answer.status_code == 200, answer.json()
    run, fire = Run.objects.get(), Fire.objects.get()
    assert answer.json() == {
        "fired_event_id": str(run.fired_event_id),
        "trigger_id": str(trigger.pk),
        "status": "fired",
        "run_id": str(run.pk),
    }
    assert run.input == {"goal": "call", "window": {"start": "10:00"}, "x": "{{ y }}"}
    assert run.triggered_by.startswith("manual:key:")
    assert (fire.outcome, fire.cause, fire.run_id) == ("fired", "manual", run.pk)
    event = Event.objects.get(pk=run.fired_event_id)
    assert event.event_type == "trigger.fired"
    assert event.data["manual"] is True
    assert "forced" not in event.data


def test_a_fire_needs_no_body_and_two_are_two(alice: Person, trigger: Trigger) -> None:
    first, second = post(alice, trigger, "fire").json(), post(alice, trigger, "fire").json()
    assert first["run_id"] != second["run_id"]
    assert Fire.objects.count() == 2


def test_a_paused_trigger_can_be_fired_by_hand_and_that_is_recorded(
    alice: Person, trigger: Trigger
) -> None:
    post(alice, trigger, "pause")
    fired = post(alice, trigger, "fire").json()
    assert fired["status"] == "fired"
    assert Event.objects.get(pk=fired["fired_event_id"]).data["forced"] is True
    assert not Trigger.objects.get().is_active


def test_a_dry_run_shows_the_input_and_fires_nothing(alice: Person, trigger: Trigger) -> None:
    answer = post(alice, trigger, "fire", {"input": {"goal": "mail"}, "dry_run": True})
    assert answer.status_code == 200
    assert answer.json() == {
        "fired_event_id": None,
        "trigger_id": str(trigger.pk),
        "status": "dry_run",
        "run_id": None,
        "input": {"goal": "mail", "window": {"start": "09:00", "end": "18:00"}},
    }
    assert not Fire.objects.exists()
    assert not Run.objects.exists()


def test_a_disabled_action_is_a_conflict_that_the_ledger_knows(alice: Person) -> None:
    action = ActionFactory.create(workspace=alice.workspace, enabled=False)
    trigger = TriggerFactory.create(workspace=alice.workspace, action=action)
    answer = post(alice, trigger, "fire")
    assert answer.status_code == 409
    assert answer.json()["code"] == "conflict"
    assert answer.json()["errors"][0]["code"] == "action_disabled"
    assert Fire.objects.get().outcome == "action_disabled"
    assert not Run.objects.exists()


@pytest.mark.parametrize("dry_run", [False, True])
def test_an_input_that_the_action_refuses_is_pointed_at(alice: Person, dry_run: bool) -> None:
    schema = {"type": "object", "properties": {"phone": {"type": "string"}}, "required": ["phone"]}
    action = ActionFactory.create(workspace=alice.workspace, input_schema=schema)
    trigger = TriggerFactory.create(workspace=alice.workspace, action=action)
    answer = post(alice, trigger, "fire", {"input": {"phone": 5}, "dry_run": dry_run})
    assert answer.status_code == 422
    assert "/phone" in answer.json()["errors"][0]["pointer"]
    assert not Run.objects.exists()

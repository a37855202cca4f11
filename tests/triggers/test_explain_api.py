"""Why a slot did or did not run, by HTTP."""

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.calls import drain
from tests.factories import TriggerFactory
from tests.triggers.conftest import Person, open_door
from triggers.models import Fire, SchedulerGap, SchedulerHeartbeat, ScheduleState, Trigger
from triggers.rules.explain import VERDICTS
from triggers.rules.ledger import OUTCOMES
from triggers.services import (
    advance_backfills,
    create_backfill,
    fire_due_triggers,
    pause_trigger,
    resume_trigger,
    update_trigger,
)
from workspaces.rules.callers import Caller
from workspaces.rules.times import render_time

pytestmark = pytest.mark.django_db
# A quiet half hour, a while ago: pauses and edits are dated by the doors.
SLOT = (timezone.now() - dt.timedelta(hours=3)).replace(minute=30, second=0, microsecond=0)
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def trigger(alice: Person) -> Trigger:
    """Fires at half past every hour, and is two days old."""
    made: Trigger = TriggerFactory.create(
        workspace=alice.workspace,
        schedule="30 * * * *",
        created_at=SLOT - dt.timedelta(days=2),
        next_fire_at=SLOT.replace(year=SLOT.year + 1),
    )
    return made


def explain(person: Person, trigger: Trigger, at: dt.datetime) -> dict[str, Any]:
    answer = person.client.get(f"{person.url}/{trigger.pk}/explain", {"at": render_time(at) or ""})
    assert answer.status_code == 200, answer.json()
    return dict(answer.json())


def add_fire(trigger: Trigger, slot: dt.datetime, **fields: Any) -> Fire:
    return Fire.objects.create(
        **{
            "workspace_id": trigger.workspace_id,
            "trigger_id": trigger.pk,
            "key": f"slot:{slot.isoformat()}",
            "cause": "schedule",
            "scheduled_for": slot,
            "outcome": "fired",
            "created_at": slot,
            **fields,
        }
    )


def target(trigger: Trigger) -> dict[str, Any]:
    return {"workspace_id": trigger.workspace_id, "trigger_id": trigger.pk}


def pause(trigger: Trigger, caller: Caller, at: dt.datetime, *, reason: str | None = None) -> None:
    pause_trigger(**target(trigger), reason=reason, until=None, caller=caller, now=at)


def test_a_slot_in_a_pause_names_who_paused_when(
    bob: Person, trigger: Trigger, caller: Caller
) -> None:
    """Paused at 02:29, resumed at 02:31: nothing at 02:30."""
    pause(trigger, caller, SLOT - MINUTE, reason="maintenance")
    resume_trigger(**target(trigger), caller=caller, now=SLOT + MINUTE)
    answer = explain(bob, trigger, SLOT)
    assert answer["verdict"] == "paused"
    hour = f"{SLOT:%H}"
    assert answer["answer"] == (
        f"The trigger was paused by key:k1 at {hour}:29 (maintenance) "
        f"and resumed by key:k1 at {hour}:31."
    )
    assert answer["facts"]["paused"] == {
        "by": "key:k1",
        "at": render_time(SLOT - MINUTE),
        "reason": "maintenance",
    }
    assert explain(bob, trigger, SLOT + MINUTE)["verdict"] == "not_a_slot"
    before = explain(bob, trigger, SLOT - dt.timedelta(hours=1))
    assert before["verdict"] == "not_a_slot"
    assert before["facts"]["paused"] is None


def test_a_pause_by_an_edit_counts_and_other_edits_do_not(
    bob: Person, trigger: Trigger, caller: Caller
) -> None:
    for fields, at in (
        ({"is_active": False, "name": "Off"}, SLOT - 2 * MINUTE),
        ({"name": "Still off"}, SLOT - MINUTE),
    ):
        update_trigger(**target(trigger), fields=fields, caller=caller, now=at)
    answer = explain(bob, trigger, SLOT)
    assert answer["verdict"] == "paused"
    assert f"at {SLOT:%H}:28" in answer["answer"]


def test_a_trigger_that_was_made_paused_was_paused_by_its_maker(
    bob: Person, alice: Person, caller: Caller
) -> None:
    made = TriggerFactory.create(
        workspace=alice.workspace,
        schedule="30 * * * *",
        is_active=False,
        created_at=SLOT - dt.timedelta(days=2),
    )
    assert "paused by system:test" in explain(bob, made, SLOT)["answer"]
    resume_trigger(**target(made), caller=caller, now=SLOT + MINUTE)
    assert explain(bob, made, SLOT)["verdict"] == "paused"


def test_times_are_on_the_clocks_of_the_trigger(
    bob: Person, trigger: Trigger, caller: Caller
) -> None:
    Trigger.objects.update(timezone="Asia/Kolkata", schedule="0 * * * *")
    pause(trigger, caller, SLOT - MINUTE)
    answer = explain(bob, trigger, SLOT)
    local = SLOT + dt.timedelta(hours=5, minutes=29)
    assert f"at {local:%H:%M}" in answer["answer"]
    assert answer["facts"]["local"].endswith("+05:30")


def test_a_fired_slot_tells_of_its_run(bob: Person, trigger: Trigger) -> None:
    slot = timezone.now().replace(second=0, microsecond=0)
    Trigger.objects.update(schedule="* * * * *")
    ScheduleState.objects.update(next_fire_at=slot, due_at=slot)
    fire_due_triggers()
    drain("instant")
    answer = explain(bob, trigger, slot)
    assert answer["verdict"] == "fired"
    assert answer["answer"].endswith("its run is completed.")
    assert answer["facts"]["runs"][0]["status"] == "completed"
    assert answer["facts"]["fires"][0]["outcome"] == "fired"
    assert render_time(slot) in [near["at"] for near in answer["nearest_slots"]]


def test_a_missed_slot_names_the_time_without_a_scheduler(bob: Person, trigger: Trigger) -> None:
    SchedulerGap.objects.create(started_at=SLOT - 10 * MINUTE, ended_at=SLOT + 20 * MINUTE)
    add_fire(trigger, SLOT, outcome="missed", created_at=SLOT + 20 * MINUTE)
    answer = explain(bob, trigger, SLOT)
    assert answer["verdict"] == "missed"
    gap = f"{SLOT:%H}:20 to {SLOT:%H}:50"
    assert "missed by 1200 s" in answer["answer"]
    assert f"no scheduler ticked from {gap}" in answer["answer"]
    assert answer["facts"]["scheduler_gap"] == {
        "from": render_time(SLOT - 10 * MINUTE),
        "to": render_time(SLOT + 20 * MINUTE),
    }


def test_a_slot_in_a_summary_row_is_missed_and_what_lies_between_is_none(
    bob: Person, trigger: Trigger
) -> None:
    first, last = SLOT - dt.timedelta(hours=20), SLOT + dt.timedelta(hours=1)
    add_fire(trigger, first, outcome="missed", scheduled_until=last, slot_count=22, created_at=last)
    for at in (first, SLOT, last):
        assert explain(bob, trigger, at)["verdict"] == "missed"
    assert explain(bob, trigger, SLOT + MINUTE)["verdict"] == "not_a_slot"
    assert explain(bob, trigger, last + dt.timedelta(hours=1))["verdict"] != "missed"


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_of_the_ledger_is_a_verdict(
    bob: Person, trigger: Trigger, outcome: str
) -> None:
    add_fire(trigger, SLOT, outcome=outcome, reason="run X is still going on")
    answer = explain(bob, trigger, SLOT)
    assert answer["verdict"] == outcome
    assert outcome in VERDICTS
    if outcome == "overlap_skipped":
        assert "skipped for an overlap: run X is still going on" in answer["answer"]


def test_a_slot_that_a_backfill_fired_later_says_both(
    bob: Person, trigger: Trigger, caller: Caller
) -> None:
    add_fire(trigger, SLOT, outcome="missed", created_at=SLOT + MINUTE)
    backfill = create_backfill(
        **target(trigger),
        fields={"from": SLOT, "to": SLOT + MINUTE},
        caller=caller,
        now=timezone.now(),
    )
    advance_backfills(now=timezone.now())
    answer = explain(bob, trigger, SLOT)
    assert answer["verdict"] == "fired"
    assert f"by backfill:{backfill.pk}, after its own time was missed" in answer["answer"]
    assert len(answer["facts"]["fires"]) == 2


def test_what_is_no_slot_names_the_next_and_the_nearest(bob: Person, trigger: Trigger) -> None:
    answer = explain(bob, trigger, SLOT + MINUTE)
    assert answer["verdict"] == "not_a_slot"
    following = SLOT + dt.timedelta(hours=1)
    assert answer["answer"].startswith("It is not a slot of 30 * * * *: next is")
    hour = dt.timedelta(hours=1)
    assert [near["at"] for near in answer["nearest_slots"]] == [
        render_time(at) for at in (SLOT - hour, SLOT, following, following + hour)
    ]


def test_before_the_trigger_was_there(bob: Person, trigger: Trigger) -> None:
    answer = explain(bob, trigger, SLOT - dt.timedelta(days=3))
    assert answer["verdict"] == "before_creation"


def test_what_is_still_to_come(bob: Person, trigger: Trigger, caller: Caller) -> None:
    coming = SLOT + dt.timedelta(days=1)
    answer = explain(bob, trigger, coming)
    assert answer["verdict"] == "future"
    assert answer["answer"].startswith("It is still to come, in ")
    pause(trigger, caller, timezone.now())
    assert explain(bob, trigger, coming)["verdict"] == "paused"
    Trigger.objects.update(paused_until=SLOT + dt.timedelta(hours=12))
    assert explain(bob, trigger, coming)["verdict"] == "future"


def test_a_due_slot_that_nobody_has_claimed_yet(bob: Person, trigger: Trigger) -> None:
    ScheduleState.objects.update(next_fire_at=SLOT, due_at=SLOT)
    long_ago = SLOT - MINUTE
    SchedulerHeartbeat.objects.create(name="beat", started_at=long_ago, ticked_at=long_ago)
    answer = explain(bob, trigger, SLOT)
    assert answer["verdict"] == "future"
    assert "not fired yet, while no scheduler ticked since" in answer["answer"]
    assert answer["facts"]["scheduler_gap"] == {"from": render_time(long_ago), "to": None}


def test_after_the_last_slot(bob: Person, trigger: Trigger) -> None:
    Trigger.objects.update(schedule=f"@at {render_time(SLOT)}")
    ScheduleState.objects.update(next_fire_at=None, due_at=None, last_scheduled_at=SLOT)
    add_fire(trigger, SLOT)
    assert explain(bob, trigger, SLOT)["verdict"] == "fired"
    answer = explain(bob, trigger, SLOT + MINUTE)
    assert answer["verdict"] == "exhausted"
    assert f"its last slot was {SLOT:%H:%M}" in answer["answer"]


def test_a_schedule_that_was_changed_since_says_so(
    bob: Person, trigger: Trigger, caller: Caller
) -> None:
    update_trigger(
        **target(trigger), fields={"schedule": "*/15 * * * *"}, caller=caller, now=SLOT + MINUTE
    )
    answer = explain(bob, trigger, SLOT - 15 * MINUTE)
    assert answer["verdict"] == "not_a_slot"
    assert f"the schedule was changed by key:k1 at {SLOT:%H}:31" in answer["answer"]


def test_a_trigger_without_a_schedule_has_no_slots(bob: Person, trigger: Trigger) -> None:
    Trigger.objects.update(schedule=None)
    answer = explain(bob, trigger, SLOT)
    assert (answer["verdict"], answer["nearest_slots"]) == ("not_a_slot", [])


@pytest.mark.parametrize(
    "parameters",
    [{}, {"at": "noon"}, {"at": "0001-01-01T00:00:00Z"}, {"at": "9999-12-31T23:59:59Z"}],
)
def test_a_time_is_needed(bob: Person, trigger: Trigger, parameters: dict[str, str]) -> None:
    answer = bob.client.get(f"{bob.url}/{trigger.pk}/explain", parameters)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/at"


def test_it_needs_the_scope_and_the_workspace(
    alice: Person, charlie: Person, trigger: Trigger
) -> None:
    at = {"at": render_time(SLOT) or ""}
    path = f"{alice.url}/{trigger.pk}/explain"
    assert charlie.client.get(path, at).status_code == 404
    assert charlie.client.get(f"{charlie.url}/{trigger.pk}/explain", at).status_code == 404
    assert open_door(alice.workspace, "runs:read").get(path, at).status_code == 403


def test_an_explanation_costs_a_fixed_number_of_queries(bob: Person, trigger: Trigger) -> None:
    for hours in range(50):
        add_fire(trigger, SLOT - dt.timedelta(hours=hours))
    explain(bob, trigger, SLOT)
    with CaptureQueriesContext(connection) as queries:
        explain(bob, trigger, SLOT)
    assert len(queries) <= 12

"""One look says which chores have something to do: never too little."""

import datetime as dt
import time
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from actions.models import Action, OutboundCall
from tests.factories import ActionFactory, TriggerFactory, make_backfill, queue_run
from triggers.models import ScheduleState, Trigger
from triggers.services.conditions import CONDITIONS, look_for_work
from workspaces.services import new_id

pytestmark = pytest.mark.django_db
AGO = dt.timedelta(minutes=-5)
AHEAD = dt.timedelta(minutes=5)


def look() -> set[str]:
    return set(look_for_work(list(CONDITIONS)).wanted)


def run(**changes: Any) -> None:
    now = timezone.now()
    times = {
        name: now + value if isinstance(value, dt.timedelta) else value
        for name, value in changes.items()
    }
    queue_run(ActionFactory.create(), **times)


def call(**fields: Any) -> None:
    action = ActionFactory.create()
    due = timezone.now() + fields.pop("due")
    is_pending = fields["status"] == "pending"
    OutboundCall.objects.create(
        workspace_id=action.workspace_id,
        run_id=new_id(),
        action_id=action.id,
        chain_id=new_id(),
        triggered_by="schedule",
        phone_to="+14155550101",
        reason="test",
        priority=5,
        max_attempts=1,
        retry_backoff_minutes=1,
        window={},
        next_attempt_at=due if is_pending else None,
        look_up_at=None if is_pending else due,
        provider="console",
        last_event_id=new_id(),
        **fields,
    )


def lease(until: dt.timedelta) -> dict[str, Any]:
    return {
        "status": "running",
        "lease_token": new_id(),
        "lease_until": until,
        "deadline_at": AHEAD,
    }


def test_with_nothing_to_do_nothing_is_wanted() -> None:
    queue_run(ActionFactory.create(), status="completed", ended_at=timezone.now())
    run(available_at=AHEAD, start_deadline_at=AHEAD)
    run(**lease(AHEAD))
    run(status="delegated", deadline_at=AHEAD)
    call(status="pending", due=AHEAD)
    call(status="dispatched", due=AHEAD)
    make_backfill(status="completed")
    TriggerFactory.create(is_active=False, paused_until=timezone.now() + AHEAD)
    TriggerFactory.create(is_active=False, auto_pause_after_failures=3)
    assert look() == set()


@pytest.mark.parametrize(
    ("wanted", "changes"),
    [
        ("ring_due_queues", {"available_at": AGO}),
        ("ring_due_queues", {"available_at": AGO, "lost_leases": 1}),
        ("reap_expired_leases", lease(AGO)),
        ("reap_expired_leases", {"status": "delegated", "deadline_at": AGO}),
        ("fail_late_starts", {"available_at": AHEAD, "start_deadline_at": AGO}),
        ("release_stranded_runs", {"waits_for": new_id()}),
    ],
)
def test_runs_that_need_something_want_their_chore(wanted: str, changes: dict[str, Any]) -> None:
    run(**changes)
    assert look() == {wanted}


@pytest.mark.parametrize(
    ("wanted", "status"), [("start_due_calls", "pending"), ("report_finished_calls", "dispatched")]
)
def test_calls_that_are_due_want_their_chore(wanted: str, status: str) -> None:
    call(status=status, due=AGO)
    assert look() == {wanted}


def test_a_new_cap_wants_its_chore_for_a_while() -> None:
    action = ActionFactory.create(max_concurrency=1)
    assert look() == {"apply_new_caps"}
    Action.objects.filter(id=action.id).update(updated_at=timezone.now() + AGO)
    assert look() == set()


def test_triggers_and_backfills_want_their_chores() -> None:
    TriggerFactory.create(auto_pause_after_failures=3)
    assert look() == {"pause_failing_triggers"}
    Trigger.objects.update(is_active=False, paused_until=timezone.now() + AGO)
    assert look() == {"resume_elapsed_pauses"}
    Trigger.objects.all().delete()
    make_backfill(status="running")
    assert look() == {"advance_backfills"}


def test_a_chore_without_a_condition_is_always_wanted() -> None:
    assert look_for_work(["record_heartbeat"]).wanted == {"record_heartbeat"}


def test_one_look_is_one_statement_and_knows_the_time(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(1):
        sight = look_for_work(list(CONDITIONS))
    assert abs(sight.now - timezone.now()) < dt.timedelta(seconds=60)


def test_the_next_slot_is_as_far_as_the_clock_says() -> None:
    assert look_for_work([]).read_seconds_to_next_slot() is None
    TriggerFactory.create(schedule="@hourly", next_fire_at=timezone.now() + AHEAD)
    sight = look_for_work([])
    time.sleep(0.05)
    seconds = sight.read_seconds_to_next_slot()
    assert seconds is not None
    assert 290 < seconds < 299.96
    ScheduleState.objects.update(next_fire_at=timezone.now() + AGO, due_at=timezone.now() + AGO)
    overdue = look_for_work([]).read_seconds_to_next_slot()
    assert overdue is not None
    assert overdue < 0

"""Backfills at work: each slot once, a few at a time, whoever advances them and whatever dies."""

import datetime as dt
import threading
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from runs.models import Run
from runs.rules.states import TERMINAL
from tests.calls import drain
from tests.factories import ActionFactory, TriggerFactory
from triggers.models import Backfill, Fire, ScheduleState, Trigger
from triggers.rules.ledger import OUTCOMES
from triggers.services import (
    advance_backfills,
    cancel_backfill,
    create_backfill,
    delete_trigger,
    fire_due_triggers,
    plan_backfill,
)
from triggers.services import advancing as advancing_module
from workspaces.rules.callers import Caller
from workspaces.rules.problems import Conflict
from workspaces.services import new_id

DAY = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def hourly(**fields: Any) -> Trigger:
    trigger: Trigger = TriggerFactory.create(**{"schedule": "@hourly", **fields})
    return trigger


def ask(trigger: Trigger, caller: Caller, *, hours: int = 6, **fields: Any) -> Backfill:
    return create_backfill(
        workspace_id=trigger.workspace_id,
        trigger_id=trigger.pk,
        fields={"from": DAY, "to": DAY + hours * HOUR, **fields},
        caller=caller,
        now=timezone.now(),
    )


def add_fire(trigger: Trigger, slot: dt.datetime, *, outcome: str = "fired") -> None:
    Fire.objects.create(
        workspace_id=trigger.workspace_id,
        trigger_id=trigger.pk,
        key=f"slot:{slot.isoformat()}",
        cause="schedule",
        scheduled_for=slot,
        outcome=outcome,
        created_at=slot,
    )


def advance() -> int:
    return advance_backfills(now=timezone.now())


def list_started(backfill: Backfill) -> list[dt.datetime]:
    runs = Run.objects.filter(triggered_by=f"backfill:{backfill.pk}").order_by("id")
    return [slot for slot in runs.values_list("scheduled_for", flat=True) if slot is not None]


def count_live() -> int:
    return Run.objects.exclude(status__in=TERMINAL).count()


def work_off(backfill: Backfill) -> int:
    """Beats and workers until it is over; how many runs were live at the worst."""
    most = 0
    for _ in range(100):
        advance()
        most = max(most, count_live())
        drain("instant")
        backfill.refresh_from_db()
        if backfill.status != "running":
            return most
    raise AssertionError(backfill)


@pytest.mark.django_db
def test_every_slot_of_the_range_is_fired_by_the_backfill(caller: Caller) -> None:
    trigger = hourly(
        input_template={"at": "{{ schedule.scheduled_for }}", "x": "{{ schedule.previous }}"}
    )
    backfill = ask(trigger, caller, max_active=2)
    assert work_off(backfill) == 2
    assert list_started(backfill) == [DAY + number * HOUR for number in range(6)]
    assert (backfill.status, backfill.completed_count, backfill.active_run_ids) == (
        "completed",
        6,
        [],
    )
    assert backfill.ended_at is not None
    fire = Fire.objects.filter(scheduled_for=DAY).get()
    assert (fire.cause, fire.outcome) == ("backfill", "fired")
    assert fire.key == f"backfill:{backfill.pk}:2026-03-01T00:00:00Z"
    assert fire.run_id is not None
    run = Run.objects.get(id=fire.run_id)
    assert (run.cause, run.input) == (
        "backfill",
        {"at": "2026-03-01T00:00:00Z", "x": "2026-02-28T23:00:00Z"},
    )


@pytest.mark.django_db
def test_after_an_outage_exactly_the_missed_slots_are_fired(caller: Caller) -> None:
    """A dry run says so before; never more than ``max_active`` at once."""
    this_hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    trigger = hourly(misfire_grace_seconds=0, next_fire_at=this_hour - 30 * HOUR)
    for number in range(31, 36):
        add_fire(trigger, this_hour - number * HOUR)
    # The scheduler was away for 30 hours, and finds what it owes.
    fire_due_triggers()
    missed = set(Fire.objects.filter(outcome="missed").values_list("scheduled_for", flat=True))
    assert len(missed) >= 30
    before = Fire.objects.count()
    fields = {"from": this_hour - 36 * HOUR, "to": this_hour, "max_active": 3}
    target: dict[str, Any] = {
        "workspace_id": trigger.workspace_id,
        "trigger_id": trigger.pk,
        "caller": caller,
        "now": timezone.now(),
    }
    expected = {slot for slot in missed if slot is not None and slot < this_hour}
    # Nobody ever fired the first slot of the range: to the ledger it is as good as missed.
    expected.add(this_hour - 36 * HOUR)
    dry = plan_backfill(**target, fields=fields)
    assert (dry.slot_count, dry.skipped_count) == (len(expected), 5)
    assert not Backfill.objects.exists()
    backfill = create_backfill(**target, fields=fields)
    assert work_off(backfill) == 3
    assert set(list_started(backfill)) == expected
    assert Fire.objects.count() == before + len(expected)
    again = create_backfill(**target, fields=fields)
    assert (again.status, again.slot_count) == ("completed", 0)


@pytest.mark.django_db
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_only_missed_leaves_out_what_has_fired_and_nothing_else(
    caller: Caller, outcome: str
) -> None:
    trigger = hourly()
    add_fire(trigger, DAY + HOUR, outcome=outcome)
    backfill = ask(trigger, caller, hours=2)
    assert backfill.skipped_count == (outcome == "fired")
    assert ask(trigger, caller, hours=2, mode="all").slot_count == 2


@pytest.mark.django_db
def test_what_somebody_fires_meanwhile_is_skipped(caller: Caller) -> None:
    trigger = hourly()
    backfill = ask(trigger, caller, hours=3)
    add_fire(trigger, DAY + HOUR)
    work_off(backfill)
    assert list_started(backfill) == [DAY, DAY + 2 * HOUR]
    assert (backfill.skipped_count, backfill.completed_count) == (1, 2)


@pytest.mark.django_db
def test_two_backfills_of_the_same_slots_fire_them_once(caller: Caller) -> None:
    trigger = hourly()
    backfills = [ask(trigger, caller), ask(trigger, caller)]
    for backfill in backfills:
        work_off(backfill)
    assert Fire.objects.count() == 6


@pytest.mark.django_db
def test_slots_that_the_clock_still_owes_are_left_to_it(caller: Caller) -> None:
    trigger = hourly(next_fire_at=DAY + 4 * HOUR)
    assert ask(trigger, caller).slot_count == 4
    assert ask(trigger, caller, mode="all").slot_count == 6


@pytest.mark.django_db
def test_the_newest_slots_may_come_first(caller: Caller) -> None:
    backfill = ask(hourly(), caller, hours=3, order="newest")
    work_off(backfill)
    assert list_started(backfill) == [DAY + 2 * HOUR, DAY + HOUR, DAY]


@pytest.mark.django_db
def test_a_paused_trigger_is_backfilled_since_it_is_asked_for_by_hand(caller: Caller) -> None:
    backfill = ask(hourly(is_active=False), caller, hours=2)
    work_off(backfill)
    assert backfill.completed_count == 2


@pytest.mark.django_db
def test_an_edit_of_the_schedule_changes_nothing_that_was_asked_for(caller: Caller) -> None:
    trigger = hourly()
    backfill = ask(trigger, caller, hours=3)
    Trigger.objects.update(schedule="30 12 * * *")
    work_off(backfill)
    assert len(list_started(backfill)) == 3


@pytest.mark.django_db
def test_refused_slots_are_counted_and_hold_up_nothing(caller: Caller) -> None:
    action = ActionFactory.create(input_schema={"type": "object", "required": ["lead"]})
    backfill = ask(hourly(action=action), caller, hours=3)
    work_off(backfill)
    assert (backfill.status, backfill.refused_count) == ("completed", 3)
    assert set(Fire.objects.values_list("outcome", flat=True)) == {"input_invalid"}
    disabled = ask(hourly(action=ActionFactory.create(enabled=False)), caller, hours=2)
    work_off(disabled)
    assert disabled.refused_count == 2


@pytest.mark.django_db
def test_a_cancelled_backfill_starts_nothing_more_and_lets_runs_go_on(caller: Caller) -> None:
    trigger = hourly()
    backfill = ask(trigger, caller, max_active=2)
    assert advance() == 2
    target: dict[str, Any] = {
        "workspace_id": trigger.workspace_id,
        "trigger_id": trigger.pk,
        "backfill_id": backfill.pk,
        "caller": caller,
        "now": timezone.now(),
    }
    cancelled = cancel_backfill(**target)
    assert (cancelled.status, cancelled.cancelled_by) == ("cancelled", str(caller))
    drain("instant")
    assert advance() == 0
    assert set(Run.objects.values_list("status", flat=True)) == {"completed"}
    assert len(list_started(backfill)) == 2
    with pytest.raises(Conflict):
        cancel_backfill(**target)


@pytest.mark.django_db
def test_a_crash_before_the_commit_leaves_no_trace(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Position and fires share a commit."""
    backfill = ask(hourly(), caller, hours=4, max_active=2)

    def die(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as dying:
        dying.setattr(advancing_module, "_close", die)
        assert advance() == 0
    assert not Fire.objects.exists()
    work_off(backfill)
    assert list_started(backfill) == [DAY + number * HOUR for number in range(4)]


@pytest.mark.django_db
def test_an_archived_workspace_ends_its_backfills(caller: Caller) -> None:
    trigger = hourly()
    backfill = ask(trigger, caller)
    trigger.workspace.archived_at = timezone.now()
    trigger.workspace.save()
    assert advance() == 0
    backfill.refresh_from_db()
    assert backfill.status == "cancelled"


@pytest.mark.django_db
def test_a_deleted_trigger_takes_its_backfills_along(caller: Caller) -> None:
    trigger = hourly()
    ask(trigger, caller)
    delete_trigger(
        workspace_id=trigger.workspace_id, trigger_id=trigger.pk, caller=caller, now=timezone.now()
    )
    assert advance() == 0
    assert not Backfill.objects.exists()


@pytest.mark.django_db
def test_runs_that_were_pruned_do_not_hold_it_up(caller: Caller) -> None:
    backfill = ask(hourly(), caller, hours=2, max_active=1)
    advance()
    Backfill.objects.update(active_run_ids=[new_id()])
    work_off(backfill)
    assert backfill.status == "completed"


@pytest.mark.django_db
def test_a_tick_costs_the_same_for_few_slots_and_for_many(caller: Caller) -> None:
    trigger = hourly()
    ask(trigger, caller, hours=1000, max_active=2)
    with CaptureQueriesContext(connection) as few:
        assert advance() == 2
    drain("instant")
    Backfill.objects.update(max_active=50)
    with CaptureQueriesContext(connection) as many:
        assert advance() == 50
    assert len(many) <= len(few) + 1 <= 15
    assert all('"slots",' not in query["sql"] for query in many)


@pytest.mark.django_db(transaction=True)
def test_schedulers_side_by_side_start_each_slot_once(caller: Caller) -> None:
    """And none while another one is at it more than ``max_active``."""
    backfill = ask(hourly(), caller, hours=40, max_active=4)
    live: list[int] = []

    def beat() -> None:
        try:
            for _ in range(30):
                advance()
                live.append(count_live())
                drain("instant")
        finally:
            connection.close()

    threads = [threading.Thread(target=beat) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    work_off(backfill)
    slots = list_started(backfill)
    assert len(slots) == len(set(slots)) == 40
    assert max(live) <= 4
    assert (backfill.completed_count, backfill.status) == (40, "completed")


@pytest.mark.django_db(transaction=True)
def test_nothing_starts_after_the_cancel_has_committed(caller: Caller) -> None:
    trigger = hourly()
    backfill = ask(trigger, caller, hours=200, max_active=100)
    is_over = threading.Event()
    started: list[int] = []

    def beat() -> None:
        try:
            while not is_over.is_set():
                advance()
                drain("instant")
            started.append(len(list_started(backfill)))
        finally:
            connection.close()

    thread = threading.Thread(target=beat)
    thread.start()
    cancel_backfill(
        workspace_id=trigger.workspace_id,
        trigger_id=trigger.pk,
        backfill_id=backfill.pk,
        caller=caller,
        now=timezone.now(),
    )
    count = len(list_started(backfill))
    is_over.set()
    thread.join()
    assert started == [count]


@pytest.mark.django_db(transaction=True)
def test_a_trigger_that_is_being_fired_or_edited_waits_for_the_next_tick(caller: Caller) -> None:
    trigger = hourly()
    ask(trigger, caller, hours=2)
    results: list[int] = []

    def beat() -> None:
        try:
            results.append(advance())
        finally:
            connection.close()

    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(
            "SELECT 1 FROM triggers_schedulestate WHERE trigger_id = %s FOR UPDATE", [trigger.pk]
        )
        thread = threading.Thread(target=beat)
        thread.start()
        thread.join()
        cursor.execute("ROLLBACK")
    assert results == [0]
    assert ScheduleState.objects.count() == 1
    assert advance() == 2

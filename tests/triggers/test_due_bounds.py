"""What Beat does at the bounds of a schedule, and to slots that are spread."""

import datetime as dt
import threading
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from runs.models import Run
from tests.factories import ActionFactory, TriggerFactory
from triggers.models import Fire, ScheduleState, Trigger
from triggers.rules.jitter import find_effective_time
from triggers.services import (
    fire_due_triggers,
    fire_trigger_by_hand,
    pause_trigger,
    resume_trigger,
    update_trigger,
)
from workspaces.rules.callers import Caller

pytestmark = pytest.mark.django_db
MINUTE = dt.timedelta(minutes=1)


def this_minute() -> dt.datetime:
    return timezone.now().replace(second=0, microsecond=0)


def owing_trigger(*, minutes: int = 0, **fields: Any) -> Trigger:
    """A trigger of every minute that owes the slots of so many minutes and this one's."""
    first = this_minute() - minutes * MINUTE
    return TriggerFactory(**{"schedule": "* * * * *", "next_fire_at": first, **fields})


def read_outcomes(trigger: Trigger) -> list[str]:
    rows = Fire.objects.filter(trigger_id=trigger.id).order_by("scheduled_for")
    return [row.outcome for row in rows]


def read_state(trigger: Trigger) -> ScheduleState:
    return ScheduleState.objects.get(trigger=trigger)


# ── max_fires and ends_at ────────────────────────────────────────────────────────────────────────


def test_a_trigger_is_exhausted_after_its_last_fire_and_stays_active() -> None:
    trigger = owing_trigger(max_fires=1)
    assert fire_due_triggers().fired == 1
    state = read_state(trigger)
    assert (state.next_fire_at, state.due_at, state.fire_count) == (None, None, 1)
    trigger.refresh_from_db()
    assert trigger.is_active
    assert fire_due_triggers().claimed == 0


def test_replay_fires_no_more_than_is_left_and_what_comes_after_is_no_slot() -> None:
    trigger = owing_trigger(minutes=5, catch_up_policy="replay", max_fires=3)
    fire_due_triggers()
    assert read_outcomes(trigger) == ["fired"] * 3
    assert read_state(trigger).next_fire_at is None


def test_superseded_and_missed_slots_do_not_count() -> None:
    trigger = owing_trigger(minutes=4, max_fires=2, misfire_grace_seconds=150)
    fire_due_triggers()
    outcomes = read_outcomes(trigger)
    assert (outcomes.count("fired"), outcomes[0]) == (1, "missed")
    assert read_state(trigger).fire_count == 1
    assert read_state(trigger).next_fire_at == this_minute() + MINUTE


def test_a_slot_whose_action_is_disabled_does_not_count() -> None:
    trigger = owing_trigger(max_fires=1, action=ActionFactory(enabled=False))
    fire_due_triggers()
    assert read_state(trigger).fire_count == 0
    assert read_state(trigger).next_fire_at is not None


def test_fires_by_hand_do_not_count_and_work_on_an_exhausted_trigger(caller: Caller) -> None:
    trigger = owing_trigger(max_fires=1)

    def fire() -> str:
        return fire_trigger_by_hand(
            workspace_id=trigger.workspace_id,
            trigger_id=trigger.id,
            overrides={},
            caller=caller,
            now=timezone.now(),
        ).outcome

    assert fire() == "fired"
    assert read_state(trigger).fire_count == 0
    fire_due_triggers()
    assert read_state(trigger).next_fire_at is None
    assert fire() == "fired"
    assert Run.objects.count() == 3


def test_resuming_an_exhausted_trigger_owes_nothing_and_raising_its_bound_goes_on(
    caller: Caller,
) -> None:
    trigger = owing_trigger(max_fires=1)
    target: dict[str, Any] = {
        "workspace_id": trigger.workspace_id,
        "trigger_id": trigger.id,
        "caller": caller,
    }
    fire_due_triggers()
    pause_trigger(**target, reason=None, until=None, now=timezone.now())
    resume_trigger(**target, now=timezone.now())
    assert read_state(trigger).next_fire_at is None
    update_trigger(**target, fields={"max_fires": 2}, now=timezone.now())
    slot = read_state(trigger).next_fire_at
    assert slot is not None
    assert slot > timezone.now() - MINUTE
    update_trigger(**target, fields={"max_fires": None}, now=timezone.now())
    assert read_state(trigger).next_fire_at is not None


def test_the_last_slot_within_the_end_fires_and_exhausts() -> None:
    trigger = owing_trigger(minutes=2, catch_up_policy="replay", ends_at=this_minute())
    fire_due_triggers()
    assert read_outcomes(trigger) == ["fired"] * 3
    assert read_state(trigger).next_fire_at is None


def test_slots_after_the_end_are_not_owed() -> None:
    trigger = owing_trigger(minutes=5, catch_up_policy="replay", ends_at=this_minute() - 4 * MINUTE)
    fire_due_triggers()
    assert read_outcomes(trigger) == ["fired"] * 2
    assert read_state(trigger).next_fire_at is None


@pytest.mark.django_db(transaction=True)
def test_any_number_of_beats_fire_no_more_than_max_fires() -> None:
    """The count is read and written under the lock of the due row."""
    action = ActionFactory()
    triggers = [
        owing_trigger(
            minutes=20,
            action=action,
            workspace=action.workspace,
            max_fires=5,
            catch_up_policy="replay",
        )
        for _ in range(12)
    ]

    def claim() -> None:
        try:
            while fire_due_triggers(limit=2).claimed:
                pass
        finally:
            connection.close()

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for trigger in triggers:
        assert read_outcomes(trigger) == ["fired"] * 5
        assert read_state(trigger).fire_count == 5


# ── jitter ───────────────────────────────────────────────────────────────────────────────────────


def spread_trigger(**fields: Any) -> Trigger:
    """A trigger of every hour whose slots fire up to an hour later, and so does this hour's."""
    slot = timezone.now().replace(minute=0, second=0, microsecond=0)
    return TriggerFactory(
        **{"schedule": "0 * * * *", "jitter_seconds": 3600, "next_fire_at": slot, **fields}
    )


def find_due(trigger: Trigger, slot: dt.datetime) -> dt.datetime:
    return find_effective_time(
        slot,
        trigger_id=trigger.id,
        jitter_seconds=trigger.jitter_seconds,
        following=slot + dt.timedelta(hours=1),
    )


def test_the_next_slot_stays_nominal_and_is_due_after_its_delay() -> None:
    trigger = spread_trigger()
    slot = read_state(trigger).next_fire_at
    assert slot is not None
    fire_due_triggers()
    fire = Fire.objects.get()
    assert (fire.scheduled_for, fire.outcome) == (slot, "fired")
    state = read_state(trigger)
    following = slot + dt.timedelta(hours=1)
    assert (state.next_fire_at, state.due_at) == (following, find_due(trigger, following))


def test_a_slot_is_not_claimed_before_its_delay_has_gone_by() -> None:
    trigger = spread_trigger()
    ScheduleState.objects.update(due_at=timezone.now() + MINUTE)
    assert fire_due_triggers().claimed == 0
    ScheduleState.objects.update(due_at=timezone.now())
    assert fire_due_triggers().fired == 1
    assert read_outcomes(trigger) == ["fired"]


def test_a_slot_within_its_delay_stays_to_come_when_older_ones_are_settled() -> None:
    """Whether this hour's slot is owed depends on its own delay alone."""
    slot = timezone.now().replace(minute=0, second=0, microsecond=0)
    for number in range(20):
        trigger = spread_trigger(
            name=f"t{number}", next_fire_at=slot - dt.timedelta(hours=2), catch_up_policy="replay"
        )
        # Nothing is missed: lateness counts from when a slot was due.
        Trigger.objects.filter(id=trigger.id).update(misfire_grace_seconds=3 * 3600)
    fire_due_triggers()
    now = timezone.now()
    for trigger in Trigger.objects.all():
        due = find_due(trigger, slot)
        if abs(due - now) < dt.timedelta(seconds=5):
            continue
        owed = 3 if due < now else 2
        assert read_outcomes(trigger) == ["fired"] * owed
        state = read_state(trigger)
        assert state.next_fire_at == slot + dt.timedelta(hours=owed - 2)
        assert state.due_at == find_due(trigger, state.next_fire_at)


def test_grace_counts_from_when_a_slot_was_due() -> None:
    slot = timezone.now().replace(minute=0, second=0, microsecond=0) - dt.timedelta(hours=1)
    for number in range(20):
        spread_trigger(name=f"t{number}", next_fire_at=slot, misfire_grace_seconds=1800)
    fire_due_triggers()
    now = timezone.now()
    for trigger in Trigger.objects.all():
        late = now - find_due(trigger, slot)
        if abs(late - dt.timedelta(seconds=1800)) > dt.timedelta(seconds=5):
            was_missed = read_outcomes(trigger)[0] == "missed"
            assert was_missed == (late > dt.timedelta(seconds=1800))


def test_changing_the_jitter_alone_keeps_the_slot(caller: Caller) -> None:
    trigger = spread_trigger(schedule="0 0 * * *")
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    tomorrow = midnight + dt.timedelta(days=1)
    ScheduleState.objects.update(next_fire_at=tomorrow, due_at=tomorrow)
    target: dict[str, Any] = {
        "workspace_id": trigger.workspace_id,
        "trigger_id": trigger.id,
        "caller": caller,
    }
    update_trigger(**target, fields={"jitter_seconds": 1800}, now=timezone.now())
    state = read_state(trigger)
    assert state.next_fire_at == tomorrow
    assert state.due_at is not None
    assert tomorrow <= state.due_at <= tomorrow + dt.timedelta(minutes=30)
    update_trigger(**target, fields={"jitter_seconds": 0}, now=timezone.now())
    assert read_state(trigger).due_at == tomorrow


@pytest.mark.parametrize(
    "changes", [{"due_at": None}, {"next_fire_at": None}, {"due_at": this_minute() - 99 * MINUTE}]
)
def test_the_database_keeps_slot_and_due_time_together(changes: dict[str, Any]) -> None:
    owing_trigger()
    with pytest.raises(IntegrityError), transaction.atomic():
        ScheduleState.objects.update(**changes)

"""Beat's claim of due triggers: every slot one row, on Postgres' clock, whoever else is at it."""

import datetime as dt
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events.models import Event
from runs.models import Run
from tests.factories import ActionFactory, TriggerFactory
from triggers.models import Fire, ScheduleState, Trigger
from triggers.rules import schedule as schedule_module
from triggers.rules.schedule import Schedule
from triggers.services import debts as debts_module
from triggers.services import fire_due_triggers, read_seconds_to_next_slot
from workspaces.models import Workspace

MINUTE = dt.timedelta(minutes=1)


def this_minute() -> dt.datetime:
    return timezone.now().replace(second=0, microsecond=0)


def due_trigger(*, ago: dt.timedelta = dt.timedelta(0), **fields: Any) -> Trigger:
    """A trigger of every minute that owes the slots since ``ago``."""
    return TriggerFactory(
        **{"schedule": "* * * * *", "next_fire_at": this_minute() - ago, **fields}
    )


def read_promise(trigger: Trigger) -> dt.datetime:
    promised = trigger.schedule_state.next_fire_at
    assert promised is not None
    return promised


def outcomes(trigger: Trigger) -> list[str]:
    rows = Fire.objects.filter(trigger_id=trigger.id).order_by("scheduled_for")
    return [row.outcome for row in rows]


@pytest.mark.django_db
def test_a_due_trigger_fires_its_slot_and_moves_on_from_it() -> None:
    trigger = due_trigger(input_template={"at": "{{ schedule.scheduled_for }}"}, priority=7)
    slot = read_promise(trigger)
    batch = fire_due_triggers()
    assert (batch.claimed, batch.fired, batch.is_full) == (1, 1, False)
    fire = Fire.objects.get()
    run = Run.objects.get()
    assert (fire.scheduled_for, fire.outcome, fire.run_id) == (slot, "fired", run.id)
    assert fire.key == f"slot:{slot:%Y-%m-%dT%H:%M:%SZ}"
    assert (run.trigger_id, run.fire_id, run.priority) == (trigger.id, fire.id, 7)
    assert (run.cause, run.triggered_by, run.scheduled_for) == ("schedule", "schedule", slot)
    assert run.input == {"at": f"{slot:%Y-%m-%dT%H:%M:%SZ}"}
    assert fire.fired_event_id is not None
    event = Event.objects.get(id=fire.fired_event_id)
    assert (event.event_type, event.chain_id, event.source) == (
        "trigger.fired",
        event.id,
        "AUTOMATION",
    )
    state = ScheduleState.objects.get()
    assert state.next_fire_at == slot + MINUTE
    assert (state.last_scheduled_at, state.last_fire_id) == (slot, fire.id)


@pytest.mark.django_db
def test_nothing_fires_before_its_time() -> None:
    TriggerFactory(schedule="* * * * *", next_fire_at=timezone.now() + MINUTE)
    TriggerFactory(schedule="* * * * *", next_fire_at=None, is_active=False)
    assert fire_due_triggers().claimed == 0
    assert not Fire.objects.exists()
    seconds = read_seconds_to_next_slot()
    assert seconds is not None
    assert 50 < seconds < 61


@pytest.mark.django_db
def test_a_slot_that_the_ledger_has_is_not_fired_again() -> None:
    """R1: the ledger's key is the last word, whatever the due row says."""
    trigger = due_trigger()
    slot = trigger.schedule_state.next_fire_at
    fire_due_triggers()
    ScheduleState.objects.update(next_fire_at=slot, due_at=slot)
    assert fire_due_triggers().fired == 0
    assert outcomes(trigger) == ["fired"]
    assert Run.objects.count() == 1


@pytest.mark.django_db
def test_after_an_outage_the_latest_slot_fires_once_and_each_has_its_row() -> None:
    trigger = due_trigger(ago=3 * MINUTE)
    fire_due_triggers()
    assert outcomes(trigger) == ["superseded", "superseded", "superseded", "fired"]
    assert ScheduleState.objects.get().next_fire_at == this_minute() + MINUTE


@pytest.mark.django_db
def test_slots_older_than_the_grace_are_missed_and_said_so_once() -> None:
    trigger = due_trigger(ago=4 * MINUTE, misfire_grace_seconds=90)
    fire_due_triggers()
    assert outcomes(trigger)[:3] == ["missed", "missed", "missed"]
    event = Event.objects.get(event_type="trigger.missed")
    missed = outcomes(trigger).count("missed")
    assert event.data["count"] == missed
    state = ScheduleState.objects.get()
    assert state.misfire_count == missed
    assert state.last_misfire_at is not None


@pytest.mark.django_db
def test_a_long_outage_leaves_one_summary_row() -> None:
    trigger = due_trigger(ago=dt.timedelta(minutes=1500), misfire_grace_seconds=60)
    fire_due_triggers()
    summary = Fire.objects.get(slot_count__gt=1)
    assert summary.outcome == "missed"
    assert summary.key.startswith("missed:")
    counted = summary.slot_count + Fire.objects.filter(slot_count=1).count()
    assert counted == 1501
    assert trigger.schedule_state.next_fire_at == summary.scheduled_for


@pytest.mark.django_db
def test_replay_fires_every_slot_in_order() -> None:
    trigger = due_trigger(ago=3 * MINUTE, catch_up_policy="replay")
    fire_due_triggers()
    assert outcomes(trigger) == ["fired"] * 4


@pytest.mark.django_db
def test_a_disabled_action_leaves_a_row_and_a_skipped_event() -> None:
    trigger = due_trigger(action=ActionFactory(enabled=False))
    fire_due_triggers()
    assert outcomes(trigger) == ["action_disabled"]
    event = Event.objects.get()
    assert (event.event_type, event.data["reason"]) == ("trigger.skipped", "action_disabled")
    assert not Run.objects.exists()


@pytest.mark.django_db
def test_an_input_that_the_action_refuses_leaves_a_row_that_says_why() -> None:
    action = ActionFactory(input_schema={"type": "object", "required": ["lead"]})
    trigger = due_trigger(action=action)
    fire_due_triggers()
    assert outcomes(trigger) == ["input_invalid"]
    event = Event.objects.get(event_type="trigger.skipped")
    assert event.data["errors"]
    assert not Run.objects.exists()


@pytest.mark.django_db
def test_what_many_owe_alike_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read_debt, asked = debts_module.__dict__["read_debt"], []

    def note(trigger: Trigger, **options: Any) -> Any:
        asked.append(trigger.id)
        return read_debt(trigger, **options)

    monkeypatch.setattr(debts_module, "read_debt", note)
    alike = [due_trigger() for _ in range(3)]
    others = [
        due_trigger(ago=MINUTE),
        due_trigger(timezone="Asia/Kolkata"),
        due_trigger(catch_up_policy="replay"),
        due_trigger(misfire_grace_seconds=90),
        due_trigger(ends_at=timezone.now() + 2 * MINUTE),
        # Spread by their ids.
        due_trigger(ago=MINUTE, jitter_seconds=1),
        due_trigger(ago=MINUTE, jitter_seconds=1),
    ]
    fire_due_triggers()
    assert len(set(asked)) == len(asked) == 1 + len(others)
    assert len(set(asked) & {trigger.id for trigger in alike}) == 1
    assert {outcomes(trigger)[-1] for trigger in alike} == {"fired"}


@pytest.mark.django_db
def test_a_trigger_that_cannot_be_evaluated_is_paused_and_the_others_fire(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken, sound = due_trigger(misfire_grace_seconds=77), due_trigger()
    read_debt = debts_module.__dict__["read_debt"]

    def explode(trigger: Trigger, **options: Any) -> Any:
        if trigger.id == broken.id:
            raise OverflowError
        return read_debt(trigger, **options)

    monkeypatch.setattr(debts_module, "read_debt", explode)
    fire_due_triggers()
    broken.refresh_from_db()
    assert not broken.is_active
    assert Event.objects.filter(event_type="trigger.auto_paused", trigger_id=broken.id).exists()
    assert outcomes(sound) == ["fired"]
    assert fire_due_triggers().claimed == 0


@pytest.mark.django_db
def test_a_trigger_of_an_archived_workspace_is_paused_instead_of_fired() -> None:
    trigger = due_trigger()
    Workspace.objects.filter(id=trigger.workspace_id).update(archived_at=timezone.now())
    fire_due_triggers()
    trigger.refresh_from_db()
    assert (trigger.is_active, trigger.pause_reason) == (False, "its workspace is archived")
    assert not Run.objects.exists()


@pytest.mark.django_db
def test_a_debt_of_exactly_one_claim_ends_with_its_latest_slot_fired(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(debts_module, "MAX_OWED", 4)
    trigger = due_trigger(ago=3 * MINUTE)
    fire_due_triggers()
    assert outcomes(trigger) == ["superseded", "superseded", "superseded", "fired"]


@pytest.mark.django_db
def test_a_batch_takes_a_fixed_number_of_statements() -> None:
    action = ActionFactory()
    due_trigger(action=action, workspace=action.workspace)
    with CaptureQueriesContext(connection) as one:
        fire_due_triggers()
    for _ in range(20):
        due_trigger(action=action, workspace=action.workspace)
    with CaptureQueriesContext(connection) as many:
        assert fire_due_triggers().fired == 20
    assert len(one) == len(many) <= 10


@pytest.mark.django_db
def test_each_distinct_schedule_is_evaluated_once_however_many_triggers_have_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    walked: list[tuple[str, str]] = []
    walk = schedule_module._walk_slots

    def note(schedule: Schedule, timezone: str, *rest: Any) -> Iterator[dt.datetime]:
        walked.append((schedule.text, timezone))
        return walk(schedule, timezone, *rest)

    monkeypatch.setattr(schedule_module, "_walk_slots", note)
    schedule_module._find_next.cache_clear()
    action = ActionFactory()
    for _ in range(10):
        for zone in ("UTC", "Asia/Kathmandu"):
            due_trigger(action=action, timezone=zone)
    assert fire_due_triggers().fired == 20
    assert sorted(walked) == [("* * * * *", "Asia/Kathmandu"), ("* * * * *", "UTC")]


@pytest.mark.django_db
def test_a_claim_reads_nothing_of_a_trigger_later_whatever_becomes_of_it() -> None:
    """Columns that a claim leaves out would be read row by row if anything asked for them."""
    disabled = ActionFactory(enabled=False)
    refusing = ActionFactory(input_schema={"type": "object", "required": ["x"]})
    actions = (ActionFactory(), disabled, refusing)

    def owe(action: Any, count: int) -> None:
        for ago in (0, 3, 300):
            for _ in range(count):
                due_trigger(action=action, ago=ago * MINUTE, misfire_grace_seconds=600)

    for action in actions:
        owe(action, 1)
    with CaptureQueriesContext(connection) as few:
        fire_due_triggers()
    for action in actions:
        owe(action, 5)
    with CaptureQueriesContext(connection) as many:
        assert fire_due_triggers().claimed == 45
    assert len(few) == len(many)


@pytest.mark.django_db(transaction=True)
def test_schedulers_side_by_side_fire_each_trigger_once() -> None:
    """R1, with several claims at once."""
    action = ActionFactory()
    for _ in range(60):
        # Of every minute, they might come due once more under way.
        due_trigger(action=action, workspace=action.workspace, schedule="0 0 29 2 *")
    fired: list[int] = []

    def claim() -> None:
        try:
            while True:
                batch = fire_due_triggers(limit=7)
                fired.append(batch.fired)
                if not batch.claimed:
                    return
        finally:
            connection.close()

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(fired) == 60
    assert Fire.objects.count() == Run.objects.count() == 60

"""After a release of the time zones, slots to come are computed anew, once."""

import datetime as dt
from typing import Any

import pytest
from celery import current_app
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_beat.schedulers import DatabaseScheduler

from tests.factories import TriggerFactory
from triggers.models import ScheduleState, TimezoneData, Trigger
from triggers.rules.timezones import load_timezone, read_release
from triggers.scheduler import TriggerScheduler
from triggers.services import renew_slots_after_release, timezone_data

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)


def make(next_fire_at: dt.datetime | None, **fields: Any) -> Trigger:
    """A trigger of four in the morning, Berlin time, promised by the rules of an older release."""
    defaults = {"schedule": "0 4 * * *", "timezone": "Europe/Berlin"}
    return TriggerFactory(**{**defaults, "next_fire_at": next_fire_at, **fields})


def read_promise(trigger: Trigger) -> dt.datetime | None:
    return ScheduleState.objects.get(trigger=trigger).next_fire_at


def is_four_in_berlin(instant: dt.datetime | None) -> bool:
    assert instant is not None
    local = instant.astimezone(load_timezone("Europe/Berlin"))
    return (local.hour, local.minute) == (4, 0)


def test_slots_to_come_are_computed_anew_once_for_each_release() -> None:
    wrong = timezone.now() + 30 * HOUR
    trigger = make(wrong)
    assert renew_slots_after_release("2026x") == 1
    assert is_four_in_berlin(read_promise(trigger))
    assert TimezoneData.objects.get().version == "2026x"
    ScheduleState.objects.update(next_fire_at=wrong, due_at=wrong)
    assert renew_slots_after_release("2026x") == 0
    assert read_promise(trigger) == wrong
    # A downgrade is a change too.
    assert renew_slots_after_release("2026w") == 1
    assert is_four_in_berlin(read_promise(trigger))
    assert TimezoneData.objects.get().version == "2026w"


def test_what_is_owed_paused_or_no_cron_line_stays_as_it_is() -> None:
    now = timezone.now()
    owed = make(now - HOUR)
    paused = make(None, is_active=False)
    exhausted = make(None, max_fires=1)
    every = make(now + HOUR, schedule="@every 1d")
    once = make(now + HOUR, schedule="@at 2199-01-01T00:00:00Z")
    unscheduled = make(None, schedule=None)
    assert renew_slots_after_release("2026x") == 0
    assert read_promise(owed) == now - HOUR
    assert read_promise(every) == read_promise(once) == now + HOUR
    assert {read_promise(one) for one in (paused, exhausted, unscheduled)} == {None}


def test_slots_that_are_right_already_are_not_written() -> None:
    trigger = make(timezone.now() + 30 * HOUR, jitter_seconds=3600)
    renew_slots_after_release("2026x")
    state = ScheduleState.objects.get(trigger=trigger)
    assert state.next_fire_at is not None
    assert state.due_at is not None
    assert dt.timedelta(0) <= state.due_at - state.next_fire_at <= HOUR
    with CaptureQueriesContext(connection) as queries:
        assert renew_slots_after_release("2026y") == 0
    assert not [q for q in queries if q["sql"].startswith('UPDATE "triggers_schedulestate"')]


def test_many_triggers_are_renewed_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone_data, "_BATCH_SIZE", 3)
    triggers = [make(timezone.now() + 30 * HOUR) for _ in range(7)]
    assert renew_slots_after_release("2026x") == 7
    assert all(is_four_in_berlin(read_promise(trigger)) for trigger in triggers)


def test_a_zone_that_is_gone_holds_up_nobody_else() -> None:
    later = timezone.now() + 30 * HOUR
    lost, sound = make(later, timezone="Mars/Olympus"), make(later)
    assert renew_slots_after_release("2026x") == 1
    assert read_promise(lost) == later
    assert is_four_in_berlin(read_promise(sound))


def test_beat_renews_when_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    # The base class closes Django's connection, and with it this test's transaction.
    monkeypatch.setattr(DatabaseScheduler, "setup_schedule", lambda self: None)
    trigger = make(timezone.now() + 30 * HOUR)
    TriggerScheduler(app=current_app, lazy=True).setup_schedule()
    assert is_four_in_berlin(read_promise(trigger))
    assert TimezoneData.objects.get().version == read_release()

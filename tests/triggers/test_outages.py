"""Days of Beat by a simulated clock: outages, pauses, seasons; and hosts whose clocks are wrong."""

import datetime as dt
import time
from typing import Any

import pytest
from celery import current_app
from django.utils import timezone

from events.models import Event
from tests.factories import ActionFactory, TriggerFactory
from tests.triggers.simulated_clock import SimulatedClock
from triggers.models import Fire, ScheduleState, Trigger
from triggers.rules.jitter import find_effective_time
from triggers.rules.schedule import iterate_slots, parse_schedule
from triggers.scheduler import TriggerScheduler
from triggers.services import (
    create_trigger,
    fire_due_triggers,
    pause_trigger,
    resume_trigger,
    update_trigger,
)
from workspaces.rules.callers import Caller

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2026, 11, 24, 12, 0, 30, tzinfo=dt.UTC)
MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)


def create(caller: Caller, *, now: dt.datetime, **fields: Any) -> Trigger:
    action = ActionFactory()
    return create_trigger(
        workspace_id=action.workspace_id,
        fields={"name": "t", "event_type": "a.b", "action_id": action.id, **fields},
        caller=caller,
        now=now,
    )


def name_trigger(trigger: Trigger, caller: Caller) -> dict[str, Any]:
    return {"workspace_id": trigger.workspace_id, "trigger_id": trigger.id, "caller": caller}


def read_ledger(trigger: Trigger) -> list[tuple[str, str]]:
    """``HH:MM`` and outcome of every slot."""
    rows = Fire.objects.filter(trigger_id=trigger.id).order_by("scheduled_for")
    return [(f"{row.scheduled_for:%H:%M}", row.outcome) for row in rows]


# ── Beat stopped for three hours ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("policy", "owed"),
    [
        # Grace is an hour: what is older is missed, whatever the policy.
        ("coalesce", ["missed"] * 4 + ["superseded", "fired"]),
        ("replay", ["missed"] * 4 + ["fired", "fired"]),
        ("skip_missed", ["missed"] * 6),
    ],
)
def test_three_hours_without_beat(caller: Caller, policy: str, owed: list[str]) -> None:
    clock = SimulatedClock(NOON)
    trigger = create(caller, now=NOON, schedule="*/30 * * * *", catch_up_policy=policy)
    clock.run_beat(until=NOON + HOUR)
    clock.move_to(NOON + 4 * HOUR + 10 * MINUTE)
    clock.run_beat(until=NOON + 5 * HOUR)
    times = [f"{12 + half // 2}:{half % 2 * 30:02}" for half in range(1, 11)]
    assert read_ledger(trigger) == list(
        zip(times, ["fired", "fired", *owed, "fired", "fired"], strict=True)
    )
    (missed,) = Event.objects.filter(event_type="trigger.missed")
    count = owed.count("missed")
    assert (missed.data["count"], missed.data["first"]) == (count, "2026-11-24T13:30:00Z")
    last = {4: "2026-11-24T15:00:00Z", 6: "2026-11-24T16:00:00Z"}[count]
    assert missed.data["last"] == last
    state = ScheduleState.objects.get(trigger=trigger)
    assert state.misfire_count == 0, "two slots were on time since"
    assert state.last_misfire_at == dt.datetime.fromisoformat(last)


def test_missed_slots_are_counted_until_one_is_on_time(caller: Caller) -> None:
    clock = SimulatedClock(NOON)
    trigger = create(caller, now=NOON, schedule="*/30 * * * *", catch_up_policy="skip_missed")
    clock.move_to(NOON + 3 * HOUR)
    fire_due_triggers()
    state = ScheduleState.objects.get(trigger=trigger)
    # The one of 15:00 is thirty seconds late: on time.
    assert state.misfire_count == 5
    assert read_ledger(trigger)[-1] == ("15:00", "fired")
    clock.run_beat(until=NOON + 4 * HOUR)
    assert ScheduleState.objects.get(trigger=trigger).misfire_count == 0


@pytest.mark.parametrize("policy", ["coalesce", "replay", "skip_missed"])
def test_an_outage_of_a_week_is_settled_by_claims_of_bounded_size(
    caller: Caller, policy: str
) -> None:
    clock = SimulatedClock(NOON)
    trigger = create(caller, now=NOON, schedule="* * * * *", catch_up_policy=policy)
    back = NOON + dt.timedelta(days=7, seconds=10)
    clock.move_to(back)
    clock.run_beat(until=back)
    rows = Fire.objects.filter(trigger_id=trigger.id)
    counts = dict.fromkeys(("missed", "superseded", "fired"), 0)
    for fire in rows:
        counts[fire.outcome] += fire.slot_count
    assert sum(counts.values()) == 7 * 24 * 60
    # 11:00:40 is an hour ago: the slots from 11:01 to 12:00 are within the grace.
    within = {"coalesce": (59, 1), "replay": (0, 60), "skip_missed": (0, 1)}[policy]
    assert (counts["superseded"], counts["fired"]) == within
    events = Event.objects.filter(event_type="trigger.missed")
    assert sum(event.data["count"] for event in events) == counts["missed"]
    assert rows.count() < 5 * 1_000


# ── pause, resume, edit ──────────────────────────────────────────────────────────────────────────


def test_paused_at_29_and_resumed_at_31_fires_nothing(caller: Caller) -> None:
    def at(hour: int, minute: int) -> dt.datetime:
        return dt.datetime(2026, 11, 24, hour, minute, tzinfo=dt.UTC)

    clock = SimulatedClock(at(2, 0))
    trigger = create(caller, now=at(2, 0), schedule="30 2 * * *")
    clock.run_beat(until=at(2, 29))
    pause_trigger(**name_trigger(trigger, caller), reason=None, until=None, now=at(2, 29))
    clock.run_beat(until=at(2, 31))
    resume_trigger(**name_trigger(trigger, caller), now=at(2, 31))
    clock.run_beat(until=at(3, 31))
    assert read_ledger(trigger) == []
    state = ScheduleState.objects.get(trigger=trigger)
    assert state.next_fire_at == at(2, 30) + dt.timedelta(days=1)
    assert state.misfire_count == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"schedule": "*/20 * * * *"},
        {"timezone": "Asia/Kathmandu"},
        {"dst_gap": "skip"},
        {"dst_overlap": "both"},
        {"starts_at": NOON - dt.timedelta(days=9)},
        {"ends_at": NOON + dt.timedelta(days=9)},
        {"max_fires": 100},
    ],
)
def test_an_edit_after_an_outage_owes_nothing(caller: Caller, fields: dict[str, Any]) -> None:
    clock = SimulatedClock(NOON)
    trigger = create(caller, now=NOON, schedule="*/15 * * * *", catch_up_policy="replay")
    later = NOON + 2 * HOUR
    clock.move_to(later)
    update_trigger(**name_trigger(trigger, caller), fields=fields, now=later)
    clock.run_beat(until=later + HOUR)
    assert read_ledger(trigger)
    first = Fire.objects.order_by("scheduled_for")[0].scheduled_for
    assert first is not None
    assert first > later


def test_a_start_in_the_past_owes_nothing_and_one_to_come_is_waited_for(caller: Caller) -> None:
    clock = SimulatedClock(NOON)
    past, future = NOON - 5 * HOUR, NOON + 90 * MINUTE
    old = create(caller, now=NOON, schedule="@every 1h", starts_at=past, catch_up_policy="replay")
    new = create(caller, now=NOON, schedule="@every 1h/5m", starts_at=future)
    clock.run_beat(until=NOON + 3 * HOUR)
    assert [row for row, _ in read_ledger(old)] == ["13:00", "14:00", "15:00"]
    assert [row for row, _ in read_ledger(new)] == ["13:35", "14:35"]


# ── seasons ──────────────────────────────────────────────────────────────────────────────────────

SEASONS = [
    ("Europe/Berlin", dt.datetime(2026, 3, 28, 12, tzinfo=dt.UTC)),
    ("Europe/Berlin", dt.datetime(2026, 10, 24, 12, tzinfo=dt.UTC)),
    ("America/Havana", dt.datetime(2026, 3, 7, 17, tzinfo=dt.UTC)),
    ("Australia/Lord_Howe", dt.datetime(2026, 4, 4, 2, tzinfo=dt.UTC)),
    ("Africa/Casablanca", dt.datetime(2026, 2, 14, 12, tzinfo=dt.UTC)),
    ("Antarctica/Troll", dt.datetime(2026, 3, 28, 12, tzinfo=dt.UTC)),
]


@pytest.mark.parametrize(("zone", "start"), SEASONS)
def test_what_is_previewed_is_promised_and_fired(
    caller: Caller, zone: str, start: dt.datetime
) -> None:
    lines = ["30 2 * * *", "0 0 * * *", "*/40 * * * *", "15,45 0-3 * * *", "@every 50m/3m"]
    rules = [("shift", "first"), ("skip", "second"), ("shift", "both")]
    until = start + dt.timedelta(hours=30)
    clock = SimulatedClock(start)
    expected: dict[Any, list[dt.datetime]] = {}
    for number, text in enumerate(lines):
        for gap, overlap in rules:
            rule: dict[str, Any] = {"timezone": zone, "dst_gap": gap, "dst_overlap": overlap}
            jitter = 600 * (number % 2)
            trigger = create(caller, now=start, schedule=text, jitter_seconds=jitter, **rule)
            slots = iterate_slots(
                parse_schedule(text), **rule, after=start, until=until + 24 * HOUR, limit=999
            )
            assert ScheduleState.objects.get(trigger=trigger).next_fire_at == next(
                iter(slots), None
            )
            effective = [
                find_effective_time(
                    slot, trigger_id=trigger.id, jitter_seconds=jitter, following=following
                )
                for slot, following in zip(slots, [*slots[1:], None], strict=True)
            ]
            expected[trigger.id] = [
                slot for slot, due in zip(slots, effective, strict=True) if due <= until
            ]
    clock.run_beat(until=until)
    for trigger_id, slots in expected.items():
        fires = Fire.objects.filter(trigger_id=trigger_id).order_by("scheduled_for")
        assert [fire.scheduled_for for fire in fires] == slots
        assert {fire.outcome for fire in fires} <= {"fired"}


# ── the host's own clock ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("wrong_by", [HOUR, -HOUR])
def test_a_host_whose_clock_is_wrong_fires_at_the_right_time(
    monkeypatch: pytest.MonkeyPatch, wrong_by: dt.timedelta
) -> None:
    """Postgres' clock decides; the host's only paces the ticks."""
    real = time.time
    real_now = timezone.now
    minute = real_now().replace(second=0, microsecond=0)
    due = TriggerFactory(schedule="* * * * *", next_fire_at=minute)
    soon = TriggerFactory(schedule="0 0 1 1 *", next_fire_at=minute + 30 * MINUTE)
    monkeypatch.setattr(time, "time", lambda: real() + wrong_by.total_seconds())
    monkeypatch.setattr(timezone, "now", lambda: real_now() + wrong_by)
    clock = TriggerScheduler(app=current_app, lazy=True)
    clock._fire_due()
    monkeypatch.undo()
    assert [outcome for _, outcome in read_ledger(due)] == ["fired"]
    assert read_ledger(soon) == []
    fire = Fire.objects.get(trigger_id=due.id)
    assert abs(fire.created_at - real_now()) < MINUTE
    state = ScheduleState.objects.get(trigger=due)
    assert state.next_fire_at == minute + MINUTE
    assert state.misfire_count == 0

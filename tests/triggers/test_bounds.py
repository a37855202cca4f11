"""Slots within bounds, in the one pure module."""

from datetime import UTC, datetime, timedelta

import pytest

from triggers.rules.schedule import iterate_slots, next_slot, parse_schedule

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
BERLIN = {"timezone": "Europe/Berlin", "dst_gap": "shift", "dst_overlap": "first"}


def find_next(
    text: str,
    after: datetime,
    *,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> datetime | None:
    return next_slot(
        parse_schedule(text), **BERLIN, after=after, starts_at=starts_at, ends_at=ends_at
    )


@pytest.mark.parametrize("text", ["0 * * * *", "@every 1h", "@at 2026-03-10T15:00:00Z"])
def test_both_bounds_are_included_and_nothing_lies_outside(text: str) -> None:
    three = NOON + 3 * HOUR
    assert find_next(text, NOON, starts_at=three) == three
    assert find_next(text, NOON, starts_at=three, ends_at=three + MINUTE) == three
    assert find_next(text, three - MINUTE, ends_at=three) == three
    assert find_next(text, three - MINUTE, ends_at=three - timedelta.resolution) is None
    assert find_next(text, three, ends_at=three) is None


def test_a_start_between_two_slots_waits_for_the_next_one() -> None:
    start = NOON + timedelta(seconds=30)
    assert find_next("0 * * * *", NOON - HOUR, starts_at=start) == NOON + HOUR
    assert find_next("@at 2026-03-10T12:00:00Z", NOON - HOUR, starts_at=start) is None


def test_a_start_in_the_past_changes_no_cron_line() -> None:
    past = NOON - timedelta(days=400, seconds=17)
    assert find_next("0 * * * *", NOON, starts_at=past) == NOON + HOUR


@pytest.mark.parametrize(
    ("text", "offset"),
    [("@every 1h", timedelta(0)), ("@every 1h/20m", 20 * MINUTE), ("@every 7m", timedelta(0))],
)
def test_every_counts_from_its_start_and_never_drifts(text: str, offset: timedelta) -> None:
    start = datetime(2026, 1, 1, 0, 3, 7, tzinfo=UTC)
    step = 7 * MINUTE if "7m" in text else HOUR
    assert find_next(text, start - 90 * HOUR, starts_at=start) == start + offset
    slot = find_next(text, NOON, starts_at=start)
    assert slot is not None
    assert NOON < slot <= NOON + step
    assert (slot - start - offset) % step == timedelta(0)


def test_every_starts_at_a_time_of_any_zone() -> None:
    start = datetime.fromisoformat("2026-03-10T14:30:00+01:00")
    assert find_next("@every 2h", NOON, starts_at=start) == NOON + 90 * MINUTE


@pytest.mark.parametrize("text", ["*/10 * * * *", "@every 10m"])
def test_slots_are_listed_within_the_bounds(text: str) -> None:
    found = iterate_slots(
        parse_schedule(text),
        **BERLIN,
        after=NOON,
        until=NOON + 5 * HOUR,
        limit=1_000,
        starts_at=NOON + HOUR,
        ends_at=NOON + 2 * HOUR,
    )
    assert found == [NOON + HOUR + number * 10 * MINUTE for number in range(7)]


@pytest.mark.parametrize("text", ["* * * * *", "@every 1h/20m"])
def test_bounds_at_the_ends_of_the_calendar_are_no_error(text: str) -> None:
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    assert find_next(text, NOON, starts_at=last) is None
    assert find_next(text, NOON, starts_at=first) is not None
    assert find_next(text, NOON, ends_at=first) is None

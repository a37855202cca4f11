"""When calls may be placed: windows by the wall clock, over midnight, weekdays and DST."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.rules.outbound_calls import compute_closed_seconds, compute_retry_delay
from actions.rules.windows import DAYS, Window, find_opening, is_open

NEW_YORK = "America/New_York"
YEARS = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
ZONES = (NEW_YORK, "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata")


def local(text: str, zone: str = NEW_YORK, fold: int = 0) -> dt.datetime:
    wall = dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return wall.astimezone(dt.UTC)


def window(start: str, end: str, zone: str = NEW_YORK, *days: str) -> Window:
    return Window.from_json(
        {"start": start, "end": end, "timezone": zone, **({"days": list(days)} if days else {})}
    )


def test_what_is_not_given_is_office_hours_in_new_york() -> None:
    assert Window.from_json({}) == window("09:00", "18:00")


@pytest.mark.parametrize(
    ("start", "end", "at", "expected"),
    [
        ("09:00", "18:00", "2026-11-24T09:00", True),
        ("09:00", "18:00", "2026-11-24T08:59:59", False),
        ("09:00", "18:00", "2026-11-24T17:59:59", True),
        ("09:00", "18:00", "2026-11-24T18:00", False),
        ("22:00", "06:00", "2026-11-24T23:00", True),
        ("22:00", "06:00", "2026-11-24T05:59", True),
        ("22:00", "06:00", "2026-11-24T06:00", False),
        ("22:00", "06:00", "2026-11-24T21:59", False),
        ("12:00", "12:00", "2026-11-24T03:00", True),
    ],
)
def test_a_window_holds_its_start_and_not_its_end(
    start: str, end: str, at: str, expected: bool
) -> None:
    assert is_open(window(start, end), local(at)) is expected


def test_a_night_belongs_to_the_day_on_which_it_starts() -> None:
    friday_night = window("22:00", "06:00", NEW_YORK, "fri")
    assert is_open(friday_night, local("2026-11-28T03:00"))  # a Saturday
    assert not is_open(friday_night, local("2026-11-27T03:00"))
    assert not is_open(friday_night, local("2026-11-28T23:00"))


@pytest.mark.parametrize(
    ("given", "at", "opens"),
    [
        (window("09:00", "18:00"), "2026-11-24T19:00", "2026-11-25T09:00"),
        (window("09:00", "18:00"), "2026-11-24T10:00", "2026-11-24T10:00"),
        (window("09:00", "18:00", NEW_YORK, "mon"), "2026-11-24T10:00", "2026-11-30T09:00"),
        (window("00:00", "00:00", NEW_YORK, "sat"), "2026-11-24T10:00", "2026-11-28T00:00"),
        # The clock jumps from 02:00 to 03:00: 02:30 does not come, 03:00 is inside.
        (window("02:30", "05:00"), "2026-03-08T01:00", "2026-03-08T03:00"),
        # The whole window is skipped that day.
        (window("02:10", "02:50"), "2026-03-08T01:00", "2026-03-09T02:10"),
    ],
)
def test_the_next_opening_is_found(given: Window, at: str, opens: str) -> None:
    assert find_opening(given, local(at)) == local(opens)


def test_an_hour_that_repeats_opens_its_window_twice() -> None:
    given = window("01:10", "01:30")
    assert find_opening(given, local("2026-11-01T01:40")) == local("2026-11-01T01:10", fold=1)
    # Going back can lead into an open window, too.
    given = window("00:30", "01:30")
    assert find_opening(given, local("2026-11-01T01:40")) == local("2026-11-01T01:00", fold=1)


def test_a_weekday_that_a_zone_left_out_comes_a_week_later() -> None:
    given = window("09:00", "10:00", "Pacific/Apia", "fri")
    at = local("2011-12-29T12:00", "Pacific/Apia")
    assert find_opening(given, at) == local("2012-01-06T09:00", "Pacific/Apia")


clocks = st.builds(lambda h, m: f"{h:02}:{m:02}", st.integers(0, 23), st.sampled_from([0, 15, 30]))


@given(
    start=clocks,
    end=clocks,
    zone=st.sampled_from(ZONES),
    days=st.sets(st.sampled_from(DAYS), min_size=1),
    at=st.integers(0, 2 * 365 * 96).map(lambda n: YEARS + n * dt.timedelta(minutes=15)),
)
def test_no_minute_before_the_opening_is_open(
    start: str, end: str, zone: str, days: set[str], at: dt.datetime
) -> None:
    given_window = window(start, end, zone, *days)
    opening = find_opening(given_window, at)
    assert is_open(given_window, opening)
    assert opening >= at
    step = dt.timedelta(minutes=15)
    moment = at
    while moment < opening:
        assert not is_open(given_window, moment)
        moment += step
    if opening > at:
        assert not is_open(given_window, opening - dt.timedelta(seconds=1))


def test_a_retry_waits_for_its_backoff_and_for_the_window() -> None:
    day: dict[str, Any] = {"start": "09:00", "end": "18:00", "timezone": NEW_YORK}
    at = local("2026-11-24T17:00")
    assert compute_retry_delay(retry_backoff_minutes=30, window=day, now=at) == 30 * 60
    assert compute_retry_delay(retry_backoff_minutes=60, window=day, now=at) == 16 * 3600
    assert compute_closed_seconds(day, at) is None
    assert compute_closed_seconds(day, local("2026-11-24T18:00")) == 15 * 3600

"""Slots against another calendar, and the laws that hold for any schedule."""

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.triggers.calendar_oracle import list_changes, list_expected_slots
from triggers.rules.schedule import (
    InvalidSchedule,
    Schedule,
    is_interval_job,
    iterate_slots,
    next_slot,
    parse_schedule,
)
from triggers.rules.timezones import load_timezone

ZONES = (
    "UTC",
    "Europe/Berlin",
    "Europe/Dublin",
    "America/New_York",
    "America/St_Johns",
    "America/Havana",
    "America/Santiago",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Antarctica/Troll",
)
START, END = datetime(2009, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
RULES = [(gap, overlap) for gap in ("shift", "skip") for overlap in ("first", "second", "both")]


@cache
def list_zone_changes(zone: str) -> list[datetime]:
    return list_changes(zone, start=START, end=END)


def fields(low: int, high: int) -> st.SearchStrategy[str]:
    value = st.integers(low, high)
    spans = st.tuples(value, value).map(sorted).map(lambda pair: f"{pair[0]}-{pair[1]}")
    steps = st.integers(1, high - low)
    item = st.one_of(
        value.map(str),
        spans,
        st.tuples(spans, steps).map(lambda pair: f"{pair[0]}/{pair[1]}"),
        steps.map(lambda step: f"*/{step}"),
    )
    return st.one_of(st.just("*"), st.lists(item, min_size=1, max_size=3).map(",".join))


nth_weekdays = st.tuples(st.integers(0, 7), st.integers(1, 5)).map(
    lambda pair: f"{pair[0]}#{pair[1]}"
)
day_fields = st.one_of(
    st.just(("*", "*")),
    st.tuples(fields(1, 31), fields(0, 7)),
    st.tuples(fields(1, 31), st.just("*")),
    st.tuples(st.just("*"), fields(0, 7)),
    st.tuples(st.sampled_from(["L", "1,L", "10-20,L"]), st.just("*")),
    st.tuples(st.just("*"), nth_weekdays),
    st.tuples(st.just("*"), st.sampled_from(["5L", "1L,3#2", "7L", "SUNL"])),
)
cron_lines = st.builds(
    lambda minute, hour, days, month: f"{minute} {hour} {days[0]} {month} {days[1]}",
    fields(0, 59),
    # Mostly the hours at which clocks change.
    st.one_of(fields(0, 23), fields(0, 3)),
    day_fields,
    st.one_of(st.just("*"), fields(1, 12)),
)


@st.composite
def moments(draw: st.DrawFn, zone: str) -> datetime:
    changes = list_zone_changes(zone)
    near = (
        st.sampled_from(changes)
        if changes
        else st.datetimes(
            START.replace(tzinfo=None), END.replace(tzinfo=None), timezones=st.just(UTC)
        )
    )
    return draw(near) + timedelta(seconds=draw(st.integers(-5 * 3600, 5 * 3600)))


def try_parse(text: str) -> Schedule | None:
    try:
        return parse_schedule(text)
    except InvalidSchedule:
        # Dates that never come.
        return None


@given(st.data(), st.sampled_from(ZONES), cron_lines, st.sampled_from(RULES))
@settings(max_examples=300, deadline=None)
def test_slots_are_those_of_a_calendar_that_asks_every_minute(
    data: st.DataObject, zone: str, text: str, rules: tuple[str, str]
) -> None:
    gap, overlap = rules
    schedule = try_parse(text)
    if schedule is None:
        return
    after = data.draw(moments(zone))
    until = after + timedelta(hours=30)
    expected = list_expected_slots(text, zone, gap=gap, overlap=overlap, after=after, until=until)
    found = iterate_slots(
        schedule,
        timezone=zone,
        dst_gap=gap,
        dst_overlap=overlap,
        after=after,
        until=until,
        limit=10_000,
    )
    assert found == expected


@given(st.data(), st.sampled_from(ZONES), cron_lines, st.sampled_from(RULES))
@settings(max_examples=100, deadline=None)
def test_the_next_slot_is_the_first_of_those_that_follow_and_slots_only_increase(
    data: st.DataObject, zone: str, text: str, rules: tuple[str, str]
) -> None:
    schedule = try_parse(text)
    if schedule is None:
        return
    after = data.draw(moments(zone))
    found = iterate_slots(
        schedule,
        timezone=zone,
        dst_gap=rules[0],
        dst_overlap=rules[1],
        after=after,
        until=after + timedelta(days=400),
        limit=40,
    )
    slot: datetime | None = after
    for expected in found:
        assert slot is not None
        slot = next_slot(
            schedule, timezone=zone, dst_gap=rules[0], dst_overlap=rules[1], after=slot
        )
        assert slot == expected
        assert slot.tzinfo is UTC
    assert found == sorted(set(found))
    assert all(one > after for one in found)


@given(st.data(), st.sampled_from(ZONES), st.integers(0, 23), st.integers(0, 59))
@settings(max_examples=100, deadline=None)
def test_a_daily_job_runs_exactly_once_on_every_local_day(
    data: st.DataObject, zone: str, hour: int, minute: int
) -> None:
    schedule = parse_schedule(f"{minute} {hour} * * *")
    first = data.draw(moments(zone)) - timedelta(days=3)
    found = iterate_slots(
        schedule,
        timezone=zone,
        dst_gap="shift",
        dst_overlap="first",
        after=first,
        until=first + timedelta(days=8),
        limit=100,
    )
    tz = load_timezone(zone)
    hours = (first + timedelta(hours=number) for number in range(8 * 24))
    # Whole days alone; one that the zone never had (Samoa's 30 December 2011) is none of them.
    days = sorted({hour.astimezone(tz).date() for hour in hours})[1:-1]
    found_days = [slot.astimezone(tz).date() for slot in found]
    assert [day for day in found_days if days[0] <= day <= days[-1]] == days


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("text", ["*/15 * * * *", "*/30 * * * *", "* * * * *", "@every 20m"])
def test_interval_jobs_keep_their_spacing_over_every_change_of_clocks(zone: str, text: str) -> None:
    schedule = parse_schedule(text)
    assert is_interval_job(schedule)
    for change in list_zone_changes(zone)[-6:]:
        found = iterate_slots(
            schedule,
            timezone=zone,
            dst_gap="shift",
            dst_overlap="first",
            after=change - timedelta(hours=6),
            until=change + timedelta(hours=6),
            limit=2_000,
        )
        spacings = {later - earlier for earlier, later in pairwise(found)}
        assert len(spacings) == 1


@given(
    st.integers(10, 366 * 86_400),
    st.data(),
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_every_never_drifts_from_the_epoch_and_its_phase(
    seconds: int, data: st.DataObject, after: datetime
) -> None:
    phase = data.draw(st.integers(0, seconds - 1))
    schedule = parse_schedule(f"@every {seconds}s/{phase}s")
    slot = next_slot(schedule, timezone="UTC", dst_gap="shift", dst_overlap="first", after=after)
    assert slot is not None
    assert after < slot <= after + timedelta(seconds=seconds)
    assert int(slot.timestamp()) % seconds == phase


def find_next(text: str, after: datetime) -> datetime | None:
    return next_slot(
        parse_schedule(text),
        timezone="Europe/Berlin",
        dst_gap="shift",
        dst_overlap="first",
        after=after,
    )


def test_at_fires_once_and_is_exhausted_afterwards() -> None:
    at = datetime(2026, 12, 1, 9, tzinfo=UTC)
    assert find_next("@at 2026-12-01T10:00:00+01:00", at - timedelta(seconds=1)) == at
    assert find_next("@at 2026-12-01T10:00:00+01:00", at) is None


def test_29_february_is_found_over_a_century_without_a_leap_day() -> None:
    slot = find_next("0 12 29 2 *", datetime(2096, 3, 1, tzinfo=UTC))
    assert slot == datetime(2104, 2, 29, 11, tzinfo=UTC)


@pytest.mark.parametrize("text", ["* * * * *", "0 0 29 2 *", "@every 1d", "@every 90s"])
def test_the_end_of_the_calendar_is_no_slot_and_no_error(text: str) -> None:
    end = datetime.max.replace(tzinfo=UTC)
    assert find_next(text, end) is None
    assert find_next(text, end - timedelta(seconds=30)) is None
    assert find_next("0 0 29 2 *", datetime(9996, 3, 1, tzinfo=UTC)) is None


def test_offsets_with_seconds_do_not_repeat_a_slot() -> None:
    # Liberia kept 44 minutes and 30 seconds behind Greenwich until 1972.
    slot = datetime(1960, 1, 1, 9, 44, 30, tzinfo=UTC)
    for after, expected in (
        (slot - timedelta(seconds=1), slot),
        (slot, slot + timedelta(days=1)),
        (slot + timedelta(seconds=1), slot + timedelta(days=1)),
    ):
        found = next_slot(
            parse_schedule("0 9 * * *"),
            timezone="Africa/Monrovia",
            dst_gap="shift",
            dst_overlap="first",
            after=after,
        )
        assert found == expected


def test_slots_end_at_until_and_at_the_limit() -> None:
    after = datetime(2026, 11, 24, 5, 29, 30, tzinfo=UTC)
    schedule = parse_schedule("* * * * *")
    until = after.replace(second=0) + timedelta(minutes=3)
    found = iterate_slots(
        schedule,
        timezone="UTC",
        dst_gap="shift",
        dst_overlap="first",
        after=after,
        until=until,
        limit=10,
    )
    assert found == [until - timedelta(minutes=2), until - timedelta(minutes=1), until]
    assert not iterate_slots(
        schedule,
        timezone="UTC",
        dst_gap="shift",
        dst_overlap="first",
        after=after,
        until=after + timedelta(seconds=29),
        limit=10,
    )
    assert (
        len(
            iterate_slots(
                schedule,
                timezone="UTC",
                dst_gap="shift",
                dst_overlap="first",
                after=after,
                until=until,
                limit=2,
            )
        )
        == 2
    )

"""Every zone at every change of its clocks, 1990 to 2037 (``make zones``); else a fixed sample."""

import os
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.triggers.zone_changes import (
    REACH,
    Change,
    list_distinct_zones,
    list_expected_slots,
    list_zone_changes,
)
from triggers.rules.schedule import (
    is_interval_job,
    iterate_slots,
    next_slot,
    parse_schedule,
)
from triggers.rules.timezones import load_timezone

IS_WHOLE = os.environ.get("ZONES") == "all"
# Half hours, two hours, midnights, the date line, negative daylight saving, Ramadan, decrees.
SAMPLE = [
    "Africa/Cairo",
    "Africa/Casablanca",
    "Africa/El_Aaiun",
    "America/Danmarkshavn",
    "America/Havana",
    "America/New_York",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Antarctica/Casey",
    "Antarctica/Macquarie",
    "Antarctica/Troll",
    "Antarctica/Vostok",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Pyongyang",
    "Asia/Tehran",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Europe/Dublin",
    "Europe/Istanbul",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kwajalein",
]
ZONES = list_distinct_zones() if IS_WHOLE else SAMPLE
# (minutes, hours)
LINES: dict[str, tuple[set[int], set[int]]] = {
    "0 0 * * *": ({0}, {0}),
    "30 2 * * *": ({30}, {2}),
    "15,45 0,1,2,3,23 * * *": ({15, 45}, {0, 1, 2, 3, 23}),
    "1-59/7 0-4 * * *": (set(range(1, 60, 7)), set(range(5))),
    "*/20 * * * *": ({0, 20, 40}, set(range(24))),
    "*/30 0-4 * * *": ({0, 30}, set(range(5))),
    "7 */2 * * *": ({7}, set(range(0, 24, 2))),
}
RULES = [(gap, overlap) for gap in ("shift", "skip") for overlap in ("first", "second", "both")]


def list_found(text: str, change: Change, gap: str, overlap: str) -> list[datetime]:
    return iterate_slots(
        parse_schedule(text),
        timezone=change.zone,
        dst_gap=gap,
        dst_overlap=overlap,
        after=change.at - REACH - timedelta.resolution,
        until=change.at + REACH,
        limit=10_000,
    )


def list_changes(zone: str) -> list[Change]:
    """Those of the zone that no zone before it has, in the whole sweep; else every ninth, and those
    by odd amounts.
    """
    if IS_WHOLE:
        return [change for change in list_zone_changes(zone) if find_first_zone(change) == zone]
    usual = {timedelta(minutes=minutes) for minutes in (30, 60, 120)}
    return [
        change
        for number, change in enumerate(list_zone_changes(zone))
        if number % 9 == 0 or abs(change.after - change.before) not in usual
    ]


def find_first_zone(change: Change) -> str:
    """Where zones change together, between the same offsets, one of them is asked."""
    return list_first_zones()[change.at, change.before, change.after]


@cache
def list_first_zones() -> dict[tuple[datetime, timedelta, timedelta], str]:
    return {
        (change.at, change.before, change.after): zone
        for zone in reversed(ZONES)
        for change in list_zone_changes(zone)
    }


@pytest.mark.parametrize("zone", ZONES)
def test_slots_around_every_change_are_those_of_a_second_opinion(zone: str) -> None:
    for number, change in enumerate(list_changes(zone)):
        for text, (minutes, hours) in LINES.items():
            for gap, overlap in {RULES[0], RULES[number % 6], RULES[(number + 4) % 6]}:
                expected = list_expected_slots(
                    minutes,
                    hours,
                    change,
                    is_interval_job=is_interval_job(parse_schedule(text)),
                    gap=gap,
                    overlap=overlap,
                )
                found = list_found(text, change, gap, overlap)
                assert found == expected, (change, text, gap, overlap)
                assert all(earlier < later for earlier, later in pairwise(found))


@pytest.mark.parametrize("zone", ZONES)
def test_next_slot_walks_over_every_change_as_the_list_does(zone: str) -> None:
    for number, change in enumerate(list_changes(zone)):
        text = list(LINES)[number % len(LINES)]
        gap, overlap = RULES[number % 6]
        slot: datetime | None = change.at - timedelta(hours=5)
        found = [one for one in list_found(text, change, gap, overlap) if slot and one > slot]
        for expected in found[:12]:
            assert slot is not None
            slot = next_slot(
                parse_schedule(text),
                timezone=zone,
                dst_gap=gap,
                dst_overlap=overlap,
                after=slot,
            )
            assert slot == expected


@pytest.mark.parametrize("zone", ZONES)
def test_a_slot_is_at_its_local_time_or_at_the_change(zone: str) -> None:
    """There and back: what is read off the wall at a slot is what the line says."""
    tz = load_timezone(zone)
    for change in list_changes(zone):
        for text, (minutes, hours) in LINES.items():
            for slot in list_found(text, change, "shift", "both"):
                local = slot.astimezone(tz)
                is_named = local.minute in minutes and local.hour in hours
                assert is_named or (slot == change.at and change.after > change.before)
                assert local.astimezone(UTC) == slot


@pytest.mark.parametrize("zone", ZONES)
def test_a_daily_job_runs_once_on_every_local_day_around_every_change(zone: str) -> None:
    for number, change in enumerate(list_changes(zone)):
        if change.after - change.before > timedelta(hours=3):
            # The zone crossed the date line, or a station moved: nothing is made up.
            continue
        for text in ("0 0 * * *", "30 2 * * *", f"{number % 60} {number % 24} * * *"):
            found = list_found(text, change, "shift", "first")
            days = [name_day(slot, text, change) for slot in found]
            assert len(days) == len(set(days)), (change, text)
            hours = [change.at + timedelta(hours=n) for n in range(-28, 29)]
            local_days = sorted({change.read_wall(hour).date() for hour in hours})
            assert set(local_days[1:-1]) <= set(days), (change, text)


def name_day(slot: datetime, text: str, change: Change) -> date:
    """The local day whose slot this is: out of a gap before midnight it comes a day late."""
    minute, hour, *_ = text.split()
    at = time(int(hour), int(minute))
    local, skipped = change.read_wall(slot), (change.at + change.before).replace(tzinfo=None)
    if local.time() == at or slot != change.at:
        return local.date()
    return skipped.date() + timedelta(days=at < skipped.time())


@pytest.mark.parametrize("zone", ZONES)
def test_interval_jobs_keep_their_spacing_over_every_change(zone: str) -> None:
    for change in list_changes(zone):
        moved = abs(change.after - change.before)
        for minutes in (1, 5, 15, 30):
            step = timedelta(minutes=minutes)
            if moved % step or (change.before.total_seconds() % 60):
                # Clocks that move by 20 minutes do not keep half hours.
                continue
            text = f"*/{minutes} * * * *"
            found = list_found(text, change, "shift", "first")
            assert {later - earlier for earlier, later in pairwise(found)} == {step}, change


# ── another implementation ───────────────────────────────────────────────────────────────────────


def fields(low: int, high: int) -> st.SearchStrategy[str]:
    value = st.integers(low, high)
    spans = st.tuples(value, value).map(sorted).map(lambda pair: f"{pair[0]}-{pair[1]}")
    item = st.one_of(value.map(str), spans, st.integers(2, 9).map(lambda step: f"*/{step}"))
    return st.one_of(st.just("*"), st.lists(item, min_size=1, max_size=3).map(",".join))


day_fields = st.one_of(
    st.just(("*", "*")),
    st.tuples(
        st.lists(st.integers(1, 31).map(str), min_size=1, max_size=3).map(",".join), st.just("*")
    ),
    st.tuples(st.just("*"), fields(0, 7)),
    st.tuples(st.integers(1, 31).map(str), st.integers(0, 7).map(str)),
    st.just(("L", "*")),
    st.tuples(st.just("*"), st.sampled_from(["1#1", "5#2,3#4", "5L", "0L"])),
)


@given(
    fields(0, 59),
    fields(0, 23),
    day_fields,
    st.one_of(st.just("*"), fields(1, 12)),
    st.datetimes(datetime(1990, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
@settings(max_examples=5_000 if IS_WHOLE else 200, deadline=None)
def test_cronsim_agrees_where_clocks_do_not_change(
    minute: str, hour: str, days: tuple[str, str], month: str, after: datetime
) -> None:
    text = f"{minute} {hour} {days[0]} {month} {days[1]}"
    try:
        schedule = parse_schedule(text)
    except ValueError:
        # Dates that never come.
        return
    theirs = CronSim(text, after)
    slot: datetime | None = after
    for _ in range(5):
        assert slot is not None
        slot = next_slot(schedule, timezone="UTC", dst_gap="shift", dst_overlap="first", after=slot)
        assert slot == next(theirs)


AGREED = ["0 0 * * *", "30 2 * * *", "15,45 0,1,2,3,23 * * *", "*/20 * * * *", "7 */2 * * *"]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Sydney"])
def test_cronsim_agrees_on_changes_of_an_hour(zone: str) -> None:
    """It follows Debian's cron as well: fixed times run once, right after a gap."""
    for change in list_zone_changes(zone)[-40:]:
        for text in AGREED:
            start = change.at - timedelta(hours=20)
            theirs = CronSim(text, start.astimezone(load_timezone(zone)))
            found = [one for one in list_found(text, change, "shift", "first") if one > start]
            assert found, text
            assert [next(theirs).astimezone(UTC) for _ in found] == found, (change, text)

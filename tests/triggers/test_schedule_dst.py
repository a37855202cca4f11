"""Daylight saving, zone by zone: the tables that users are promised. Times left are UTC."""

from datetime import UTC, datetime

import pytest

from triggers.rules.schedule import iterate_slots, next_slot, parse_schedule


def list_slots(
    text: str, zone: str, start: str, end: str, *, gap: str = "shift", overlap: str = "first"
) -> list[str]:
    """The slots in (start, end] as ``MM-DDTHH:MM`` in UTC."""
    slots = iterate_slots(
        parse_schedule(text),
        timezone=zone,
        dst_gap=gap,
        dst_overlap=overlap,
        after=datetime.fromisoformat(start).replace(tzinfo=UTC),
        until=datetime.fromisoformat(end).replace(tzinfo=UTC),
        limit=1_000,
    )
    return [slot.strftime("%m-%dT%H:%M") for slot in slots]


# Europe/Berlin: on 29 March 2026 02:00 becomes 03:00 at 01:00 UTC; on 25 October 03:00 becomes
# 02:00 at 01:00 UTC.
BERLIN_SPRING = ("Europe/Berlin", "2026-03-28T12:00", "2026-03-29T12:00")
BERLIN_AUTUMN = ("Europe/Berlin", "2026-10-24T12:00", "2026-10-25T12:00")
NEW_YORK_SPRING = ("America/New_York", "2026-03-07T17:00", "2026-03-08T17:00")
NEW_YORK_AUTUMN = ("America/New_York", "2026-10-31T16:00", "2026-11-01T17:00")
# Half an hour: 02:00 becomes 02:30 on 4 October 2026 at 15:30 UTC the day before; 02:00 becomes
# 01:30 on 5 April at 15:00 UTC the day before.
LORD_HOWE_SPRING = ("Australia/Lord_Howe", "2026-10-03T02:00", "2026-10-04T02:00")
LORD_HOWE_AUTUMN = ("Australia/Lord_Howe", "2026-04-04T02:00", "2026-04-05T02:00")
# Morocco puts its clocks back for Ramadan: 03:00 becomes 02:00 on 15 February 2026 at 02:00 UTC,
# and 02:00 becomes 03:00 on 22 March at 02:00 UTC.
CASABLANCA_BACK = ("Africa/Casablanca", "2026-02-14T12:00", "2026-02-15T12:00")
CASABLANCA_FORWARD = ("Africa/Casablanca", "2026-03-21T12:00", "2026-03-22T12:00")


@pytest.mark.parametrize(
    ("text", "window", "expected"),
    [
        ("30 2 * * *", BERLIN_SPRING, ["03-29T01:00"]),
        ("0 2 * * *", BERLIN_SPRING, ["03-29T01:00"]),
        ("0 3 * * *", BERLIN_SPRING, ["03-29T01:00"]),
        # Skipped times and the regular one that they meet are one slot.
        ("0,15,30 2 * * *", BERLIN_SPRING, ["03-29T01:00"]),
        ("30 2,3 * * *", BERLIN_SPRING, ["03-29T01:00", "03-29T01:30"]),
        ("0 2,3 * * *", BERLIN_SPRING, ["03-29T01:00"]),
        ("30 1 * * *", BERLIN_SPRING, ["03-29T00:30"]),
        ("30 2 * * *", NEW_YORK_SPRING, ["03-08T07:00"]),
        ("15 2 * * *", LORD_HOWE_SPRING, ["10-03T15:30"]),
        ("30 2 * * *", LORD_HOWE_SPRING, ["10-03T15:30"]),
        ("45 2 * * *", LORD_HOWE_SPRING, ["10-03T15:45"]),
        ("30 2 * * *", CASABLANCA_FORWARD, ["03-22T02:00"]),
    ],
)
def test_a_fixed_time_that_does_not_exist_runs_once_after_the_gap(
    text: str, window: tuple[str, str, str], expected: list[str]
) -> None:
    assert list_slots(text, *window) == expected


@pytest.mark.parametrize(
    ("text", "window", "expected"),
    [
        ("30 2 * * *", BERLIN_SPRING, []),
        ("0 3 * * *", BERLIN_SPRING, ["03-29T01:00"]),
        ("30 2,3 * * *", BERLIN_SPRING, ["03-29T01:30"]),
        ("15 2 * * *", LORD_HOWE_SPRING, []),
        ("30 2 * * *", LORD_HOWE_SPRING, ["10-03T15:30"]),
    ],
)
def test_a_fixed_time_that_does_not_exist_can_be_skipped(
    text: str, window: tuple[str, str, str], expected: list[str]
) -> None:
    assert list_slots(text, *window, gap="skip") == expected


@pytest.mark.parametrize(
    ("text", "window", "first", "second"),
    [
        ("30 2 * * *", BERLIN_AUTUMN, "10-25T00:30", "10-25T01:30"),
        ("0 2 * * *", BERLIN_AUTUMN, "10-25T00:00", "10-25T01:00"),
        ("30 1 * * *", NEW_YORK_AUTUMN, "11-01T05:30", "11-01T06:30"),
        ("45 1 * * *", LORD_HOWE_AUTUMN, "04-04T14:45", "04-04T15:15"),
        ("30 2 * * *", CASABLANCA_BACK, "02-15T01:30", "02-15T02:30"),
    ],
)
def test_a_fixed_time_that_comes_twice_runs_at_the_chosen_pass(
    text: str, window: tuple[str, str, str], first: str, second: str
) -> None:
    assert list_slots(text, *window) == [first]
    assert list_slots(text, *window, overlap="second") == [second]
    assert list_slots(text, *window, overlap="both") == [first, second]


@pytest.mark.parametrize("overlap", ["first", "second", "both"])
def test_a_time_outside_the_repeated_hour_runs_once_whatever_the_rule(overlap: str) -> None:
    assert list_slots("30 1 * * *", *BERLIN_AUTUMN, overlap=overlap) == ["10-24T23:30"]
    assert list_slots("0 3 * * *", *BERLIN_AUTUMN, overlap=overlap) == ["10-25T02:00"]


def test_passes_of_several_fixed_times_come_in_the_order_of_the_clock() -> None:
    assert list_slots("0,40 2 * * *", *BERLIN_AUTUMN, overlap="both") == [
        "10-25T00:00",
        "10-25T00:40",
        "10-25T01:00",
        "10-25T01:40",
    ]
    assert list_slots("0,40 2 * * *", *BERLIN_AUTUMN, overlap="second") == [
        "10-25T01:00",
        "10-25T01:40",
    ]


@pytest.mark.parametrize(
    ("zone", "start", "end", "expected"),
    [
        (
            "Europe/Berlin",
            "2026-03-28T23:59",
            "2026-03-29T02:00",
            ["03-29T00:00", "03-29T00:30", "03-29T01:00", "03-29T01:30", "03-29T02:00"],
        ),
        (
            "Europe/Berlin",
            "2026-10-25T00:00",
            "2026-10-25T02:00",
            ["10-25T00:30", "10-25T01:00", "10-25T01:30", "10-25T02:00"],
        ),
        (
            "Australia/Lord_Howe",
            "2026-04-04T14:29",
            "2026-04-04T15:30",
            ["04-04T14:30", "04-04T15:00", "04-04T15:30"],
        ),
        (
            "Africa/Casablanca",
            "2026-02-15T01:00",
            "2026-02-15T03:00",
            ["02-15T01:30", "02-15T02:00", "02-15T02:30", "02-15T03:00"],
        ),
    ],
)
def test_an_interval_job_runs_through_a_change_of_clocks(
    zone: str, start: str, end: str, expected: list[str]
) -> None:
    assert list_slots("*/30 * * * *", zone, start, end) == expected


def test_an_interval_job_makes_nothing_up_for_local_times_that_do_not_exist() -> None:
    assert list_slots("*/15 2 * * *", *BERLIN_SPRING) == []
    # A fixed-time job by the rule of Debian's cron: neither field begins with a star.
    assert list_slots("0,15,30,45 2 * * *", *BERLIN_SPRING) == ["03-29T01:00"]


def test_an_interval_job_bound_to_an_hour_runs_in_both_passes_of_it() -> None:
    assert list_slots("*/30 2 * * *", *BERLIN_AUTUMN) == [
        "10-25T00:00",
        "10-25T00:30",
        "10-25T01:00",
        "10-25T01:30",
    ]


def test_a_day_that_a_zone_never_had_is_not_made_up() -> None:
    # Samoa went from 29 December 2011 to the 31st, at 10:00 UTC on the 30th.
    window = ("Pacific/Apia", "2011-12-29T12:00", "2012-01-01T12:00")
    assert list_slots("0 9 * * *", *window) == ["12-29T19:00", "12-30T19:00", "12-31T19:00"]
    assert list_slots("0 9 30 12 *", *window) == []
    assert list_slots("0 */12 * * *", *window) == [
        "12-29T22:00",
        "12-30T10:00",
        "12-30T22:00",
        "12-31T10:00",
        "12-31T22:00",
        "01-01T10:00",
    ]


def test_a_gap_at_midnight_moves_the_daily_job_to_one_o_clock() -> None:
    window = ("America/Santiago", "2026-09-05T12:00", "2026-09-06T12:00")
    assert list_slots("0 0 * * *", *window) == ["09-06T04:00"]
    assert list_slots("0 0 * * *", *window, gap="skip") == []


def test_an_overlap_over_midnight_keeps_the_order_of_instants() -> None:
    # St. John's went back from 00:01 to 23:01 of the day before, until 2011.
    window = ("America/St_Johns", "2010-11-07T01:30", "2010-11-07T04:00")
    assert list_slots("*/30 * * * *", *window) == [
        "11-07T02:00",
        "11-07T02:30",
        "11-07T03:00",
        "11-07T03:30",
        "11-07T04:00",
    ]
    assert list_slots("0,30 23,0 * * *", *window) == ["11-07T02:00", "11-07T02:30", "11-07T04:00"]
    assert list_slots("30 23 * * *", *window, overlap="both") == ["11-07T02:00", "11-07T03:00"]


def test_the_next_slot_is_found_from_within_the_first_pass() -> None:
    within = datetime(2026, 10, 25, 0, 50, tzinfo=UTC)
    slot = next_slot(
        parse_schedule("*/15 2 * * *"),
        timezone="Europe/Berlin",
        dst_gap="shift",
        dst_overlap="first",
        after=within,
    )
    assert slot == datetime(2026, 10, 25, 1, 0, tzinfo=UTC)

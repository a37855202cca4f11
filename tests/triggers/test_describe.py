"""Schedules in words."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggers.rules.describe import describe_schedule
from triggers.rules.preview import Plan, preview_plan
from triggers.rules.schedule import iterate_slots, parse_schedule

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*/15 * * * *", "Every 15 minutes"),
        ("0 */6 * * *", "Every 6 hours"),
        ("0 9 * * *", "Daily at 9:00 AM"),
        ("30 16 * * *", "Daily at 4:30 PM"),
        ("0 9 * * 1-5", "Weekdays at 9:00 AM"),
        ("0 9 * * MON-FRI", "Weekdays at 9:00 AM"),
        ("0 9 * * 1", "Every Monday at 9:00 AM"),
        ("0 9 * * 7", "Every Sunday at 9:00 AM"),
        ("0 0 1 * *", "Monthly on the 1st at 12:00 AM"),
        ("0 12 2 * *", "Monthly on the 2nd at 12:00 PM"),
        ("5 0 11 * *", "Monthly on the 11th at 12:05 AM"),
        ("0 0 23 * *", "Monthly on the 23rd at 12:00 AM"),
        ("* * * * *", "Every minute"),
        ("@hourly", "Every hour"),
        ("@Daily", "Daily at 12:00 AM"),
        ("@weekly", "Every Sunday at 12:00 AM"),
        ("@yearly", "At 12:00 AM, on day 1 of the month, only in January"),
        # Steps that do not divide their field are no even spacing.
        ("*/45 * * * *", "At 0 and 45 minutes past the hour"),
        ("0 */5 * * *", "At 12:00 AM, 05:00 AM, 10:00 AM, 03:00 PM and 08:00 PM"),
        ("0 0 1 */5 *", "At 12:00 AM, on day 1 of the month, only in January, June, and November"),
        ("0 0 1 */3 *", "At 12:00 AM, on day 1 of the month, every 3 months"),
        ("*/10 9 * * *", "Every 10 minutes, between 09:00 AM and 09:59 AM"),
        ("0 9-17 * * 1-5", "Every hour from 9:00 AM through 5:00 PM, on Monday through Friday"),
        ("0 0-2,10 * * *", "At 12:00 AM, 01:00 AM, 02:00 AM and 10:00 AM"),
        # Either of two day fields may match.
        ("0 0 13 * 5", "At 12:00 AM, on day 13 of the month or on Friday"),
        (
            "0 0 1-7,15 * 6,0",
            "At 12:00 AM, on days 1 through 7 and 15 of the month or on Saturday and Sunday",
        ),
        ("0 9 * * 5-7", "At 09:00 AM, on Friday through Sunday"),
        ("0 0 L * *", "At 12:00 AM, on the last day of the month"),
        ("0 0 1,L * *", "At 12:00 AM, on day 1 and the last day of the month"),
        ("0 0 * * 5L", "At 12:00 AM, on the last Friday of the month"),
        ("0 0 * * 1#1,5#3", "At 12:00 AM, on the first Monday and the third Friday of the month"),
        ("@every 15m", "Every 15 minutes"),
        ("@every 1h/20m", "Every hour, 20 minutes in"),
        ("@every 1d", "Every day"),
        ("@every 2h30m", "Every 2 hours 30 minutes"),
        ("@at 2026-12-01T09:00:00+01:00", "Once at 2026-12-01T08:00:00Z"),
    ],
)
def test_schedules_in_words(text: str, expected: str) -> None:
    assert describe_schedule(parse_schedule(text), "UTC") == expected


def test_the_zone_is_named_when_it_is_not_utc_and_matters() -> None:
    assert (
        describe_schedule(parse_schedule("0 9 * * *"), "America/New_York")
        == "Daily at 9:00 AM (America/New_York)"
    )
    assert describe_schedule(parse_schedule("@every 15m"), "America/New_York") == "Every 15 minutes"


def test_the_words_do_not_depend_on_the_locale_of_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("locale.getlocale", lambda: ("de_DE", "UTF-8"))
    assert describe_schedule(parse_schedule("7 17 * 3 *"), "UTC") == "At 05:07 PM, only in March"


short_lines = st.one_of(
    st.integers(1, 60).map(lambda step: f"*/{step} * * * *"),
    st.integers(1, 24).map(lambda step: f"0 */{step} * * *"),
    st.builds(
        "{} {} {}".format,
        st.integers(0, 59),
        st.integers(0, 23),
        st.one_of(
            st.sampled_from(["* * *", "* * 1-5"]),
            st.integers(0, 7).map(lambda day: f"* * {day}"),
            st.integers(1, 31).map(lambda day: f"{day} * *"),
        ),
    ),
)


@given(short_lines)
def test_short_words_never_contradict_the_next_ten_slots(text: str) -> None:
    schedule = parse_schedule(text)
    words = describe_schedule(schedule, "UTC")
    after = datetime(2026, 11, 24, 5, 30, tzinfo=UTC)
    slots = iterate_slots(
        schedule,
        timezone="UTC",
        dst_gap="shift",
        dst_overlap="first",
        after=after,
        until=after + timedelta(days=600),
        limit=10,
    )
    if match := re.fullmatch(r"Every (\d+) (minutes|hours)", words):
        spacing = timedelta(**{match[2]: int(match[1])})
        assert {b - a for a, b in pairwise(slots)} == {spacing}
    elif match := re.fullmatch(r"(Daily|Weekdays|Every \w+day|Monthly on .*) at (\d.*)", words):
        time = datetime.strptime(match[2], "%I:%M %p").time()  # noqa: DTZ007 - a time of the day
        assert {slot.time() for slot in slots} == {time}
        weekdays = {WEEKDAYS[slot.weekday()] for slot in slots}
        if match[1] == "Weekdays":
            assert weekdays == set(WEEKDAYS[:5])
        elif match[1].startswith("Every "):
            assert weekdays == {match[1].removeprefix("Every ")}
        elif number := re.search(r"\d+", match[1]):
            assert {slot.day for slot in slots} == {int(number[0])}


@given(short_lines, st.sampled_from(["America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]))
def test_in_a_zone_the_words_are_of_its_clocks(text: str, zone: str) -> None:
    schedule = parse_schedule(text)
    words = describe_schedule(schedule, zone)
    assert words.endswith(f" ({zone})")
    match = re.fullmatch(r"(?:Daily|Weekdays|Every \w+day|Monthly on .*) at (\d.*) \(.*\)", words)
    after = datetime(2026, 9, 20, tzinfo=UTC)
    for slot in preview_plan(Plan(schedule=schedule, timezone=zone), after=after, count=10):
        # A time that does not exist on its day is the one exception.
        if match and slot.dst != "shifted":
            time = datetime.strptime(match[1], "%I:%M %p").time()  # noqa: DTZ007 - a time of the day
            assert slot.local.time() == time

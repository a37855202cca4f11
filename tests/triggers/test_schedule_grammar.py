"""What a schedule may be, and what is said of anything else."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggers.rules.cron import CronLine, parse_cron
from triggers.rules.schedule import (
    InvalidSchedule,
    check_schedule,
    is_interval_job,
    parse_schedule,
)


def read_line(text: str) -> CronLine:
    timing = parse_schedule(text).timing
    assert isinstance(timing, CronLine)
    return timing


def refuse(text: str) -> InvalidSchedule:
    with pytest.raises(InvalidSchedule) as caught:
        parse_schedule(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "field", "hint"),
    [
        # Ranges that wrap around.
        ("0 0 * * FRI-MON", "day-of-week", "write FRI,SAT,SUN,MON"),
        ("0 0 * * FRI-SUN", "day-of-week", "write FRI,SAT,SUN"),
        ("0 0 * * 5-1", "day-of-week", "write 5,6,0,1"),
        ("0 0 * NOV-FEB *", "month", "write NOV,DEC,JAN,FEB"),
        ("0 0 * 11-2 *", "month", "write 11,12,1,2"),
        ("50-10 * * * *", "minute", "write 50-59,0-10"),
        ("0 22-6 * * *", "hour", "write 22-23,0-6"),
        ("0 23-0 * * *", "hour", "write 23,0"),
        ("0 22-6/2 * * *", "hour", "the values one by one"),
        # Signs of other crons.
        ("0 0 ? * *", "day-of-month", "write *"),
        ("0 0 * * ?", "day-of-week", "write *"),
        ("? * * * *", "minute", "write *"),
        ("0 0 15W * *", "day-of-month", "nearest weekday"),
        ("0 0 LW * *", "day-of-month", "nearest weekday"),
        ("0 0 W * *", "day-of-month", "nearest weekday"),
        ("H * * * *", "minute", "write a fixed value"),
        ("H/15 * * * *", "minute", "write a fixed value"),
        ("H(0-29)/10 * * * *", "minute", "write a fixed value"),
        ("0 R * * *", "hour", "write a fixed value"),
        ("0 0 L-3 * *", "day-of-month", "write L alone"),
        ("0 0 1-L * *", "day-of-month", "write L alone"),
        ("0 0 * * L", "day-of-week", "5L for its last Friday"),
        ("0 0 * * L5", "day-of-week", "5L for its last Friday"),
        ("0 0 * * 8L", "day-of-week", "out of range"),
        ("L * * * *", "minute", "write L alone"),
        ("0 0 5#2 * *", "day-of-month", "5#2"),
        ("0 0 * * 5#0", "day-of-week", "#1 to #5"),
        ("0 0 * * 5#6", "day-of-week", "#1 to #5"),
        ("0 0 * * 8#1", "day-of-week", "out of range"),
        ("0 0 * * MON-FRI#1", "day-of-week", "5#2"),
        # The calendar's signs beside a restricted day field.
        ("0 0 L * MON", "day-of-month", "only while day-of-week is *"),
        ("0 0 1 * 5L", "day-of-week", "only while day-of-month is *"),
        ("0 0 1 * MON#1", "day-of-week", "only while day-of-month is *"),
        ("0 0 * * 1,5L", "day-of-week", "do not mix"),
        ("0 0 * * 1,3#2", "day-of-week", "do not mix"),
        # Values.
        ("60 * * * *", "minute", "0 to 59"),
        ("* 24 * * *", "hour", "0 to 23"),
        ("0 0 0 * *", "day-of-month", "1 to 31"),
        ("0 0 32 * *", "day-of-month", "1 to 31"),
        ("0 0 * 0 *", "month", "1 to 12"),
        ("0 0 * 13 *", "month", "1 to 12"),
        ("0 0 * * 8", "day-of-week", "0 to 7"),
        ("0-60 * * * *", "minute", "0 to 59"),
        ("000 * * * *", "minute", "out of range"),
        ("-5 * * * *", "minute", "is not a value"),
        ("5- * * * *", "minute", "is not a value"),
        ("5x * * * *", "minute", "is not a value"),
        ("5/ * * * *", "minute", "is not a value"),
        ("*5 * * * *", "minute", "is not a value"),
        ("1.5 * * * *", "minute", "is not a value"),
        ("1-2-3 * * * *", "minute", "is not a value"),
        ("*/5/5 * * * *", "minute", "is not a value"),
        ("*-5 * * * *", "minute", "is not a value"),
        ("every 5 minutes please now", "minute", "is not a value"),
        # Other alphabets, whose digits Python takes for digits.
        ("\u0665 * * * *", "minute", "ASCII"),
        ("0 \uff19 * * *", "hour", "ASCII"),
        ("0 0 * * MO\u039d", "day-of-week", "ASCII"),
        ("0 0 \u00b2 * *", "day-of-month", "ASCII"),
        ("1,,2 * * * *", "minute", "empty item"),
        (",1 * * * *", "minute", "empty item"),
        ("1, * * * *", "minute", "empty item"),
        # Names.
        ("MON * * * *", "minute", "names belong in"),
        ("0 0 JAN * *", "day-of-month", "names belong in"),
        ("0 0 * MON *", "month", "three-letter English name"),
        ("0 0 * * JAN", "day-of-week", "three-letter English name"),
        ("0 0 * * MONDAY", "day-of-week", "three-letter English name"),
        ("0 0 * * LUN", "day-of-week", "three-letter English name"),
        # Steps.
        ("*/0 * * * *", "minute", "step of 0"),
        ("*/70 * * * *", "minute", "fires only at 0"),
        ("*/61 * * * *", "minute", "fires only at 0"),
        ("5/70 * * * *", "minute", "fires only at 5"),
        ("0 */25 * * *", "hour", "fires only at 0"),
        ("0 0 */32 * *", "day-of-month", "fires only at 1"),
        ("0 0 * */13 *", "month", "fires only at 1"),
        ("0 0 * * */8", "day-of-week", "fires only at 0"),
        ("0 0 * * 1/2", "day-of-week", "write 1-6/2"),
        ("0 0 * * MON/2", "day-of-week", "write 1-6/2"),
        # Dates that never come.
        ("0 0 30 2 *", "day-of-month", "never fires"),
        ("0 0 31 4,6,9,11 *", "day-of-month", "never fires"),
        ("0 0 * 2 1#5", "day-of-week", "once in 28 years"),
    ],
)
def test_a_wrong_field_is_named_and_told_how_to_be_written(
    text: str, field: str, hint: str
) -> None:
    error = refuse(text)
    assert error.field == field
    assert hint in str(error)
    assert str(error).startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "five fields"),
        ("   ", "five fields"),
        ("* * * *", "five fields"),
        ("0 0 9 * * *", "not 6"),
        ("0 0 9 * * * 2026", "not 7"),
        ("@reboot", "@reboot is no nickname; write @hourly"),
        ("@ hourly", "is no nickname"),
        ("@hourly x", "stands alone"),
        ("@every15m", "is no nickname"),
        ("@wee\u212aly", "ASCII"),
        ("@every \u0661\u0665m", "ASCII"),
        ("* * * *\u00a0*", "five fields"),
        ("0 9 * * *\n", "control characters"),
        ("0 9 * *\t*", "without tabs"),
        ("0 9 * * *\x00", "control characters"),
        ("0 9 * * *\x7f", "control characters"),
        ("TZ=UTC 0 9 * * *", "not 6"),
        ("@daily @hourly", "stands alone"),
        ("0 9 * * * # nightly", "not 7"),
        ("*/5\n* * * *", "control characters"),
        ("0 0 * * *" + " " * 120, "128 characters"),
        ("@every", "@every"),
        ("@every 5", "@every"),
        ("@every fortnight", "@every"),
        ("@every 0s", "1s to"),
        ("@every 367d", "366d"),
        ("@every 10.5s", "whole days"),
        ("@every 1.5h", "whole days"),
        ("@every 1w", "whole days"),
        ("@every 1h/0.5m", "whole days"),
        ("@every 1h/", "@every"),
        ("@every 1h/1h", "shorter"),
        ("@every -1h", "@every"),
        ("@at", "@at"),
        ("@at tomorrow", "@at"),
        ("@at 2026-12-01", "@at"),
        ("@at 2026-12-01T09:00:00", "@at"),
        ("@at 2026-02-30T09:00:00Z", "@at"),
    ],
)
def test_what_is_no_schedule_is_refused_with_a_hint(text: str, hint: str) -> None:
    error = refuse(text)
    assert error.field == "schedule"
    assert hint in str(error)
    assert str(error).startswith("schedule: ")


def test_what_is_given_anew_is_not_shorter_than_the_installation_takes() -> None:
    with pytest.raises(InvalidSchedule) as caught:
        check_schedule("@every 89s", shortest_interval_seconds=90)
    assert str(caught.value) == (
        "schedule: @every 1m29s is too short; write @every 1m30s or longer"
    )
    for text in ("@every 90s", "@every 2m/5s", "* * * * *", "@at 2026-12-01T09:00:00Z"):
        assert check_schedule(text, shortest_interval_seconds=90) == parse_schedule(text)


@pytest.mark.parametrize(
    ("text", "minutes", "hours"),
    [
        ("*/15 * * * *", (0, 15, 30, 45), tuple(range(24))),
        ("50/5 9 * * *", (50, 55), (9,)),
        ("59/15 9 * * *", (59,), (9,)),
        ("9-9 9-9 * * *", (9,), (9,)),
        ("10-20/15 0 * * *", (10,), (0,)),
        ("05,5,00 09 * * *", (0, 5), (9,)),
        ("*/60 */24 * * *", (0,), (0,)),
        ("1-3,2-5,40 0 * * *", (1, 2, 3, 4, 5, 40), (0,)),
        (" 0  9   *  * * ", (0,), (9,)),
    ],
)
def test_times_are_read(text: str, minutes: tuple[int, ...], hours: tuple[int, ...]) -> None:
    line = read_line(text)
    assert (line.minutes, line.hours) == (minutes, hours)


@pytest.mark.parametrize(
    ("text", "days", "months", "weekdays"),
    [
        ("0 0 * * *", "*", "*", "*"),
        ("0 0 1,15 jan-Mar *", "1,15", "1,2,3", "*"),
        ("0 0 L * *", "l", "*", "*"),
        ("0 0 1,l * *", "1,l", "*", "*"),
        ("0 0 * * 5-7", "*", "*", "0,5,6"),
        ("0 0 * * 0,7,sun", "*", "*", "0"),
        ("0 0 * * 7-7", "*", "*", "0"),
        ("0 0 * * MON-5/2", "*", "*", "1,3,5"),
        ("0 0 * * */2", "*", "*", "0,2,4,6"),
        ("0 0 * * */7", "*", "*", "0"),
        ("0 0 * * 1-7/2", "*", "*", "0,1,3,5"),
        ("0 0 * * 5L", "*", "*", "l5"),
        ("0 0 * * FRIL,7L", "*", "*", "l5,l0"),
        ("0 0 * * 1#1,mon#3,1#1", "*", "*", "1#1,1#3"),
        ("0 0 13 * 5", "13", "*", "5"),
        ("0 0 */2 * 1", "1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31", "*", "1"),
        ("0 0 30 2 1", "30", "2", "1"),
        # A field that names every day restricts nothing, and either of two fields may match.
        ("0 0 1-31 * 1", "*", "*", "*"),
        ("0 0 13 * */1", "*", "*", "*"),
        ("0 0 * * 0-7", "*", "*", "*"),
        ("0 0 1-31 * *", "*", "*", "*"),
    ],
)
def test_days_are_spelled_for_the_calendar(
    text: str, days: str, months: str, weekdays: str
) -> None:
    line = read_line(text)
    assert line.days == days
    assert months == ("*" if len(line.months.split(",")) == 12 else line.months)
    assert line.weekdays == weekdays


@pytest.mark.parametrize(
    ("nickname", "line"),
    [
        ("@hourly", "0 * * * *"),
        ("@Daily", "0 0 * * *"),
        ("@MIDNIGHT", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
    ],
)
def test_nicknames_are_short_for_lines(nickname: str, line: str) -> None:
    assert read_line(nickname) == read_line(line)
    assert parse_schedule(nickname).mode == "cron"
    assert parse_schedule(nickname).text == nickname


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("* * * * *", True),
        ("*/5 3 * * *", True),
        ("0 */2 * * *", True),
        ("30 * * * *", True),
        ("*,5 3 * * *", True),
        ("@hourly", True),
        ("@every 1h", True),
        ("0 9 * * *", False),
        ("0-59 9 * * *", False),
        ("0 0-23 * * *", False),
        ("0 0 */2 * *", False),
        ("@daily", False),
        ("@at 2026-12-01T09:00:00Z", False),
    ],
)
def test_interval_jobs_are_those_whose_minute_or_hour_begins_with_a_star(
    text: str, expected: bool
) -> None:
    assert is_interval_job(parse_schedule(text)) is expected


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("0 9 * * *", "cron"),
        ("@every 2h30m", "every"),
        ("@EVERY 1h/20m", "every"),
        ("@at 2026-12-01T09:00:00+01:00", "at"),
    ],
)
def test_the_mode_says_what_kind_of_schedule_it_is(text: str, mode: str) -> None:
    assert parse_schedule(text).mode == mode


@given(st.text(max_size=40))
def test_any_text_is_a_schedule_or_is_refused(text: str) -> None:
    with suppress(InvalidSchedule):
        assert parse_schedule(text).text == text


@given(st.text(alphabet="0123456789*/-,#LWH? MONFRIJA", max_size=24))
def test_any_mixture_of_the_signs_of_cron_is_a_line_or_is_refused(text: str) -> None:
    with suppress(InvalidSchedule):
        line = parse_cron(text)
        assert line.minutes
        assert line.hours

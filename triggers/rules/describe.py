"""A schedule in words, short where people have short words for it."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from cron_descriptor import ExpressionDescriptor, Options

from triggers.rules.cron import CronLine
from triggers.rules.schedule import Interval, Once, Schedule
from workspaces.rules.times import render_time

_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_NTH = {"1": "first", "2": "second", "3": "third", "4": "fourth", "5": "fifth"}
_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def describe_schedule(schedule: Schedule, timezone: str) -> str:
    """English, with the zone where it is not UTC: ``Weekdays at 9:00 AM (America/New_York)``."""
    timing = schedule.timing
    if isinstance(timing, Interval):
        return _describe_interval(timing)
    if isinstance(timing, Once):
        return f"Once at {render_time(timing.at)}"
    text = _describe_line(timing)
    return text if timezone == "UTC" else f"{text} ({timezone})"


def _describe_interval(interval: Interval) -> str:
    text = f"Every {_spell_duration(interval.seconds)}"
    if interval.phase_seconds:
        text += f", {_spell_duration(interval.phase_seconds)} in"
    return text


def _spell_duration(seconds: int) -> str:
    """``15 minutes``, ``2 hours 30 minutes``; ``hour`` alone for exactly one."""
    parts = []
    left = seconds
    for unit, length in _UNITS:
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return parts[0].removeprefix("1 ") if len(parts) == 1 else " ".join(parts)


@lru_cache(maxsize=1024)
def _describe_line(line: CronLine) -> str:
    for describe in _SHORT_FORMS:
        if (text := describe(line)) is not None:
            return text
    return _describe_at_length(line)


# ── Short forms ──────────────────────────────────────────────────────────────────────────────────


def _describe_steps(line: CronLine) -> str | None:
    minute, hour, *days = line.fields
    if days != ["*", "*", "*"]:
        return None
    if hour == "*" and (step := _read_even_step(minute, 60)):
        return f"Every {step} minutes"
    if minute == "0" and (step := _read_even_step(hour, 24)):
        return f"Every {step} hours"
    return None


def _read_even_step(text: str, size: int) -> int | None:
    """The n of ``*/n`` where it divides the field, so that the spacing is even; else null."""
    match = re.fullmatch(r"\*/0*([0-9]+)", text)
    step = int(match[1]) if match else 0
    return step if 1 < step < size and size % step == 0 else None


def _describe_days(line: CronLine) -> str | None:
    """``Daily``, ``Weekdays``, ``Every Monday``, ``Monthly on the 1st``, at one time of the day."""
    if len(line.minutes) != 1 or len(line.hours) != 1 or line.fields[3] != "*":
        return None
    time = f"at {spell_time(line.hours[0], line.minutes[0])}"
    if line.days == line.weekdays == "*":
        return f"Daily {time}"
    if line.days == "*":
        if line.weekdays == "1,2,3,4,5":
            return f"Weekdays {time}"
        return f"Every {_WEEKDAYS[int(line.weekdays)]} {time}" if line.weekdays.isdigit() else None
    if line.weekdays == "*" and line.days.isdigit():
        return f"Monthly on the {spell_ordinal(int(line.days))} {time}"
    return None


_SHORT_FORMS: tuple[Callable[[CronLine], str | None], ...] = (_describe_steps, _describe_days)


def spell_time(hour: int, minute: int) -> str:
    """A time of the day: ``4:30 PM``."""
    return f"{(hour - 1) % 12 + 1}:{minute:02d} {'AM' if hour < 12 else 'PM'}"


def spell_ordinal(number: int) -> str:
    """``1st``, ``22nd``, ``13th``."""
    ending = "th" if number in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


# ── At length ────────────────────────────────────────────────────────────────────────────────────


def _describe_at_length(line: CronLine) -> str:
    """What cron-descriptor says of times and months; the days are ours.

    It joins two restricted day fields by "only", though either may match, knows no lists of ``#``
    and ``L``, and takes every step for an even one.
    """
    minute, hour, _, month, _ = line.fields
    hours = _spell_values(line.hours, hour, size=24)
    if line.minutes == (0,) and (match := re.fullmatch(r"(\d+)-(\d+)", hours)):
        first, last = (spell_time(int(text), 0) for text in match.groups())
        times = f"Every hour from {first} through {last}"
    else:
        minutes = _spell_values(line.minutes, minute, size=60)
        times = _ask_descriptor(f"{minutes} {hours} * * *").get_full_description()
    chosen = [] if line.months == "*" else [int(text) for text in line.months.split(",")]
    months = _ask_descriptor(
        f"* * * {_spell_values(chosen, month, size=12) or '*'} *"
    ).get_month_description()
    return f"{times}{_describe_chosen_days(line)}{months}"


def _ask_descriptor(expression: str) -> ExpressionDescriptor:
    options = Options()
    # Its defaults come from the process' locale.
    options.locale_code = "en_US"
    options.use_24hour_time_format = False
    return ExpressionDescriptor(expression, options)


def _spell_values(values: Sequence[int], text: str, *, size: int) -> str:
    """The values as cron writes them, without uneven steps, which would be read as even ones."""
    if len(values) == size:
        return "*"
    if _read_even_step(text, size):
        return text
    ranges = _find_ranges(values)
    if len(ranges) > 1 and size != 60:
        # It reads ranges of hours beside single ones as if they lasted to their ends.
        ranges = [(value, value) for value in values]
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)


def _find_ranges(values: Sequence[int]) -> list[tuple[int, int]]:
    """Neighbours joined from three on: 1, 2, 4, 5, 6 are 1, 2 and 4 to 6."""
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return [
        pair
        for run in runs
        for pair in ([(run[0], run[-1])] if len(run) > 2 else [(value, value) for value in run])
    ]


def _describe_chosen_days(line: CronLine) -> str:
    days = [] if line.days == "*" else [_describe_month_days(line.days)]
    days += [] if line.weekdays == "*" else [_describe_weekdays(line.weekdays)]
    return f", {' or '.join(days)}" if days else ""


def _describe_month_days(days: str) -> str:
    numbers = [int(text) for text in days.split(",") if text != "l"]
    words = _spell_ranges(numbers, str)
    if words:
        words[0] = f"day {words[0]}" if len(numbers) == 1 else f"days {words[0]}"
    if "l" in days:
        words.append("the last day")
    return f"on {_join_words(words)} of the month"


def _describe_weekdays(weekdays: str) -> str:
    items = weekdays.split(",")
    if weekdays.replace(",", "").isdigit():
        # The week begins on Monday, so that Friday to Sunday are neighbours.
        numbers = sorted((int(text) - 1) % 7 for text in items)
        words = _spell_ranges(numbers, lambda number: _WEEKDAYS[(number + 1) % 7])
        return f"on {_join_words(words)}"
    return f"on {_join_words([_spell_special(item) for item in items])} of the month"


def _spell_special(item: str) -> str:
    if item.startswith("l"):
        return f"the last {_WEEKDAYS[int(item[1])]}"
    return f"the {_NTH[item[2]]} {_WEEKDAYS[int(item[0])]}"


def _spell_ranges(numbers: Sequence[int], spell: Callable[[int], str]) -> list[str]:
    return [
        spell(first) if first == last else f"{spell(first)} through {spell(last)}"
        for first, last in _find_ranges(numbers)
    ]


def _join_words(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"

"""The grammar of a cron line: five fields and the nicknames; refusals say what to write instead."""

import calendar
import re
from collections.abc import Iterable
from dataclasses import dataclass

from triggers.rules.cron_fields import (
    DAY,
    FIELD_RULES,
    WEEKDAY,
    FieldRule,
    InvalidSchedule,
    fold_sunday,
    refuse,
    refuse_foreign_signs,
    refuse_item,
    refuse_nickname,
    refuse_wrapped,
)

NICKNAMES: dict[str, str] = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_ITEM = re.compile(
    r"(?:\*|(?P<low>[A-Z]+|\d+)(?:-(?P<high>[A-Z]+|\d+))?)(?:/(?P<step>\d+))?", re.ASCII
)
_NTH_WEEKDAY = re.compile(r"(?P<day>[A-Z]{3}|\d)#(?P<nth>\d+)", re.ASCII)
_LAST_WEEKDAY = re.compile(r"(?P<day>MON|TUE|WED|THU|FRI|SAT|SUN|\d)L", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class CronLine:
    """A valid line; its day fields are spelled for the calendar: ``*``, ``1,15,l``, ``1#2,l5``."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: str
    months: str
    weekdays: str
    is_interval_job: bool
    fields: tuple[str, str, str, str, str]


@dataclass(frozen=True, kw_only=True)
class _Field:
    values: tuple[int, ...]
    # "l", "1#2", "l5": what only a calendar can tell.
    specials: tuple[str, ...]
    is_restricted: bool

    def spell_out(self) -> str:
        return ",".join([*map(str, self.values), *self.specials]) if self.is_restricted else "*"


def parse_cron(text: str) -> CronLine:
    """Read a nickname or five fields separated by blanks, in any case.

    Raises:
        InvalidSchedule: naming the field and how to write it instead.
    """
    if text.startswith("@") and text.lower() not in NICKNAMES:
        refuse_nickname(text, NICKNAMES)
    # By blanks alone: split() knows a dozen more of them, none of which is ASCII.
    parts = [part for part in NICKNAMES.get(text.lower(), text).split(" ") if part]
    if len(parts) != 5:
        raise InvalidSchedule(
            f"a cron line has five fields (minute, hour, day-of-month, month, day-of-week), not "
            f"{len(parts)}; seconds and years are not supported"
        )
    for rule, part in zip(FIELD_RULES, parts, strict=True):
        refuse_foreign_signs(rule, part)
    parts = [part.upper() for part in parts]
    minute, hour, day, month, weekday = (
        _parse_field(rule, part) for rule, part in zip(FIELD_RULES, parts, strict=True)
    )
    _check_specials(day, weekday)
    day, weekday = _join_days(day, weekday)
    _check_fires(day, month, weekday)
    return CronLine(
        minutes=minute.values,
        hours=hour.values,
        days=day.spell_out(),
        months=month.spell_out(),
        weekdays=weekday.spell_out(),
        is_interval_job=parts[0].startswith("*") or parts[1].startswith("*"),
        fields=(parts[0], parts[1], parts[2], parts[3], parts[4]),
    )


def _parse_field(rule: FieldRule, text: str) -> _Field:
    values: set[int] = set()
    specials: list[str] = []
    for item in text.split(","):
        special = _parse_special(rule, item)
        if special is None:
            values.update(_parse_item(rule, item))
        elif special not in specials:
            specials.append(special)
    return _Field(values=tuple(sorted(values)), specials=tuple(specials), is_restricted=text != "*")


def _parse_special(rule: FieldRule, item: str) -> str | None:
    """``L``, ``D#n`` and ``DL`` as the calendar spells them; null for an ordinary item."""
    if rule is DAY and item == "L":
        return "l"
    if rule is not WEEKDAY:
        return None
    if nth := _NTH_WEEKDAY.fullmatch(item):
        if nth["nth"] not in {"1", "2", "3", "4", "5"}:
            refuse(rule, f"{item}: a month has a first to a fifth such day; write #1 to #5")
        return f"{_read_value(rule, nth['day'], item) % 7}#{nth['nth']}"
    if last := _LAST_WEEKDAY.fullmatch(item):
        return f"l{_read_value(rule, last['day'], item) % 7}"
    return None


def _parse_item(rule: FieldRule, item: str) -> Iterable[int]:
    match = _ITEM.fullmatch(item)
    if match is None:
        refuse_item(rule, item)
    if match["low"] is None:
        step = _read_step(rule, match["step"], first=rule.low)
        # Day-of-week's 7 is Sunday once more: a step over the whole week ends at 6.
        return range(rule.low, rule.low + rule.size, step)
    low = _read_value(rule, match["low"], item)
    step = _read_step(rule, match["step"], first=low)
    if match["high"] is None:
        return _read_single(rule, low, item, step=step, has_step=match["step"] is not None)
    high = _read_value(rule, match["high"], item)
    if low > high:
        refuse_wrapped(rule, low, high, item, step=step)
    return [fold_sunday(rule, value) for value in range(low, high + 1, step)]


def _read_single(
    rule: FieldRule, low: int, item: str, *, step: int, has_step: bool
) -> Iterable[int]:
    if not has_step:
        return [fold_sunday(rule, low)]
    if rule is WEEKDAY:
        refuse(rule, f"{item}: a step needs a range here; write {low % 7}-6/{step}")
    return range(low, rule.high + 1, step)


def _read_step(rule: FieldRule, text: str | None, *, first: int) -> int:
    step = 1 if text is None else int(text)
    if step == 0:
        refuse(rule, "a step of 0 never moves; steps start at 1")
    if step > rule.size:
        refuse(
            rule,
            f"a step of {step} is longer than the field and fires only at {first}; write {first}",
        )
    return step


def _read_value(rule: FieldRule, token: str, item: str) -> int:
    if not token.isdigit():
        if token not in rule.names:
            refuse_item(rule, item)
        return rule.names[token]
    if len(token) > 2 or not rule.low <= int(token) <= rule.high:
        refuse(rule, f"{token} is out of range; values are {rule.low} to {rule.high}")
    return int(token)


def _check_specials(day: _Field, weekday: _Field) -> None:
    if weekday.specials and weekday.values:
        refuse(WEEKDAY, "# and L do not mix with plain days; write two schedules")
    if day.specials and weekday.is_restricted:
        refuse(DAY, "L works only while day-of-week is *; write two schedules")
    if weekday.specials and day.is_restricted:
        refuse(WEEKDAY, "# and L work only while day-of-month is *; write two schedules")


def _join_days(day: _Field, weekday: _Field) -> tuple[_Field, _Field]:
    """Drop what restricts nothing: where either field may match, one that names every day wins."""
    every_day = len(day.values) == DAY.size
    every_weekday = len(weekday.values) == WEEKDAY.size
    free_day = _Field(values=day.values, specials=(), is_restricted=False)
    free_weekday = _Field(values=weekday.values, specials=(), is_restricted=False)
    if not (every_day or every_weekday):
        return day, weekday
    if day.is_restricted and weekday.is_restricted:
        return free_day, free_weekday
    return (free_day if every_day else day), (free_weekday if every_weekday else weekday)


def _check_fires(day: _Field, month: _Field, weekday: _Field) -> None:
    fifths_only = bool(weekday.specials) and all(s.endswith("#5") for s in weekday.specials)
    if fifths_only and month.values == (2,):
        refuse(WEEKDAY, "a fifth such day comes once in 28 years in February; write #4 or xL")
    if weekday.is_restricted or not day.is_restricted or day.specials:
        return
    # A leap year's lengths: 29 February does come.
    longest = max(calendar.monthrange(2024, number)[1] for number in month.values)
    if day.values[0] > longest:
        refuse(DAY, f"never fires: no chosen month has a day {day.values[0]}")

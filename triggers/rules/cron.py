"""The grammar of a cron line: five fields and the nicknames; refusals say what to write instead."""

import calendar
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

NICKNAMES: dict[str, str] = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
MONTH_NAMES: dict[str, int] = {
    "JAN": 1,
    "FEB": 2,
    "MAR": 3,
    "APR": 4,
    "MAY": 5,
    "JUN": 6,
    "JUL": 7,
    "AUG": 8,
    "SEP": 9,
    "OCT": 10,
    "NOV": 11,
    "DEC": 12,
}
WEEKDAY_NAMES: dict[str, int] = {
    "SUN": 0,
    "MON": 1,
    "TUE": 2,
    "WED": 3,
    "THU": 4,
    "FRI": 5,
    "SAT": 6,
}

_ITEM = re.compile(
    r"(?:\*|(?P<low>[A-Z]+|\d+)(?:-(?P<high>[A-Z]+|\d+))?)(?:/(?P<step>\d+))?", re.ASCII
)
_NTH_WEEKDAY = re.compile(r"(?P<day>[A-Z]{3}|\d)#(?P<nth>\d+)", re.ASCII)
_LAST_WEEKDAY = re.compile(r"(?P<day>MON|TUE|WED|THU|FRI|SAT|SUN|\d)L", re.ASCII)
_HASHED = re.compile(r"[HR](\(.*\))?(/.*)?")
# "L" in the places and forms where other crons have it.
_MISPLACED_LAST = re.compile(r"L|LW|L-?\d+|\d+-?L|[A-Z]{3}L|.*#.*", re.ASCII)


class InvalidSchedule(ValueError):
    """A schedule that cannot be kept; ``field`` names the cron field at fault, null the whole text."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, kw_only=True)
class FieldRule:
    """What one of the five fields may hold. ``size`` counts its distinct values."""

    name: str
    low: int
    high: int
    size: int
    names: Mapping[str, int] = field(default_factory=dict)


MINUTE = FieldRule(name="minute", low=0, high=59, size=60)
HOUR = FieldRule(name="hour", low=0, high=23, size=24)
DAY = FieldRule(name="day-of-month", low=1, high=31, size=31)
MONTH = FieldRule(name="month", low=1, high=12, size=12, names=MONTH_NAMES)
WEEKDAY = FieldRule(name="day-of-week", low=0, high=7, size=7, names=WEEKDAY_NAMES)
_RULES = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)


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
    upper = NICKNAMES.get(text.lower(), text).upper()
    parts = [part for part in re.split(r"[ \t]+", upper) if part]
    if len(parts) != 5:
        raise InvalidSchedule(
            f"a cron line has five fields (minute, hour, day-of-month, month, day-of-week), not "
            f"{len(parts)}; seconds and years are not supported"
        )
    minute, hour, day, month, weekday = (
        _parse_field(rule, part) for rule, part in zip(_RULES, parts, strict=True)
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


def _refuse(rule: FieldRule, message: str) -> NoReturn:
    raise InvalidSchedule(f"{rule.name}: {message}", field=rule.name)


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
            _refuse(rule, f"{item}: a month has a first to a fifth such day; write #1 to #5")
        return f"{_read_value(rule, nth['day'], item) % 7}#{nth['nth']}"
    if last := _LAST_WEEKDAY.fullmatch(item):
        return f"l{_read_value(rule, last['day'], item) % 7}"
    return None


def _parse_item(rule: FieldRule, item: str) -> Iterable[int]:
    match = _ITEM.fullmatch(item)
    if match is None:
        _refuse_item(rule, item)
    step = _read_step(rule, match["step"])
    if match["low"] is None:
        # Day-of-week's 7 is Sunday once more: a step over the whole week ends at 6.
        return range(rule.low, rule.low + rule.size, step)
    low = _read_value(rule, match["low"], item)
    if match["high"] is None:
        return _read_single(rule, low, item, step=step, has_step=match["step"] is not None)
    high = _read_value(rule, match["high"], item)
    if low > high:
        _refuse_wrapped(rule, low, high, item, step=step)
    return [_fold_sunday(rule, value) for value in range(low, high + 1, step)]


def _read_single(
    rule: FieldRule, low: int, item: str, *, step: int, has_step: bool
) -> Iterable[int]:
    if not has_step:
        return [_fold_sunday(rule, low)]
    if rule is WEEKDAY:
        _refuse(rule, f"{item}: a step needs a range here; write {low % 7}-6/{step}")
    return range(low, rule.high + 1, step)


def _fold_sunday(rule: FieldRule, value: int) -> int:
    return value % 7 if rule is WEEKDAY else value


def _read_step(rule: FieldRule, text: str | None) -> int:
    if text is None:
        return 1
    step = int(text[:4])
    if step == 0:
        _refuse(rule, "a step of 0 never moves; steps start at 1")
    if step > rule.size:
        _refuse(
            rule,
            f"a step of {text} is longer than the field, so it fires only at {rule.low}; "
            f"write {rule.low} or a step of at most {rule.size}",
        )
    return step


def _read_value(rule: FieldRule, token: str, item: str) -> int:
    if not token.isdigit():
        if token not in rule.names:
            _refuse_item(rule, item)
        return rule.names[token]
    if len(token) > 2 or not rule.low <= int(token) <= rule.high:
        _refuse(rule, f"{token} is out of range; values are {rule.low} to {rule.high}")
    return int(token)


def _refuse_wrapped(rule: FieldRule, low: int, high: int, item: str, *, step: int) -> NoReturn:
    """Say how a range that runs over the end of the field is written without wrapping."""
    if step > 1:
        hint = "the values one by one"
    elif rule.names:
        hint = _spell_wrapped(rule, low, high, with_names=item[0].isalpha())
    else:
        before = f"{low}-{rule.high}" if low < rule.high else str(low)
        hint = f"{before},{f'{rule.low}-{high}' if high > rule.low else high}"
    _refuse(rule, f"{item} runs backwards, and ranges do not wrap around; write {hint}")


def _spell_wrapped(rule: FieldRule, low: int, high: int, *, with_names: bool) -> str:
    length = rule.size
    start = _fold_sunday(rule, low)
    count = (high - start) % length + 1
    values = [(start - rule.low + offset) % length + rule.low for offset in range(count)]
    spelled = {value: name for name, value in rule.names.items()} if with_names else {}
    return ",".join(spelled.get(value, str(value)) for value in values)


def _refuse_item(rule: FieldRule, item: str) -> NoReturn:
    """Name the usual borrowings from other crons before giving up on the item."""
    if item == "":
        _refuse(rule, "an empty item; write values separated by single commas")
    if "?" in item:
        _refuse(rule, "? is not supported; write *")
    if _HASHED.fullmatch(item):
        _refuse(rule, f"{item}: hashed and random values are not supported; write a fixed value")
    if not rule.names and _has_name(item):
        _refuse(rule, f"{item}: names belong in month and day-of-week; write a number")
    if rule is DAY and "W" in item:
        _refuse(rule, f"{item}: the nearest weekday (W) is not supported; write a day of the month")
    if _MISPLACED_LAST.fullmatch(item):
        _refuse(
            rule,
            f"{item}: write L alone in day-of-month for the month's last day, "
            "5L for its last Friday and 5#2 for its second one in day-of-week",
        )
    values = f"{rule.low} to {rule.high}"
    _refuse(
        rule,
        f"{item} is not a value; write *, a number from {values}"
        + (", a three-letter English name" if rule.names else "")
        + ", a range such as a-b, or a step such as */n",
    )


def _has_name(item: str) -> bool:
    return any(token in MONTH_NAMES or token in WEEKDAY_NAMES for token in re.split(r"[-/#]", item))


def _check_specials(day: _Field, weekday: _Field) -> None:
    if weekday.specials and weekday.values:
        _refuse(WEEKDAY, "# and L do not mix with plain days; write two schedules")
    if day.specials and weekday.is_restricted:
        _refuse(DAY, "L works only while day-of-week is *; write two schedules")
    if weekday.specials and day.is_restricted:
        _refuse(WEEKDAY, "# and L work only while day-of-month is *; write two schedules")


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
        _refuse(WEEKDAY, "a fifth such day comes once in 28 years in February; write #4 or xL")
    if weekday.is_restricted or not day.is_restricted or day.specials:
        return
    # A leap year's lengths: 29 February does come.
    longest = max(calendar.monthrange(2024, number)[1] for number in month.values)
    if day.values[0] > longest:
        _refuse(DAY, f"never fires: no chosen month has a day {day.values[0]}")

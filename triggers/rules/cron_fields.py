"""The five fields of a cron line, and how to say what one of them cannot hold."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

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

_HASHED = re.compile(r"[HR](\(.*\))?(/.*)?")
# "L" in the places and forms where other crons have it.
_MISPLACED_LAST = re.compile(r"L|LW|L-?\d+|\d+-?L|[A-Z]{3}L|.*#.*", re.ASCII)


class InvalidSchedule(ValueError):
    """A schedule that cannot be kept. The message begins with ``field``, the cron field at fault;
    ``schedule`` where it is none of them.
    """

    def __init__(self, message: str, *, field: str = "schedule") -> None:
        super().__init__(f"{field}: {message}")
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
FIELD_RULES = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)


def refuse(rule: FieldRule, message: str) -> NoReturn:
    raise InvalidSchedule(message, field=rule.name)


def refuse_foreign_signs(rule: FieldRule, text: str) -> None:
    """Other alphabets' digits and letters; what is ASCII passes."""
    if not text.isascii():
        refuse(rule, f"{text} is not ASCII; write the digits 0 to 9 and English names")


def refuse_nickname(text: str, nicknames: Iterable[str]) -> NoReturn:
    """Say which words after an @ there are."""
    word = text.split(maxsplit=1)[0]
    known = ", ".join(nicknames)
    if word.lower() in nicknames:
        raise InvalidSchedule(f"{word} stands alone; write {word}, or five fields without it")
    raise InvalidSchedule(f"{word} is no nickname; write {known}, @every 15m or @at <time>")


def refuse_wrapped(rule: FieldRule, low: int, high: int, item: str, *, step: int) -> NoReturn:
    """Say how a range that runs over the end of the field is written without wrapping."""
    if step > 1:
        hint = "the values one by one"
    elif rule.names:
        hint = _spell_wrapped(rule, low, high, with_names=item[0].isalpha())
    else:
        before = f"{low}-{rule.high}" if low < rule.high else str(low)
        hint = f"{before},{f'{rule.low}-{high}' if high > rule.low else high}"
    refuse(rule, f"{item} runs backwards, and ranges do not wrap around; write {hint}")


def _spell_wrapped(rule: FieldRule, low: int, high: int, *, with_names: bool) -> str:
    length = rule.size
    start = fold_sunday(rule, low)
    count = (high - start) % length + 1
    values = [(start - rule.low + offset) % length + rule.low for offset in range(count)]
    spelled = {value: name for name, value in rule.names.items()} if with_names else {}
    return ",".join(spelled.get(value, str(value)) for value in values)


def refuse_item(rule: FieldRule, item: str) -> NoReturn:
    """Name the usual borrowings from other crons before giving up on the item."""
    if item == "":
        refuse(rule, "an empty item; write values separated by single commas")
    if "?" in item:
        refuse(rule, "? is not supported; write *")
    if _HASHED.fullmatch(item):
        refuse(rule, f"{item}: hashed and random values are not supported; write a fixed value")
    if not rule.names and _has_name(item):
        refuse(rule, f"{item}: names belong in month and day-of-week; write a number")
    if rule is DAY and "W" in item:
        refuse(rule, f"{item}: the nearest weekday (W) is not supported; write a day of the month")
    if _MISPLACED_LAST.fullmatch(item):
        refuse(
            rule,
            f"{item}: write L alone in day-of-month for the month's last day, "
            "5L for its last Friday and 5#2 for its second one in day-of-week",
        )
    values = f"{rule.low} to {rule.high}"
    refuse(
        rule,
        f"{item} is not a value; write *, a number from {values}"
        + (", a three-letter English name" if rule.names else "")
        + ", a range such as a-b, or a step such as */n",
    )


def _has_name(item: str) -> bool:
    return any(token in MONTH_NAMES or token in WEEKDAY_NAMES for token in re.split(r"[-/#]", item))


def fold_sunday(rule: FieldRule, value: int) -> int:
    """Day-of-week's 7 is Sunday again."""
    return value % 7 if rule is WEEKDAY else value

"""Another calendar, by brute force: asks every minute whether it is a slot."""

import calendar
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from triggers.rules.timezones import load_timezone

MINUTE = timedelta(minutes=1)
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


def list_expected_slots(
    text: str, zone: str, *, gap: str, overlap: str, after: datetime, until: datetime
) -> list[datetime]:
    """The slots in ``(after, until]`` of five plain fields, by the rules that users are told."""
    fields = text.upper().split()
    slots = set()
    instant = after.replace(second=0, microsecond=0) + MINUTE
    while instant <= until:
        if _runs_at(instant, load_timezone(zone), fields, gap=gap, overlap=overlap):
            slots.add(instant)
        instant += MINUTE
    return sorted(slots)


def _runs_at(
    instant: datetime, zone: ZoneInfo, fields: list[str], *, gap: str, overlap: str
) -> bool:
    is_interval_job = fields[0][0] == "*" or fields[1][0] == "*"
    local = instant.astimezone(zone)
    naive = local.replace(tzinfo=None, fold=0)
    if _matches(naive, fields):
        is_repeated = _offset(naive, zone, 0) != _offset(naive, zone, 1)
        if is_interval_job or not is_repeated or overlap == "both":
            return True
        if local.fold == (1 if overlap == "second" else 0):
            return True
    return (
        not is_interval_job
        and gap == "shift"
        and any(_matches(skipped, fields) for skipped in _list_skipped(instant, zone))
    )


def _list_skipped(instant: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """The local times that ``instant``, being the first after a gap, jumped over."""
    before, after = (instant - MINUTE).astimezone(zone), instant.astimezone(zone)
    skipped = before.replace(tzinfo=None, fold=0) + MINUTE
    end = after.replace(tzinfo=None, fold=0)
    if end - skipped > timedelta(hours=3):
        return
    while skipped < end:
        yield skipped
        skipped += MINUTE


def _offset(naive: datetime, zone: ZoneInfo, fold: int) -> timedelta | None:
    return naive.replace(tzinfo=zone, fold=fold).utcoffset()


def _matches(local: datetime, fields: list[str]) -> bool:
    minute, hour, day, month, weekday = fields
    if not (
        local.minute in _expand(minute, 0, 59)
        and local.hour in _expand(hour, 0, 23)
        and local.month in _expand(month, 1, 12, _MONTHS, 1)
    ):
        return False
    day_matches, weekday_matches = _is_day(local, day), _is_weekday(local, weekday)
    if day != "*" and weekday != "*":
        return day_matches or weekday_matches
    return day_matches and weekday_matches


def _is_day(local: datetime, field: str) -> bool:
    last = calendar.monthrange(local.year, local.month)[1]
    numbers = field.replace("L", str(last))
    return local.day in _expand(numbers, 1, 31)


def _is_weekday(local: datetime, field: str) -> bool:
    weekday = local.isoweekday() % 7
    last = calendar.monthrange(local.year, local.month)[1]
    for item in field.split(","):
        if "#" in item:
            day, nth = item.split("#")
            is_nth = (local.day - 1) // 7 + 1 == int(nth)
            if is_nth and weekday in _expand_week(day):
                return True
        elif item.endswith("L"):
            if weekday in _expand_week(item[:-1]) and local.day + 7 > last:
                return True
        elif weekday in _expand_week(item):
            return True
    return False


def _expand_week(field: str) -> set[int]:
    high = 6 if field.startswith("*") else 7
    return {value % 7 for value in _expand(field, 0, high, _WEEKDAYS, 0)}


def _expand(
    field: str, low: int, high: int, names: list[str] | None = None, first: int = 0
) -> set[int]:
    for number, name in enumerate(names or [], first):
        field = field.replace(name, str(number))
    values: set[int] = set()
    for item in field.split(","):
        span, _, step = item.partition("/")
        start, dash, end = span.partition("-")
        if span == "*":
            bounds = (low, high)
        elif dash:
            bounds = (int(start), int(end))
        else:
            bounds = (int(start), high if step else int(start))
        values.update(range(bounds[0], bounds[1] + 1, int(step or 1)))
    return values


def list_changes(zone: str, *, start: datetime, end: datetime) -> list[datetime]:
    """The first whole hours in UTC after each change of the zone's clocks."""
    tz = load_timezone(zone)
    changes = []
    instant = start.astimezone(UTC)
    while instant < end:
        following = instant + timedelta(hours=1)
        if instant.astimezone(tz).utcoffset() != following.astimezone(tz).utcoffset():
            changes.append(following)
        instant = following
    return changes

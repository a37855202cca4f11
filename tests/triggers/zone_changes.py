"""Changes of clocks, found by asking for the offset in UTC alone, and what jobs do around one.

A second opinion: neither ``fold`` nor the local-time rules are used here.
"""

import importlib.resources
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import cache

from triggers.rules.timezones import list_timezones, load_timezone

START, END = datetime(1990, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
# No zone changes twice within this.
_STEP = timedelta(hours=12)
_LONGEST_GAP = timedelta(hours=3)
REACH = timedelta(hours=30)
_RUNS = {"first": slice(0, 1), "second": slice(1, 2), "both": slice(0, 2)}


class Change:
    """At ``at`` the zone's offset goes from ``before`` to ``after``."""

    def __init__(self, zone: str, at: datetime, before: timedelta, after: timedelta) -> None:
        self.zone, self.at, self.before, self.after = zone, at, before, after

    def __repr__(self) -> str:
        return f"{self.zone} {self.at:%Y-%m-%dT%H:%M:%SZ} {self.before} to {self.after}"

    def read_wall(self, instant: datetime) -> datetime:
        """The naive local time around this change."""
        offset = self.before if instant < self.at else self.after
        return (instant + offset).replace(tzinfo=None)


@cache
def list_zone_changes(zone: str) -> list[Change]:
    """Every change of 1990 to 2037, to the second."""
    return list(_find_changes(zone))


def list_distinct_zones() -> list[str]:
    """One name for each set of rules, so that links are not asked again."""
    seen: dict[bytes, str] = {}
    for name in sorted(list_timezones()):
        *folders, file = name.split("/")
        package = ".".join(["tzdata.zoneinfo", *folders])
        data = importlib.resources.files(package).joinpath(file).read_bytes()
        seen.setdefault(data, name)
    return list(seen.values())


def list_expected_slots(
    minutes: set[int],
    hours: set[int],
    change: Change,
    *,
    is_interval_job: bool,
    gap: str,
    overlap: str,
) -> list[datetime]:
    """What a line for every day owes within ``REACH`` of the change, both ends included."""
    start, end = change.at - REACH, change.at + REACH
    first = datetime.combine(change.read_wall(start).date(), time()) - timedelta(days=1)
    slots = {
        slot
        for day in range((2 * REACH).days + 4)
        for hour in hours
        for minute in minutes
        for slot in _find_runs(
            first + timedelta(days=day, hours=hour, minutes=minute),
            change,
            is_interval_job=is_interval_job,
            gap=gap,
            overlap=overlap,
        )
    }
    return sorted(slot for slot in slots if start <= slot <= end)


def _find_runs(
    local: datetime, change: Change, *, is_interval_job: bool, gap: str, overlap: str
) -> list[datetime]:
    early = (local - change.before).replace(tzinfo=UTC)
    late = (local - change.after).replace(tzinfo=UTC)
    runs = [
        run for run, is_real in ((early, early < change.at), (late, late >= change.at)) if is_real
    ]
    if len(runs) == 2:
        return runs if is_interval_job else runs[_RUNS[overlap]]
    if runs or is_interval_job or gap == "skip":
        return runs
    return [change.at] if change.after - change.before <= _LONGEST_GAP else []


def _find_changes(zone: str) -> Iterator[Change]:
    tz = load_timezone(zone)
    instant, offset = START, _read_offset(START, tz)
    while instant < END:
        following = instant + _STEP
        later = _read_offset(following, tz)
        if later != offset:
            yield Change(zone, _bisect(instant, following, tz), offset, later)
        instant, offset = following, later


def _bisect(low: datetime, high: datetime, tz: tzinfo) -> datetime:
    target = _read_offset(high, tz)
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // timedelta(seconds=2) * timedelta(seconds=1)
        low, high = (low, middle) if _read_offset(middle, tz) == target else (middle, high)
    return high


def _read_offset(instant: datetime, tz: tzinfo) -> timedelta:
    offset = instant.astimezone(tz).utcoffset()
    assert offset is not None
    return offset

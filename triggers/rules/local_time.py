"""From a clock on the wall to instants, also where clocks are put forward or back.

Python ignores ``fold`` when it compares datetimes of one zone: everything is compared in UTC.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

DstGap = Literal["shift", "skip"]
DstOverlap = Literal["first", "second", "both"]
DST_GAPS: tuple[DstGap, ...] = get_args(DstGap)
DST_OVERLAPS: tuple[DstOverlap, ...] = get_args(DstOverlap)

# A longer gap is a zone that crossed the date line: its day never was.
_LONGEST_MADE_UP_GAP = timedelta(hours=3)
# Longer than any overlap, shorter than any two changes are apart.
_LOOK_AHEAD = timedelta(hours=25)
# Shorter than any two changes of one zone are apart.
_STEP = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Change:
    """Clocks put forward or back: ``at``, in UTC, is the first instant of the new offset."""

    at: datetime
    offset_before: timedelta
    offset_after: timedelta

    @property
    def length(self) -> timedelta:
        """How far the clocks go, whichever way."""
        return abs(self.offset_after - self.offset_before)

    @property
    def is_forward(self) -> bool:
        """Local times are left out, rather than coming twice."""
        return self.offset_after > self.offset_before


def find_instants(
    local: datetime,
    zone: ZoneInfo,
    *,
    is_interval_job: bool,
    dst_gap: str,
    dst_overlap: str,
) -> tuple[datetime, ...]:
    """The instants in UTC, ascending, at which a job of this kind runs for a naive local time."""
    early = _read_offset(local, zone, fold=0)
    late = _read_offset(local, zone, fold=1)
    first = (local - early).replace(tzinfo=UTC)
    if early == late:
        return (first,)
    second = (local - late).replace(tzinfo=UTC)
    if early < late:
        if is_interval_job or dst_gap == "skip" or late - early > _LONGEST_MADE_UP_GAP:
            return ()
        return (_find_change(zone, second, first),)
    if is_interval_job or dst_overlap == "both":
        return (first, second)
    return (second,) if dst_overlap == "second" else (first,)


def find_plain_offset(day: datetime, zone: ZoneInfo) -> timedelta | None:
    """The one offset of the day that begins at the naive midnight ``day``; null when it changes."""
    start = _read_offset(day, zone, fold=0)
    end = _read_offset(day + timedelta(days=1), zone, fold=1)
    return start if start == end else None


def find_walk_start(zone: ZoneInfo, after: datetime) -> datetime:
    """The earliest naive local time that can still mean an instant later than ``after``.

    Before clocks are put back, local times come again that are already behind: they count too.
    """
    local = after.astimezone(zone).replace(tzinfo=None, fold=0)
    later = (after + _LOOK_AHEAD).astimezone(zone).replace(tzinfo=None, fold=0)
    # So much less than the look-ahead went by on the wall.
    put_back = _LOOK_AHEAD - (later - local)
    return local - max(put_back, timedelta(0))


def find_changes(zone: ZoneInfo, *, after: datetime, until: datetime) -> list[Change]:
    """When clocks change in ``(after, until]``, in order."""
    found = []
    start = after.astimezone(UTC).replace(microsecond=0)
    while start < until:
        end = min(start + _STEP, until)
        before, later = (instant.astimezone(zone).utcoffset() for instant in (start, end))
        if before is not None and later is not None and before != later:
            at = _find_change(zone, start, end)
            found.append(Change(at=at, offset_before=before, offset_after=later))
        start = end
    return found


def find_pass(instant: datetime, zone: ZoneInfo) -> Literal["first_of_two", "repeated"] | None:
    """Which pass of a local time that comes twice this is; null when it comes once."""
    local = instant.astimezone(zone)
    if local.fold:
        return "repeated"
    naive = local.replace(tzinfo=None)
    is_ambiguous = _read_offset(naive, zone, fold=1) < _read_offset(naive, zone, fold=0)
    return "first_of_two" if is_ambiguous else None


def _read_offset(local: datetime, zone: ZoneInfo, *, fold: int) -> timedelta:
    # Never null: only a naive time has no offset.
    return local.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta(0)


def _find_change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The instant in (before, after], to the second, from which the offset is that of ``after``."""
    offset_after = after.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == offset_after:
            after = middle
        else:
            before = middle
    return after

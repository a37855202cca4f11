"""When a trigger fires: one dialect, one calendar, one rule for daylight saving, for all who ask.

Cron lines are walked over naive local time, and each local time is mapped to UTC by ``local_time``:
croniter, given an aware time, runs a daily 01:30 twice in autumn.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from itertools import islice, takewhile
from typing import Literal

from croniter import croniter

from triggers.rules.cron import CronLine, parse_cron
from triggers.rules.cron_fields import InvalidSchedule
from triggers.rules.intervals import (
    Interval,
    Once,
    check_length,
    parse_interval,
    parse_once,
    walk_interval,
)
from triggers.rules.local_time import find_instants, find_plain_offset, find_walk_start
from triggers.rules.timezones import InvalidTimezone, check_timezone, load_timezone

__all__ = [
    "Interval",
    "InvalidSchedule",
    "InvalidTimezone",
    "Once",
    "Schedule",
    "check_schedule",
    "check_timezone",
    "is_interval_job",
    "iterate_slots",
    "next_slot",
    "parse_schedule",
]

Mode = Literal["cron", "every", "at"]

MAX_LENGTH = 128
# 29 February comes after at most eight years (1896 and 1904, 2096 and 2104).
_MAX_YEARS_BETWEEN_MATCHES = 8
_HOUR = timedelta(hours=1)
_MINUTES = tuple(timedelta(minutes=minute) for minute in range(60))


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A valid schedule: ``text`` as it was given, and when that is."""

    text: str
    timing: CronLine | Interval | Once

    @property
    def mode(self) -> Mode:
        """As ``schedule_info.mode`` shows it."""
        if isinstance(self.timing, CronLine):
            return "cron"
        return "every" if isinstance(self.timing, Interval) else "at"


@lru_cache(maxsize=4096)
def parse_schedule(text: str) -> Schedule:
    """Read five cron fields, a nickname, ``@every 15m[/5m]`` or ``@at 2026-12-01T09:00:00Z``.

    Whether it still fires after some instant, ``next_slot`` tells.

    Raises:
        InvalidSchedule: with how to write it instead, and ``field`` naming the cron field at fault.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidSchedule(f"a schedule has at most {MAX_LENGTH} characters")
    if any(sign < " " or sign == "\x7f" for sign in text):
        raise InvalidSchedule(
            "a schedule is one line without tabs or other control characters: separate its fields "
            "(minute, hour, day-of-month, month, day-of-week) by blanks"
        )
    if text.lstrip(" ").startswith("@") and not text.isascii():
        # Lower case would make a K of the Kelvin sign.
        raise InvalidSchedule("what begins with @ is written in ASCII letters and digits")
    word, _, rest = text.strip(" ").partition(" ")
    if word.lower() == "@every":
        return Schedule(text=text, timing=parse_interval(rest.strip(" ")))
    if word.lower() == "@at":
        return Schedule(text=text, timing=parse_once(rest.strip(" ")))
    return Schedule(text=text, timing=parse_cron(text.strip(" ")))


def check_schedule(text: str, *, shortest_interval_seconds: int) -> Schedule:
    """As ``parse_schedule``, of a schedule that somebody is about to save: what is saved already
    stays, also when an installation raises its minimum for ``@every``.

    Raises:
        InvalidSchedule: as ``parse_schedule``, or an interval shorter than that.
    """
    schedule = parse_schedule(text)
    if isinstance(schedule.timing, Interval):
        check_length(schedule.timing, minimum_seconds=shortest_interval_seconds)
    return schedule


def is_interval_job(schedule: Schedule) -> bool:
    """Does it keep even spacing over a change of clocks, unlike a job at fixed times of the day."""
    if isinstance(schedule.timing, CronLine):
        return schedule.timing.is_interval_job
    return isinstance(schedule.timing, Interval)


def next_slot(
    schedule: Schedule,
    *,
    timezone: str,
    dst_gap: str,
    dst_overlap: str,
    after: datetime,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> datetime | None:
    """The earliest slot strictly later than ``after``, in UTC; null when there is none any more.

    ``starts_at`` and ``ends_at`` bound the slots, both included.
    """
    after = _skip_to_start(after, starts_at)
    if isinstance(schedule.timing, CronLine):
        slot = _find_next_of_line(schedule, timezone, dst_gap, dst_overlap, after)
    else:
        slots = _walk_slots(schedule, timezone, dst_gap, dst_overlap, after, starts_at=starts_at)
        slot = next(slots, None)
    return None if slot is not None and ends_at is not None and slot > ends_at else slot


def _skip_to_start(after: datetime, starts_at: datetime | None) -> datetime:
    """``after`` in UTC, or the last instant before ``starts_at`` where that is later."""
    after = after.astimezone(UTC)
    if starts_at is None or starts_at <= after:
        return after
    return starts_at.astimezone(UTC) - timedelta.resolution


def _find_next_of_line(
    schedule: Schedule, timezone: str, dst_gap: str, dst_overlap: str, after: datetime
) -> datetime | None:
    # All askers of one minute share one evaluation. The loop is for offsets with seconds, long ago.
    slot = _find_next(
        schedule, timezone, dst_gap, dst_overlap, after.replace(second=0, microsecond=0)
    )
    while slot is not None and slot <= after:
        slot = _find_next(schedule, timezone, dst_gap, dst_overlap, slot)
    return slot


@lru_cache(maxsize=8192)
def _find_next(
    schedule: Schedule, timezone: str, dst_gap: str, dst_overlap: str, after: datetime
) -> datetime | None:
    return next(_walk_slots(schedule, timezone, dst_gap, dst_overlap, after), None)


def iterate_slots(
    schedule: Schedule,
    *,
    timezone: str,
    dst_gap: str,
    dst_overlap: str,
    after: datetime,
    until: datetime,
    limit: int,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> list[datetime]:
    """The slots in ``(after, until]``, ascending, in UTC; the first ``limit`` of them."""
    first = next_slot(
        schedule,
        timezone=timezone,
        dst_gap=dst_gap,
        dst_overlap=dst_overlap,
        after=after,
        starts_at=starts_at,
    )
    until = until if ends_at is None else min(until, ends_at)
    # The usual answer is "none", and many ask it at once: it costs no walk of their own.
    if first is None or first > until:
        return []
    slots = _walk_slots(
        schedule,
        timezone,
        dst_gap,
        dst_overlap,
        _skip_to_start(after, starts_at),
        starts_at=starts_at,
    )
    return list(islice(takewhile(lambda slot: slot <= until, slots), limit))


def _walk_slots(
    schedule: Schedule,
    timezone: str,
    dst_gap: str,
    dst_overlap: str,
    after: datetime,
    *,
    starts_at: datetime | None = None,
) -> Iterator[datetime]:
    """Every slot later than ``after``, ascending, each once; computed as far as it is read."""
    timing, latest = schedule.timing, after
    try:
        for slot in (
            walk_interval(timing, after=after, starts_at=starts_at)
            if isinstance(timing, Interval)
            else [timing.at]
            if isinstance(timing, Once)
            else _walk_cron(timing, timezone, dst_gap, dst_overlap, after)
        ):
            if slot > latest:
                latest = slot
                yield slot
    except OverflowError:
        # The calendar ends in the year 9999.
        return


def _walk_cron(
    line: CronLine, timezone: str, dst_gap: str, dst_overlap: str, after: datetime
) -> Iterator[datetime]:
    """Instants in order, from some time before ``after``; one may come twice in a row."""
    zone = load_timezone(timezone)
    start = find_walk_start(zone, after)
    # Second passes of local times, until the first passes before them are through.
    repeats: list[datetime] = []
    for day in _walk_days(line, start):
        if (offset := find_plain_offset(day, zone)) is not None:
            yield from sorted(repeats)
            repeats.clear()
            yield from _walk_plain_day(line, (day - offset).replace(tzinfo=UTC), after)
            continue
        for local in _walk_local_times(line, day, start):
            instants = find_instants(
                local,
                zone,
                is_interval_job=line.is_interval_job,
                dst_gap=dst_gap,
                dst_overlap=dst_overlap,
            )
            for instant in instants:
                heapq.heappush(repeats, instant)
            # First passes never go backwards: what is not later than this one is complete.
            while instants and repeats and repeats[0] <= instants[0]:
                yield heapq.heappop(repeats)
    yield from sorted(repeats)


def _walk_plain_day(line: CronLine, midnight: datetime, after: datetime) -> Iterator[datetime]:
    """The matching instants of a day without a change of clocks that began at ``midnight`` UTC."""
    for hour in line.hours:
        start = midnight + timedelta(hours=hour)
        if start + _HOUR > after:
            for minute in line.minutes:
                yield start + _MINUTES[minute]


def _walk_local_times(line: CronLine, day: datetime, start: datetime) -> Iterator[datetime]:
    for hour in line.hours:
        for minute in line.minutes:
            local = day.replace(hour=hour, minute=minute)
            if local >= start:
                yield local


def _walk_days(line: CronLine, start: datetime) -> Iterator[datetime]:
    """The naive midnights that begin the matching days, from ``start``'s own day on."""
    midnight = datetime.combine(start.date(), time())
    try:
        calendar = croniter(
            f"0 0 {line.days} {line.months} {line.weekdays}",
            midnight - timedelta(minutes=1),
            ret_type=datetime,
            max_years_between_matches=_MAX_YEARS_BETWEEN_MATCHES,
        )
        while True:
            yield calendar.get_next(datetime)
    except (ValueError, OverflowError):
        # No day within eight years, or the calendar's end; not all of these are CroniterErrors.
        return

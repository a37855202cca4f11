"""Schedules that are no cron lines: ``@every 15m``, ``@every 1h/20m`` and ``@at <time>``."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from actions.rules.durations import parse_duration, render_duration
from triggers.rules.cron_fields import InvalidSchedule
from workspaces.rules.times import parse_time

# Beat claims about once a second; how short they may be beyond that, an installation decides.
SHORTEST_SECONDS = 1
MAX_INTERVAL_SECONDS = 366 * 86_400
_WHOLE = re.compile(r"(\d+[dhms])+", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Every so many seconds from its start plus ``phase_seconds``: it never drifts."""

    seconds: int
    phase_seconds: int = 0


@dataclass(frozen=True, kw_only=True)
class Once:
    """One instant, in UTC."""

    at: datetime


def walk_interval(
    interval: Interval, *, after: datetime, starts_at: datetime | None
) -> Iterator[datetime]:
    """The slots later than ``after``, counted from ``starts_at``, else from the Unix epoch.

    Raises:
        OverflowError: at the end of the calendar.
    """
    step = timedelta(seconds=interval.seconds)
    anchor = (starts_at or _EPOCH) + timedelta(seconds=interval.phase_seconds)
    slot = anchor + ((after - anchor) // step + 1) * step
    while True:
        yield slot
        slot += step


def parse_interval(text: str) -> Interval:
    """Read what follows ``@every``.

    Raises:
        InvalidSchedule: with how to write it instead.
    """
    length, slash, phase = text.partition("/")
    interval = Interval(
        seconds=_read_seconds(length), phase_seconds=_read_seconds(phase) if slash else 0
    )
    if not SHORTEST_SECONDS <= interval.seconds <= MAX_INTERVAL_SECONDS:
        raise InvalidSchedule(
            f"@every takes {SHORTEST_SECONDS}s to {MAX_INTERVAL_SECONDS // 86_400}d"
        )
    if interval.phase_seconds >= interval.seconds:
        raise InvalidSchedule("@every: the phase after the slash is shorter than the interval")
    return interval


def check_length(interval: Interval, *, minimum_seconds: int) -> None:
    """Refuse what is shorter than this installation takes.

    Raises:
        InvalidSchedule: with the shortest that may be written instead.
    """
    if interval.seconds < minimum_seconds:
        shortest = render_duration(minimum_seconds)
        raise InvalidSchedule(
            f"@every {render_duration(interval.seconds)} is too short; write @every {shortest} "
            "or longer"
        )


def parse_once(text: str) -> Once:
    """Read what follows ``@at``.

    Raises:
        InvalidSchedule: with how to write it instead.
    """
    try:
        return Once(at=parse_time(text))
    except ValueError:
        raise InvalidSchedule("write @at with an RFC 3339 time: @at 2026-12-01T09:00:00Z") from None


def _read_seconds(text: str) -> int:
    try:
        seconds = parse_duration(text)
    except ValueError:
        raise InvalidSchedule(
            "write @every 90s, 15m, 2h30m or 1d, with an optional phase: @every 1h/20m"
        ) from None
    if _WHOLE.fullmatch(text) is None:
        raise InvalidSchedule("@every takes whole days, hours, minutes and seconds, such as 1d12h")
    return int(seconds)

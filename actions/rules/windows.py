"""When calls may be placed: a daily window by the wall clock of a time zone.

``[start, end)``: open at the start, closed at the end. A start after the end spans midnight and
belongs to the day on which it starts; equal ends are the whole day. The wall clock decides, also on
the days on which it jumps.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DEFAULT_WINDOW: Mapping[str, Any] = {
    "start": "09:00",
    "end": "18:00",
    "timezone": "America/New_York",
}

_DAY = dt.timedelta(days=1)
# A zone that skips a calendar day (Samoa, 2011) can make a weekday wait for two weeks.
_DAYS_AHEAD = 16


@dataclass(frozen=True, slots=True)
class Window:
    """``days`` are weekdays from 0 for Monday; ``zone`` is an IANA time zone."""

    start: dt.time
    end: dt.time
    zone: ZoneInfo
    days: frozenset[int]

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The window of ``{"start", "end", "timezone", "days"?}``; what lacks is the default's.

        Raises:
            ValueError: a time or a weekday is none.
            KeyError: there is no such zone (``ZoneInfoNotFoundError``).
        """
        given = {**DEFAULT_WINDOW, **stored}
        return cls(
            start=dt.time.fromisoformat(given["start"]),
            end=dt.time.fromisoformat(given["end"]),
            zone=ZoneInfo(given["timezone"]),
            days=frozenset(DAYS.index(day) for day in given.get("days") or DAYS),
        )


def is_open(window: Window, at: dt.datetime) -> bool:
    """Whether a call may be placed at this moment."""
    local = at.astimezone(window.zone)
    clock, day = local.time(), local.date()
    if window.start == window.end:
        return day.weekday() in window.days
    if window.start < window.end:
        return window.start <= clock < window.end and day.weekday() in window.days
    if clock >= window.start:
        return day.weekday() in window.days
    return clock < window.end and (day - _DAY).weekday() in window.days


def find_opening(window: Window, at: dt.datetime) -> dt.datetime:
    """The first moment from ``at`` on at which the window is open: ``at`` itself when it is."""
    at = at.astimezone(dt.UTC)
    if is_open(window, at):
        return at
    today = at.astimezone(window.zone).date()
    for offset in range(-1, _DAYS_AHEAD):
        openings = [
            moment
            for moment in _list_candidates(window, today + offset * _DAY)
            if moment >= at and is_open(window, moment)
        ]
        if openings:
            return min(openings)
    raise ValueError("the window never opens")  # pragma: no cover - every weekday comes


def _list_candidates(window: Window, day: dt.date) -> Iterator[dt.datetime]:
    """Where a closed window can open: at its start (twice, when the hour repeats), where the clock
    jumps, and at midnight when a day is all of it.
    """
    start = dt.time() if window.start == window.end else window.start
    for fold in (0, 1):
        wall = dt.datetime.combine(day, start, tzinfo=window.zone).replace(fold=fold)
        yield wall.astimezone(dt.UTC)
    jump = _find_jump(window.zone, day)
    if jump is not None:
        yield jump


def _find_jump(zone: ZoneInfo, day: dt.date) -> dt.datetime | None:
    """The first second after the zone's offset changed, around this day."""
    noon = dt.datetime.combine(day, dt.time(12), tzinfo=dt.UTC)
    before, after = noon - _DAY, noon + _DAY
    offset = _read_offset(zone, before)
    if _read_offset(zone, after) == offset:
        return None
    while after - before > dt.timedelta(seconds=1):
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        if _read_offset(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after


def _read_offset(zone: ZoneInfo, at: dt.datetime) -> dt.timedelta | None:
    return at.astimezone(zone).utcoffset()

"""When a request says that it was signed, and whether that is now."""

import datetime as dt
import re
from dataclasses import dataclass

from workspaces.rules.times import parse_time

FORMATS = ("unix", "unix_ms", "rfc3339", "auto")
# The native header: milliseconds, or seconds, told apart by their size. Not for documents.
UNIX_ANY = "unix_any"
_UNIX_TIME = re.compile(r"[0-9]{1,16}", re.ASCII)
# A number from here on counts milliseconds (as such, 1973; as seconds, the year 5138).
_FIRST_MILLISECONDS = 10**11
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SECOND = dt.timedelta(seconds=1)
_MILLISECOND = dt.timedelta(milliseconds=1)
_MICROSECOND = dt.timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Stamp:
    """A timestamp: absent (no text), malformed (no unit), or ``count`` units since 1970."""

    text: str | None
    count: int = 0
    unit: dt.timedelta | None = None

    @property
    def moment(self) -> dt.datetime | None:
        """The instant; None where there is none, or none that a calendar knows."""
        if self.unit is None:
            return None
        try:
            return _EPOCH + self.count * self.unit
        except OverflowError:
            return None

    def render_seconds(self) -> str:
        """Whole seconds since 1970, as some senders sign whatever they write in the header."""
        return "" if self.unit is None else str(self.count * self.unit // _SECOND)


def read_stamp(text: str | None, time_format: str) -> Stamp:
    """A timestamp in one of the formats; never raises."""
    if text is None:
        return Stamp(None)
    if _UNIX_TIME.fullmatch(text):
        if time_format == "rfc3339":
            return Stamp(text)
        count = int(text)
        return Stamp(text, count, _find_unit(count, time_format))
    if time_format not in {"rfc3339", "auto"}:
        return Stamp(text)
    try:
        return Stamp(text, (parse_time(text) - _EPOCH) // _MICROSECOND, _MICROSECOND)
    except (ValueError, OverflowError):
        return Stamp(text)


def is_fresh(stamp: Stamp, *, tolerance_seconds: int, now: dt.datetime) -> bool:
    """Is it at most so far from now, before or after? True where no time was read."""
    if stamp.unit is None:
        return True
    # In the sender's own unit: a stamp in whole seconds is compared in whole seconds.
    elapsed = (now - _EPOCH) // stamp.unit - stamp.count
    return abs(elapsed) <= dt.timedelta(seconds=tolerance_seconds) // stamp.unit


def _find_unit(count: int, time_format: str) -> dt.timedelta:
    if time_format == "unix":
        return _SECOND
    if time_format == "unix_ms":
        return _MILLISECOND
    return _MILLISECOND if count >= _FIRST_MILLISECONDS else _SECOND

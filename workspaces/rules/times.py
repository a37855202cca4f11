"""Times as the API reads and writes them: RFC 3339."""

import datetime as dt
import re
from functools import lru_cache

_RFC_3339 = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ](?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?:\.(?P<fraction>[0-9]{1,32}))?(?P<offset>[Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def render_time(value: dt.datetime | None) -> str | None:
    """RFC 3339 in UTC with ``Z``; six digits of a second's fraction, or none when it is zero."""
    if value is None:
        return None
    return _render(value if value.tzinfo is dt.UTC else value.astimezone(dt.UTC))


# Of UTC alone: elsewhere an hour that comes twice is equal to itself.
@lru_cache(maxsize=4096)
def _render(value: dt.datetime) -> str:
    """Many slots of many triggers are one instant."""
    return value.isoformat().replace("+00:00", "Z")


def parse_time(text: str) -> dt.datetime:
    """The instant, in UTC, that an RFC 3339 text names; finer than microseconds is cut off.

    Raises:
        ValueError: not RFC 3339, without an offset, or no such time.
    """
    match = _RFC_3339.fullmatch(text)
    if match is None:
        raise ValueError("A time is written like 2026-12-01T09:00:00Z, with its offset from UTC.")
    fraction = (match["fraction"] or "")[:6].ljust(6, "0")
    offset = "+00:00" if match["offset"] in "Zz" else match["offset"]
    try:
        local = dt.datetime.fromisoformat(f"{match['date']}T{match['time']}.{fraction}{offset}")
        return local.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text} is not a time that exists.") from None


def read_database_time(text: str) -> dt.datetime:
    """A time that Postgres casts to text, in a session whose zone is UTC: 2026-12-01 09:00:00.5+00.

    The cheap way to read times by the thousand.
    """
    return dt.datetime.fromisoformat(text)

"""Time zones: names of the pinned tzdata package, never the host's own data."""

import difflib
import importlib.resources
from functools import lru_cache
from zoneinfo import ZoneInfo

import tzdata  # type: ignore[import-untyped]

# Abbreviations that IANA keeps as links or fixed offsets: what people mean by them is a place.
_ABBREVIATIONS = {
    "EST": "America/New_York",
    "MST": "America/Denver",
    "HST": "Pacific/Honolulu",
    "EST5EDT": "America/New_York",
    "CST6CDT": "America/Chicago",
    "MST7MDT": "America/Denver",
    "PST8PDT": "America/Los_Angeles",
    "CET": "Europe/Paris",
    "MET": "Europe/Paris",
    "EET": "Europe/Athens",
    "WET": "Europe/Lisbon",
}
# Not names of zones at all, only often written.
_FREQUENT_MISTAKES = {
    "EDT": "America/New_York",
    "CST": "America/Chicago",
    "CDT": "America/Chicago",
    "MDT": "America/Denver",
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "BST": "Europe/London",
    "CEST": "Europe/Paris",
    "MSK": "Europe/Moscow",
    "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo",
    "AEST": "Australia/Sydney",
    "Z": "UTC",
}
_NOT_PLACES = {"Factory", "localtime", "posixrules"}


class InvalidTimezone(ValueError):
    """Not the name of a time zone that triggers may use; the message holds a hint."""


def check_timezone(name: str) -> str:
    """The name itself when it is an IANA zone; links such as ``US/Eastern`` are kept as given.

    Raises:
        InvalidTimezone: unknown, an abbreviation, or an offset.
    """
    if name in list_timezones():
        return name
    raise InvalidTimezone(f"{name[:64]!r} is not a time zone; {_find_hint(name)}")


@lru_cache(maxsize=1)
def list_timezones() -> frozenset[str]:
    """Every name that a trigger may use."""
    zones = importlib.resources.files("tzdata").joinpath("zones").read_text(encoding="ascii")
    return frozenset(zones.split()) - _NOT_PLACES - _ABBREVIATIONS.keys()


def read_release() -> str:
    """The release of the time zones in use, such as ``2026a``."""
    return str(tzdata.IANA_VERSION)


@lru_cache(maxsize=1024)
def load_timezone(name: str) -> ZoneInfo:
    """The rules of a zone as the tzdata package has them, whatever the host's search path says.

    Raises:
        InvalidTimezone: as ``check_timezone``.
    """
    *folders, file = check_timezone(name).split("/")
    package = ".".join(["tzdata.zoneinfo", *folders])
    with importlib.resources.files(package).joinpath(file).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


def _find_hint(name: str) -> str:
    place = _ABBREVIATIONS.get(name.upper()) or _FREQUENT_MISTAKES.get(name.upper())
    if place is not None:
        return f"abbreviations are ambiguous: write a place such as {place}"
    if name.upper().startswith(("GMT", "UTC", "+", "-")) or name[:1].isdigit():
        return "offsets are not zones: write a place such as Europe/Berlin, or UTC"
    by_lower = {zone.lower(): zone for zone in list_timezones()}
    close = difflib.get_close_matches(name[:64].lower(), by_lower, n=1, cutoff=0.75)
    if close:
        return f"did you mean {by_lower[close[0]]}?"
    return "write an IANA name such as Europe/Berlin"

"""Which names of time zones are accepted, and from which source."""

import importlib.metadata
import zoneinfo
from datetime import UTC, datetime

import pytest

from triggers.rules.timezones import (
    InvalidTimezone,
    check_timezone,
    list_timezones,
    load_timezone,
)


@pytest.mark.parametrize(
    "name",
    ["UTC", "Europe/Berlin", "US/Eastern", "Japan", "GB", "Etc/GMT+5", "America/Argentina/Ushuaia"],
)
def test_zones_and_their_links_are_kept_as_given(name: str) -> None:
    assert check_timezone(name) == name


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("EST", "America/New_York"),
        ("MST", "America/Denver"),
        ("HST", "Pacific/Honolulu"),
        ("EST5EDT", "America/New_York"),
        ("CST6CDT", "America/Chicago"),
        ("MST7MDT", "America/Denver"),
        ("PST8PDT", "America/Los_Angeles"),
        ("CET", "Europe/Paris"),
        ("MET", "Europe/Paris"),
        ("EET", "Europe/Athens"),
        ("WET", "Europe/Lisbon"),
        ("PST", "America/Los_Angeles"),
        ("est", "America/New_York"),
        ("GMT+5", "offsets are not zones"),
        ("UTC+2", "offsets are not zones"),
        ("+02:00", "offsets are not zones"),
        ("-0500", "offsets are not zones"),
        ("europe/berlin", "Europe/Berlin"),
        ("Europe/Berln", "Europe/Berlin"),
        ("Mars/Olympus", "IANA"),
        ("", "IANA"),
        ("Factory", "IANA"),
        ("localtime", "IANA"),
        ("posixrules", "IANA"),
        ("../../etc/passwd", "IANA"),
        ("Europe", "IANA"),
        ("Europe/Berlin\n", "Europe/Berlin"),
        ("Ευρώπη/Αθήνα", "IANA"),
    ],
)
def test_anything_else_is_refused_with_a_hint(name: str, hint: str) -> None:
    with pytest.raises(InvalidTimezone, match="is not a time zone") as caught:
        check_timezone(name)
    assert hint in str(caught.value)


def test_a_very_long_name_is_not_repeated_whole() -> None:
    with pytest.raises(InvalidTimezone) as caught:
        check_timezone("x" * 10_000)
    assert len(str(caught.value)) < 300


def test_every_accepted_zone_loads_from_the_pinned_package() -> None:
    assert importlib.metadata.version("tzdata")
    now = datetime(2026, 11, 24, tzinfo=UTC)
    for name in list_timezones():
        zone = load_timezone(name)
        assert zone.key == name
        assert now.astimezone(zone).utcoffset() is not None


def test_a_refused_name_does_not_load() -> None:
    with pytest.raises(InvalidTimezone):
        load_timezone("EST")


def test_no_process_looks_at_the_hosts_own_zones() -> None:
    assert zoneinfo.TZPATH == ()

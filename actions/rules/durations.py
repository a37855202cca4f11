"""Durations as people write them: ``90s``, ``10m``, ``2h30m``, ``1d``, ``500ms``."""

import re

_UNIT_SECONDS = {"w": 604_800.0, "d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|[wdhms])", re.ASCII)
_MAX_LENGTH = 64


def parse_duration(text: str) -> float:
    """Seconds of a duration: numbers with the units ``w d h m s ms``, largest first, each at most
    once.

    Raises:
        ValueError: not a duration; the message says what one looks like.
    """
    position, seconds, units = 0, 0.0, []
    while len(text) <= _MAX_LENGTH and (part := _PART.match(text, position)):
        number, unit = part.groups()
        units.append(unit)
        seconds += float(number) * _UNIT_SECONDS[unit]
        position = part.end()
    if not units or position != len(text):
        raise ValueError(
            'Not a duration. Write numbers with units, such as "30s", "10m" or "2h30m".'
        )
    if units != [unit for unit in _UNIT_SECONDS if unit in units]:
        raise ValueError('Write each unit once, the largest first, such as "2h30m".')
    return seconds


def render_duration(seconds: float) -> str:
    """The shortest text that ``parse_duration`` reads back as these seconds, to the millisecond."""
    left = round(seconds * 1000)
    parts = []
    for unit, size in _UNIT_SECONDS.items():
        count, left = divmod(left, round(size * 1000))
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"

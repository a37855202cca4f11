"""Event types, and the patterns that match them: ``*`` stands for any text, also for none."""

import re

MAX_LENGTH = 128
_EVENT_TYPE = re.compile(rf"[A-Za-z0-9._\-:/]{{1,{MAX_LENGTH}}}")
_PATTERN = re.compile(rf"[A-Za-z0-9._\-:/*]{{1,{MAX_LENGTH}}}")
# What only the product itself writes.
SYSTEM_PREFIXES = ("trigger.", "outbound.", "webhook.")


def is_event_type(text: str) -> bool:
    """1 to 128 of ``[A-Za-z0-9._-:/]``."""
    return _EVENT_TYPE.fullmatch(text) is not None


def is_event_pattern(text: str) -> bool:
    """An event type that may hold ``*`` anywhere."""
    return _PATTERN.fullmatch(text) is not None


def is_system_type(event_type: str) -> bool:
    """One of the types that only the product itself writes."""
    return event_type.startswith(SYSTEM_PREFIXES)


def matches_event_type(pattern: str, event_type: str) -> bool:
    """Does the whole of ``event_type`` match? Case counts; no pattern makes it slow."""
    head, *rest = pattern.split("*")
    if not rest:
        return pattern == event_type
    *middle, tail = rest
    end = len(event_type) - len(tail)
    if end < len(head) or not event_type.startswith(head) or not event_type.endswith(tail):
        return False
    position = len(head)
    for piece in middle:
        found = event_type.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return True


def compile_pattern(pattern: str) -> str:
    """The same question as a regular expression that Python and Postgres read alike."""
    return "^" + ".*".join(re.escape(piece) for piece in pattern.split("*")) + "$"

"""Dotted paths into JSON values: ``items.0.name``, also written ``$.items.0.name``; ``$`` alone is
the root.

A segment names a member of an object or, in digits, an element of a list. Member names may hold
anything but dots, brackets, braces, quotes, bars, backslashes and control characters.
"""

import re
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import Any, Final

Path = tuple[str, ...]

_MAX_LENGTH = 512
_MAX_SEGMENTS = 64
_SEGMENT = re.compile(
    r"""[^\s\x00-\x1f\x7f.(){}\[\]|"'`\\](?:[^\x00-\x1f\x7f.(){}\[\]|"'`\\]*[^\s\x00-\x1f\x7f.(){}\[\]|"'`\\])?"""
)
_INDEX = re.compile(r"0|[1-9]\d{0,8}", re.ASCII)


class Missing(Enum):
    """The type of ``MISSING``, which no JSON value equals."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING
# Dictionaries first: to ask an abstract class costs as much as the whole step.
_OBJECTS = (dict, Mapping)


class InvalidPath(ValueError):
    """Not a path; the message says why."""


class PathConflict(ValueError):
    """The path leads through a value that is neither an object nor a list that reaches so far."""


@lru_cache(maxsize=4096)
def parse_path(path: str) -> Path:
    """The segments of a path; the root is the empty tuple.

    Raises:
        InvalidPath: empty, too long, or a segment that holds what a segment may not hold.
    """
    if len(path) > _MAX_LENGTH:
        raise InvalidPath(f"A path has at most {_MAX_LENGTH} characters.")
    if path == "$":
        return ()
    segments = tuple(path.removeprefix("$.").split("."))
    if len(segments) > _MAX_SEGMENTS:
        raise InvalidPath(f"A path has at most {_MAX_SEGMENTS} segments.")
    for segment in segments:
        if not segment:
            raise InvalidPath("A path is names joined by single dots, such as items.0.name.")
        if not _SEGMENT.fullmatch(segment):
            raise InvalidPath(
                f"{segment!r} is not a name in a path: write list elements as items.0.name, "
                "without brackets, quotes, bars or spaces at the ends."
            )
    return segments


def find_path(root: Any, path: str | Path) -> Any:
    """The value that the path leads to, else ``MISSING`` (also when it leads through a value
    without members).

    Raises:
        InvalidPath: ``path`` is text and not a path.
    """
    value = root
    for segment in parse_path(path) if isinstance(path, str) else path:
        if isinstance(value, _OBJECTS):
            value = value.get(segment, MISSING)
        elif isinstance(value, list | tuple) and _INDEX.fullmatch(segment):
            value = value[int(segment)] if int(segment) < len(value) else MISSING
        else:
            return MISSING
    return value


def set_path(target: dict[str, Any], path: str | Path, value: Any) -> None:
    """Put a value where the path leads, in place: objects on the way are made, list elements must
    exist.

    Raises:
        InvalidPath: not a path, or the root.
        PathConflict: something on the way has a value of another kind; ``target`` may be partly
            extended.
    """
    segments = parse_path(path) if isinstance(path, str) else path
    if not segments:
        raise InvalidPath("The root itself cannot be set.")
    holder: Any = target
    for segment in segments[:-1]:
        holder = _enter(holder, segment)
    if isinstance(holder, dict):
        holder[segments[-1]] = value
    elif _has_element(holder, segments[-1]):
        holder[int(segments[-1])] = value
    else:
        raise PathConflict(f"Nothing can be set at {'.'.join(segments)}.")


def _enter(holder: Any, segment: str) -> Any:
    if isinstance(holder, dict):
        return holder.setdefault(segment, {})
    if _has_element(holder, segment):
        return holder[int(segment)]
    raise PathConflict(f"Nothing can be set below {segment!r}: it is in a value without members.")


def _has_element(holder: Any, segment: str) -> bool:
    return (
        isinstance(holder, list)
        and _INDEX.fullmatch(segment) is not None
        and int(segment) < len(holder)
    )

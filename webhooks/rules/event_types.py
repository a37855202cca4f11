"""What a delivery says it is: the first non-empty text at one of the paths.

A path is dotted (``event.type``), of the first element of a list (``[].event``), a header
(``header:X-GitHub-Event``), or several of them in a text: ``{type}.{action}``.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from actions.rules.paths import InvalidPath, find_path, parse_path

DEFAULT_PATHS = ("type", "event_type", "event", "action")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_FIRST = "[]."
_HEADER = "header:"


def read_event_type(
    payload: Any,
    paths: Sequence[str] = DEFAULT_PATHS,
    *,
    headers: Mapping[str, str] | None = None,
) -> str | None:
    """The event type, whether it is a good one or not; None where no path leads to a text."""
    for path in paths:
        value = _read(payload, path, headers or {})
        if value:
            return value
    return None


def is_event_path(path: str) -> bool:
    """Can it be read?"""
    inner = _PLACEHOLDER.findall(path) or [path]
    try:
        return all(_is_plain_path(part) for part in inner)
    except InvalidPath:
        return False


def reads_header(path: str) -> bool:
    """Does it take something from a header, which few senders sign?"""
    return bool(list_headers(path))


def choose_paths(
    paths: Sequence[str], *, is_header_allowed: bool, signed_headers: Collection[str] = ()
) -> tuple[str, ...]:
    """Those that may be read: a header only where it is signed, or the destination says so. The
    usual ones where none is left.
    """
    if is_header_allowed:
        return tuple(paths)
    readable = tuple(path for path in paths if not list_headers(path) - set(signed_headers))
    return readable or DEFAULT_PATHS


def choose_element_paths(paths: Sequence[str]) -> tuple[str, ...]:
    """The paths inside one element of a batch: what is of the first element is of this one."""
    return tuple(path.replace(_FIRST, "") for path in paths)


def list_headers(path: str) -> set[str]:
    """The headers, in lower case, that a path takes something from."""
    parts = _PLACEHOLDER.findall(path) or [path]
    return {part.removeprefix(_HEADER).lower() for part in parts if part.startswith(_HEADER)}


def _is_plain_path(path: str) -> bool:
    if path.startswith(_HEADER):
        return len(path) > len(_HEADER)
    return bool(parse_path(path.removeprefix(_FIRST))) or path == "$"


def _read(payload: Any, path: str, headers: Mapping[str, str]) -> str | None:
    parts = _PLACEHOLDER.findall(path)
    if not parts:
        return _read_plain(payload, path, headers)
    values = {part: _read_plain(payload, part, headers) for part in parts}
    if not all(values.values()):
        return None
    return _PLACEHOLDER.sub(lambda match: values[match[1]] or "", path)


def _read_plain(payload: Any, path: str, headers: Mapping[str, str]) -> str | None:
    if path.startswith(_HEADER):
        return headers.get(path.removeprefix(_HEADER).lower())
    root = payload
    if path.startswith(_FIRST):
        if not isinstance(payload, list) or not payload:
            return None
        root = payload[0]
    value = find_path(root, path.removeprefix(_FIRST))
    return value if isinstance(value, str) else None

"""What a JSON value must be for Postgres to keep it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from workspaces.rules.problems import escape_pointer

_NOT_STORABLE = "Holds a character that cannot be stored (NUL or half of a surrogate pair)."

# Made once: with arguments of its own, json.dumps makes another encoder each time.
_write_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def find_storage_problem(value: Any, *, max_bytes: int) -> str | None:
    """Why the database could not keep ``value`` as jsonb of so few bytes; None if it can."""
    try:
        text = _write_json(value)
        size = len(text.encode())
    except UnicodeEncodeError:
        return _NOT_STORABLE
    except RecursionError:
        return "Nests too deeply."
    except (TypeError, ValueError):
        return "Is not a JSON value."
    if size > max_bytes:
        return f"Exceeds {max_bytes // 1024} KiB."
    # The escape may also be text about an escape: only then is a closer look needed.
    if "\\u0000" in text and find_bad_text(value) is not None:
        return _NOT_STORABLE
    return None


def find_bad_text(value: Any, *, pointer: str = "") -> str | None:
    """A JSON pointer to the first string, or to the object of the first member name, that Postgres
    cannot keep; None without one.
    """
    if isinstance(value, str):
        return pointer if is_bad_text(value) else None
    if isinstance(value, Mapping) and any(is_bad_text(name) for name in value):
        return pointer
    for name, item in _list_members(value):
        found = find_bad_text(item, pointer=f"{pointer}/{escape_pointer(name)}")
        if found is not None:
            return found
    return None


def _list_members(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list | tuple):
        yield from ((str(index), item) for index, item in enumerate(value))


def is_bad_text(text: str) -> bool:
    """Holds NUL or half of a surrogate pair."""
    return "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text)

"""What a JSON value must be for Postgres to keep it."""

import json
from collections.abc import Mapping
from typing import Any

from workspaces.rules.problems import escape_pointer

_NOT_STORABLE = "Holds a character that cannot be stored (NUL or half of a surrogate pair)."


def find_storage_problem(value: Any, *, max_bytes: int) -> str | None:
    """Why the database could not keep ``value`` as jsonb, or would keep too much; None when it can."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
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
    """A JSON pointer to the first string that Postgres cannot keep, member names included; None without one."""
    if isinstance(value, str):
        return pointer if is_bad_text(value) else None
    if isinstance(value, Mapping):
        for name, item in value.items():
            below = f"{pointer}/{escape_pointer(name)}"
            if is_bad_text(name):
                return pointer
            if (found := find_bad_text(item, pointer=below)) is not None:
                return found
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            if (found := find_bad_text(item, pointer=f"{pointer}/{index}")) is not None:
                return found
    return None


def is_bad_text(text: str) -> bool:
    """Holds NUL or half of a surrogate pair."""
    return "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text)

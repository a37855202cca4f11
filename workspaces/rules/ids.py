"""Ids as they are written in paths and parameters."""

from functools import lru_cache
from uuid import UUID


def parse_id(text: str) -> UUID | None:
    """The UUID that ``text`` writes in its one canonical form (in any case), else None."""
    try:
        value = UUID(text)
    except ValueError:
        return None
    return value if str(value) == text.lower() else None


def render_id(id_: UUID | None) -> str | None:
    """An id that may be missing, as JSON has it."""
    return None if id_ is None else write_id(id_)


@lru_cache(maxsize=1024)
def write_id(id_: UUID) -> str:
    """An id as text, kept for a while: a fire writes each of its ids several times."""
    return str(id_)

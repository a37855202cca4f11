"""Ids as they are written in paths and parameters."""

from uuid import UUID


def parse_id(text: str) -> UUID | None:
    """The UUID that ``text`` writes in its one canonical form (in any case), else None."""
    try:
        value = UUID(text)
    except ValueError:
        return None
    return value if str(value) == text.lower() else None

"""When a trigger has done all it was to do."""

from datetime import datetime


def is_exhausted(*, is_active: bool, schedule: str | None, next_fire_at: datetime | None) -> bool:
    """Will no slot come any more: after ``max_fires``, ``ends_at`` or the one ``@at``."""
    return is_active and schedule is not None and next_fire_at is None


def is_over(*, ends_at: datetime | None, now: datetime) -> bool:
    """Has the trigger's end come, whether or not it has a schedule."""
    return ends_at is not None and now > ends_at

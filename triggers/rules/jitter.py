"""Spread: a slot's own delay, the same whoever asks and however often."""

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)


def find_effective_time(
    slot: datetime,
    *,
    trigger_id: UUID,
    jitter_seconds: int,
    following: datetime | None,
    ends_at: datetime | None = None,
) -> datetime:
    """When ``slot`` fires: 0 to ``jitter_seconds`` whole seconds after it.

    Always before the ``following`` slot, and not after ``ends_at``. Triggers differ, and so do the
    slots of one.
    """
    choices = jitter_seconds + 1
    if following is not None:
        choices = min(choices, -((slot - following) // _SECOND))
    if ends_at is not None:
        choices = min(choices, (ends_at - slot) // _SECOND + 1)
    if choices <= 1:
        return slot
    seed = trigger_id.bytes + ((slot - _EPOCH) // _MICROSECOND).to_bytes(16, "big", signed=True)
    digest = hashlib.blake2b(seed, digest_size=8).digest()
    return slot + int.from_bytes(digest, "big") % choices * _SECOND

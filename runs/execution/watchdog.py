"""Noticing that this process hears no bells any more although it could: Redis is well, slots are
free, runs are due.

After trouble with Redis a Celery worker may be up and consume nothing for ever. It cannot be mended
from inside; its supervisor starts another one.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

# Due runs older than this should have been heard of.
DEAF_SECONDS = 10.0
# Half-way it rings for itself: a bell that was lost with a stopped Beat is no sign of deafness.
RING_SECONDS = DEAF_SECONDS / 2


class Ear:
    """When this process last looked for work."""

    def __init__(self) -> None:
        self._heard_at = time.monotonic()

    def hear(self) -> None:
        """It does so now."""
        self._heard_at = time.monotonic()

    def read_silence(self) -> float:
        """Seconds since."""
        return time.monotonic() - self._heard_at


ear = Ear()


@dataclass(slots=True)
class Watchdog:
    """Decides whether this process is deaf. The functions are asked in this order, and each only
    when the one before it speaks for deafness.
    """

    queues: Collection[str]
    read_silence: Callable[[], float]
    has_free_slot: Callable[[], bool]
    # ``(queue, count, age of the oldest)`` of queues with runs due for longer than the given time.
    find_due: Callable[[float], Collection[tuple[str, int, float]]]
    is_redis_well: Callable[[], bool]
    ring: Callable[[str], None]
    _rung_at: float | None = field(default=None, init=False)

    def is_deaf(self, *, now: float) -> bool:
        """One look; ``now`` is the monotonic clock. A first finding only rings; the second one, a
        while later, is the verdict.
        """
        queue = self._find_unheard()
        if queue is None:
            self._rung_at = None
            return False
        if self._rung_at is None:
            self._rung_at = now
            self.ring(queue)
            return False
        return (
            now - self._rung_at >= DEAF_SECONDS - RING_SECONDS
            and self.read_silence() >= DEAF_SECONDS
        )

    def _find_unheard(self) -> str | None:
        if self.read_silence() < RING_SECONDS or not self.has_free_slot():
            return None
        due = [queue for queue, _, _ in self.find_due(RING_SECONDS) if queue in self.queues]
        return due[0] if due and self.is_redis_well() else None

"""Waking workers, best effort: Beat rings again for a lost bell; nothing here waits or raises.

Callers only note the queue; one daemon thread per process publishes. A broken broker opens a
breaker.
"""

import os
import threading
import time

import structlog
from celery import current_app
from prometheus_client import Counter

from runs.rules.lanes import find_queue

log = structlog.get_logger(__name__)

DEBOUNCE_SECONDS = 0.02
# Where bells wait unheard, workers are busy or away: no need to look again so soon.
UNHEARD_SECONDS = 0.05
BELL_EXPIRES_SECONDS = 60
# One bell wakes one slot: a queue whose runs take their time gets as many as were committed, up to
# this.
MAX_BELLS = {"instant": 1, "network": 16, "network.capped": 4}
BREAKER_FAILURES = 3
BREAKER_SECONDS = 5.0

TASK = "runs.tasks.drain_queue"

bells_total = Counter("clockhook_bells_total", "Bells by queue and result.", ["queue", "result"])


class Doorbell:
    """Collects rings and publishes them: the first at once, then at most one flush per 20 ms,
    trailing included.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._pending: dict[str, int] = {}
        self._pid: int | None = None
        self._failures = 0
        self._silent_until = 0.0

    def ring(self, queue: str, count: int = 1) -> None:
        """Note that ``count`` runs are due in the queue; returns at once, from any thread, never
        raises.
        """
        with self._condition:
            if self._pid != os.getpid():
                # Threads do not survive a fork, nor do half-noted rings of the parent.
                self._pid, self._pending = os.getpid(), {}
                threading.Thread(
                    target=self._publish_for_ever, name="doorbell", daemon=True
                ).start()
            self._pending[queue] = self._pending.get(queue, 0) + count
            self._condition.notify()

    def _publish_for_ever(self) -> None:
        while True:
            with self._condition:
                while not self._pending:
                    self._condition.wait()
                pending, self._pending = self._pending, {}
            needed = [
                self._publish(queue, min(count, MAX_BELLS.get(queue, 1)))
                for queue, count in pending.items()
            ]
            time.sleep(DEBOUNCE_SECONDS if any(needed) else UNHEARD_SECONDS)

    def _publish(self, queue: str, count: int) -> bool:
        """Whether there was need for a bell."""
        if time.monotonic() < self._silent_until:
            bells_total.labels(queue, "silenced").inc(count)
            return True
        try:
            # Bells that wait unheard are enough: two per slot, and no more while workers are busy.
            wanted = min(count, 2 * MAX_BELLS.get(queue, 1) - _count_waiting(queue))
            for _ in range(wanted):
                current_app.send_task(
                    TASK,
                    kwargs={"queue": queue},
                    queue=find_queue(queue),
                    expires=BELL_EXPIRES_SECONDS,
                    retry=False,
                    ignore_result=True,
                )
        except Exception as error:  # noqa: BLE001 - whatever the broker's client raises, Beat rings again
            bells_total.labels(queue, "failed").inc(count)
            self._failures += 1
            if self._failures >= BREAKER_FAILURES:
                self._silent_until = time.monotonic() + BREAKER_SECONDS
                log.warning("doorbell_silenced", seconds=BREAKER_SECONDS, error=str(error))
        else:
            bells_total.labels(queue, "rung").inc(count)
            self._failures = 0
            return wanted > 0
        return True


def _count_waiting(queue: str) -> int:
    """How many bells of the queue nobody has heard yet."""
    with current_app.connection_or_acquire() as broker:
        # A queue of kombu's Redis transport is a list of this name.
        return int(broker.default_channel.client.llen(find_queue(queue)))


doorbell = Doorbell()


def ring(queue: str, count: int = 1) -> None:
    """Wake workers of the queue, soon and best effort."""
    doorbell.ring(queue, count)

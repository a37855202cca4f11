"""What a doorbell wakes: claim and execute until nothing is due."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from runs.execution.capped import claim_capped
from runs.execution.claim import ClaimedRun, claim_runs, claim_suspect, find_due_queues
from runs.execution.perform import execute_batch, execute_run
from runs.execution.watchdog import ear
from runs.rules.batches import SMALLEST_BATCH, choose_batch_size
from runs.rules.lanes import find_queue, is_capped_lane

# Runs that lost a lease are rare: while there are others, they are looked for this often.
_ROUNDS_PER_SUSPECT = 8
# A slot goes back to Celery this often, so that shutdowns and other queues get their turn.
DRAIN_SECONDS = 20.0

INSTANT = "instant"


def drain_queue(queue: str, *, should_stop: Callable[[], bool], ring: Callable[[str], None]) -> int:
    """Execute due runs of the queue (or lane) until none is left, 20 s have passed or
    ``should_stop`` says so; how many.

    ``ring(queue)`` is called when there is more to do than this slot does: to wake a second slot
    for a queue whose runs take their time, and when the time is up.
    """
    drain_round = _Batches().drain if queue == INSTANT else partial(_drain_one, queue)
    executed = rounds = 0
    ends_at = time.monotonic() + DRAIN_SECONDS
    while not should_stop():
        if time.monotonic() >= ends_at:
            ring(queue)
            break
        ear.hear()
        done = drain_round(looks_for_suspects=rounds % _ROUNDS_PER_SUSPECT == 0)
        if not done:
            break
        if not executed and queue != INSTANT and _has_more(queue):
            ring(queue)
        executed += done
        rounds += 1
    return executed


@dataclass(slots=True)
class _Batches:
    """One drain's rounds of instant runs."""

    size: int = SMALLEST_BATCH
    has_found_suspect: bool = False

    def drain(self, *, looks_for_suspects: bool) -> int:
        """A batch; before it a suspect, where one is looked for or nothing else is due."""
        # A lost worker leaves a whole batch of them: after one, the next is looked for at once.
        looks = looks_for_suspects or self.has_found_suspect
        suspects = _execute_batch(claim_suspect(INSTANT)) if looks else 0
        healthy = self._drain_healthy()
        if not looks and not healthy:
            suspects = _execute_batch(claim_suspect(INSTANT))
        self.has_found_suspect = suspects > 0
        return suspects + healthy

    def _drain_healthy(self) -> int:
        begun_at = time.monotonic()
        claimed = _execute_batch(claim_runs(INSTANT, limit=self.size))
        seconds = time.monotonic() - begun_at
        self.size = choose_batch_size(self.size, claimed=claimed, seconds=seconds)
        return claimed


def _execute_batch(claimed: list[ClaimedRun]) -> int:
    if claimed:
        execute_batch(claimed)
    return len(claimed)


def _drain_one(queue: str, *, looks_for_suspects: bool) -> int:
    claimed = _claim_one(queue, looks_for_suspects=looks_for_suspects)
    for run in claimed:
        if find_queue(queue) == INSTANT:
            execute_batch([run])
        else:
            execute_run(run)
    return len(claimed)


def _claim_one(queue: str, *, looks_for_suspects: bool) -> list[ClaimedRun]:
    if is_capped_lane(queue):
        return claim_capped(queue)
    first, second = partial(claim_suspect, queue), partial(claim_runs, queue, limit=1)
    if not looks_for_suspects:
        first, second = second, first
    return first() or second()


def _has_more(queue: str) -> bool:
    return any(name == queue for name, _, _ in find_due_queues(waiting_seconds=0))

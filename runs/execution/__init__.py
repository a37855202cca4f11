"""Claim → perform → settle, the heartbeat and the reaper beside them. Nothing here enqueues."""

from runs.execution.claim import find_due_queues
from runs.execution.drain import drain_queue
from runs.execution.reap import fail_late_starts, reap_expired_leases
from runs.execution.settle import choose_move
from runs.execution.transitions import Move, release_held, write_transitions
from runs.execution.watchdog import Watchdog, ear

__all__ = [
    "Move",
    "Watchdog",
    "choose_move",
    "drain_queue",
    "ear",
    "fail_late_starts",
    "find_due_queues",
    "reap_expired_leases",
    "release_held",
    "write_transitions",
]

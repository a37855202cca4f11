"""Claim → perform → settle, the heartbeat and the reaper beside them. Nothing here enqueues."""

from runs.execution.claim import ClaimedRun, find_due_queues
from runs.execution.drain import drain_queue
from runs.execution.perform import perform_attempt
from runs.execution.reap import fail_late_starts, reap_expired_leases
from runs.execution.settle import Outcome, choose_move
from runs.execution.transitions import (
    Move,
    Written,
    describe_move,
    describe_step,
    release_held,
    write_transitions,
)
from runs.execution.watchdog import Watchdog, ear

__all__ = [
    "ClaimedRun",
    "Move",
    "Outcome",
    "Watchdog",
    "Written",
    "choose_move",
    "describe_move",
    "describe_step",
    "drain_queue",
    "ear",
    "fail_late_starts",
    "find_due_queues",
    "perform_attempt",
    "reap_expired_leases",
    "release_held",
    "write_transitions",
]

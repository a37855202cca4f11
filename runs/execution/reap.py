"""Runs whose worker vanished, that started too late, or whose outside work never reported back."""

from collections.abc import Callable

from django.db import connection, transaction
from django.db.models.functions import Now

from runs.execution.settle import WORKER_LOST, describe_error
from runs.execution.transitions import Move, write_transitions
from runs.models import Run
from runs.rules import states
from runs.rules.retry import MAX_LOST_LEASES, decide_after_lost_lease

BATCH_SIZE = 500


def reap_expired_leases() -> int:
    """Take back every expired lease, and end overdue delegated work; how many runs moved.

    A run that lost its worker goes on at once the first time, then after a pause, and is failed
    with ``worker_lost`` when its budget of lost leases is spent: a run that kills its workers ends
    there.
    """
    return _move_all({"status": states.RUNNING, "lease_until__lt": Now()}, _take_back) + _move_all(
        {"status": states.DELEGATED, "deadline_at__lt": Now()}, _end_overdue
    )


def fail_late_starts() -> int:
    """Fail the queued runs whose start deadline has passed; how many."""
    return _move_all({"status": states.QUEUED, "start_deadline_at__lte": Now()}, _end_unstarted)


def _move_all(filters: dict[str, object], choose: Callable[[Run], Move]) -> int:
    moved = 0
    while True:
        with transaction.atomic():
            rows = list(
                Run.objects.filter(**filters)
                .order_by("id")
                .select_for_update(skip_locked=True, no_key=True)[:BATCH_SIZE]
            )
            moved += len(write_transitions([choose(run) for run in rows]))
        if len(rows) < BATCH_SIZE or connection.in_atomic_block:
            return moved


def _take_back(run: Run) -> Move:
    lost = run.lost_leases + 1
    decision = decide_after_lost_lease(lost_leases=lost)
    message = (
        f"the worker vanished in attempt {run.attempt} (lease {lost} of {MAX_LOST_LEASES} lost)"
    )
    return Move(
        run=run,
        to_status=decision.to_status,
        error=describe_error(WORKER_LOST, message, retryable=decision.to_status == states.QUEUED),
        delay_seconds=decision.delay_seconds,
        is_lost_lease=True,
    )


def _end_overdue(run: Run) -> Move:
    return Move(
        run=run,
        to_status=states.FAILED,
        error=describe_error("timeout", "no report came back by the deadline", retryable=False),
    )


def _end_unstarted(run: Run) -> Move:
    return Move(
        run=run,
        to_status=states.FAILED,
        error=describe_error(
            "start_deadline", "the run had not started by its deadline", retryable=False
        ),
    )

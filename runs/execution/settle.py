"""From what an action answered to the run's move."""

import random
from typing import Any

import structlog
from django.db import transaction

from actions.kinds.base import Completed, Delegated, Failed
from actions.rules.retry import RetryPolicy
from runs.execution.claim import ClaimedRun
from runs.execution.transitions import Move, write_transitions
from runs.models import Run
from runs.rules import states
from runs.rules.retry import decide_after_failure

log = structlog.get_logger(__name__)

Outcome = Completed | Failed | Delegated

WORKER_LOST = "worker_lost"


def choose_move(run: ClaimedRun | Run, outcome: Outcome, *, jitter: float) -> Move:
    """The move that an outcome makes; ``jitter`` in [0, 1) spreads retries."""
    if isinstance(outcome, Completed):
        return Move(
            run=run,
            to_status=states.COMPLETED,
            output=outcome.output,
            event_ids=outcome.event_ids,
        )
    if isinstance(outcome, Delegated):
        return Move(
            run=run,
            to_status=states.DELEGATED,
            output=outcome.output,
            deadline_seconds=outcome.deadline_seconds,
        )
    error = describe_error(outcome.code, outcome.message, retryable=outcome.retryable)
    if not outcome.spends_attempt:
        return Move(
            run=run,
            to_status=states.QUEUED,
            error=error,
            delay_seconds=outcome.retry_after_seconds or 0.0,
            is_attempt_given_back=True,
        )
    decision = decide_after_failure(
        RetryPolicy.from_json(run.retry),
        failures=run.attempt - run.lost_leases,
        retryable=outcome.retryable,
        retry_after_seconds=outcome.retry_after_seconds,
        jitter=jitter,
    )
    return Move(
        run=run,
        to_status=decision.to_status,
        error=error,
        delay_seconds=decision.delay_seconds,
    )


def describe_error(code: str, message: str, *, retryable: bool) -> dict[str, Any]:
    """A run's ``error`` as it is stored and shown."""
    return {"code": code, "message": message[:2000], "retryable": retryable}


def settle_run(run: ClaimedRun, outcome: Outcome) -> bool:
    """Settle one run in a transaction of its own. False: its lease was lost, and nothing was
    written.
    """
    with transaction.atomic():
        moved = write_transitions([choose_move(run, outcome, jitter=random.random())])  # noqa: S311 - spread, not secrecy
    if not moved:
        log.warning("result_discarded", run_id=str(run.id), attempt=run.attempt)
    return bool(moved)

"""Claimed runs to settled runs: batches of instant kinds in one transaction, network kinds one by
one.
"""

import random
import threading
import time
import uuid
from collections.abc import Sequence

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction

from actions.kinds.base import Failed
from actions.services import ActionSpec, load_actions, perform_action
from runs.execution.claim import ClaimedRun
from runs.execution.heartbeat import heartbeat
from runs.execution.settle import Outcome, choose_move, settle_run
from runs.execution.transitions import write_transitions

log = structlog.get_logger(__name__)

# A lost connection is not the runs' fault: the batch is tried again before its leases run out.
SETTLE_TRIES = 4
SETTLE_RETRY_SECONDS = 0.5

_HELD = """
SELECT r.id FROM runs_run r JOIN unnest(%s::uuid[], %s::uuid[]) AS held(id, token)
    ON r.id = held.id AND r.lease_token = held.token
ORDER BY r.id FOR UPDATE OF r
"""


def execute_batch(claimed: Sequence[ClaimedRun]) -> None:
    """Perform and settle a batch of instant runs: effects and settlements share one commit.

    The rows stay locked meanwhile, so no lease can be taken away and no heartbeat is needed. After
    a lost connection the whole is done again: what had been committed is no longer held and is left
    alone.
    """
    specs = load_actions({run.action_id for run in claimed})
    for tries_left in reversed(range(SETTLE_TRIES)):
        try:
            with transaction.atomic():
                held = _lock_held(claimed)
                write_transitions(
                    [
                        choose_move(run, _perform(run, specs), jitter=random.random())  # noqa: S311 - spread, not secrecy
                        for run in claimed
                        if run.id in held
                    ]
                )
            break
        except (OperationalError, InterfaceError):
            connection.close()
            if not tries_left:
                raise
            log.warning("batch_tried_again", runs=len(claimed), exc_info=True)
            time.sleep(SETTLE_RETRY_SECONDS)


def execute_run(run: ClaimedRun) -> None:
    """Perform and settle one run that talks to the network; no connection is held while it does."""
    specs = load_actions({run.action_id})
    with heartbeat.hold(run) as cancelled:
        give_connection_back()
        outcome = _perform(run, specs, cancelled)
    for tries_left in reversed(range(SETTLE_TRIES)):
        try:
            settle_run(run, outcome)
            break
        except (OperationalError, InterfaceError):
            # Told twice is told once: after a commit that only seemed to fail, the token no longer
            # matches.
            connection.close()
            if not tries_left:
                raise
            time.sleep(SETTLE_RETRY_SECONDS)


def give_connection_back() -> None:
    """Return this thread's connection to the pool, unless a transaction is open on it."""
    if not connection.in_atomic_block:
        connection.close()


def _lock_held(claimed: Sequence[ClaimedRun]) -> set[uuid.UUID]:
    with connection.cursor() as cursor:
        cursor.execute(_HELD, [[run.id for run in claimed], [run.lease_token for run in claimed]])
        return {row[0] for row in cursor.fetchall()}


def _perform(
    run: ClaimedRun,
    specs: dict[uuid.UUID, ActionSpec],
    cancelled: threading.Event | None = None,
) -> Outcome:
    spec = specs.get(run.action_id)
    if spec is None:
        return Failed("action_deleted", "the action was deleted before the run", retryable=False)
    return perform_action(
        spec,
        run_id=run.id,
        trigger_id=run.trigger_id,
        attempt=run.attempt,
        input=run.input,
        chain_id=run.chain_id,
        parent_event_id=run.last_event_id,
        triggered_by=run.triggered_by,
        scheduled_for=run.scheduled_for,
        cancelled=cancelled or threading.Event(),
        now=run.claimed_at,
    )

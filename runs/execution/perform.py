"""Claimed runs to settled runs: batches of instant kinds in one transaction, network kinds one by
one.
"""

import random
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction

from actions.kinds.base import Failed
from actions.services import ActionSpec, build_internal_spec, load_actions, perform_action
from runs.execution.claim import ClaimedRun
from runs.execution.heartbeat import heartbeat
from runs.execution.settle import WORKER_LOST, Outcome, choose_move, settle_run
from runs.execution.transitions import write_transitions
from runs.rules import states
from workspaces.rules.inserts import write_array

log = structlog.get_logger(__name__)

_Result = TypeVar("_Result")

# A lost connection is not the runs' fault: it is tried again for half a lease, so that a restart of
# Postgres neither throws a result away nor spends a lease.
RETRY_WAITS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)

# A token is of one run alone, so the two arrays need no join.
_HELD = """
SELECT id FROM runs_run WHERE id = ANY(%s::uuid[]) AND lease_token = ANY(%s::uuid[])
ORDER BY id FOR UPDATE
"""


def execute_batch(claimed: Sequence[ClaimedRun]) -> None:
    """Perform and settle a batch of instant runs: effects and settlements share one commit.

    The rows stay locked meanwhile, so no lease can be taken away and no heartbeat is needed. After
    a lost connection the whole is done again: what had been committed is no longer held and is left
    alone.
    """
    _try_again(partial(_perform_batch, claimed))


def execute_run(run: ClaimedRun) -> None:
    """Perform and settle one run that talks to the network; no connection is held while it does."""
    with heartbeat.hold(run) as cancelled:
        specs = _try_again(partial(load_actions, {run.action_id}))
        give_connection_back()
        outcome = perform_attempt(run, specs, cancelled)
        # Told twice is told once: after a commit that only seemed to fail, no token matches.
        _try_again(partial(settle_run, run, outcome))


def _perform_batch(claimed: Sequence[ClaimedRun]) -> None:
    specs = load_actions({run.action_id for run in claimed})
    # Nothing ever sets it: no lease is lost while its row is locked.
    cancelled = threading.Event()
    with transaction.atomic():
        held = _lock_held(claimed)
        write_transitions(
            [
                choose_move(
                    run,
                    perform_attempt(run, specs, cancelled),
                    jitter=random.random(),  # noqa: S311 - spread, not secrecy
                )
                for run in claimed
                if run.id in held
            ]
        )


def _try_again(attempt: Callable[[], _Result]) -> _Result:
    """The attempt's result, made again on a fresh connection as long as the database is away."""
    for wait in RETRY_WAITS:
        try:
            return attempt()
        except (OperationalError, InterfaceError):
            log.warning("database_away", retry_in=wait, exc_info=True)
            connection.close()
            time.sleep(wait)
    return attempt()


def give_connection_back() -> None:
    """Return this thread's connection to the pool, unless a transaction is open on it."""
    if not connection.in_atomic_block:
        connection.close()


def _lock_held(claimed: Sequence[ClaimedRun]) -> set[uuid.UUID]:
    ids = write_array("uuid", [run.id for run in claimed])
    tokens = write_array("uuid", [run.lease_token for run in claimed])
    with connection.cursor() as cursor:
        cursor.execute(_HELD, [ids, tokens])
        return {row[0] for row in cursor.fetchall()}


def perform_attempt(
    run: ClaimedRun,
    specs: dict[uuid.UUID, ActionSpec],
    cancelled: threading.Event | None = None,
) -> Outcome:
    """One attempt at a claimed run; an action that is gone fails it."""
    spec = _choose_spec(run, specs)
    if spec is None:
        return Failed("action_deleted", "the action was deleted before the run", retryable=False)
    return perform_action(
        spec,
        run_id=run.id,
        trigger_id=run.trigger_id,
        trigger={"name": run.trigger_name},
        attempt=run.attempt,
        input=run.input,
        chain_id=run.chain_id,
        parent_event_id=run.last_event_id,
        triggered_by=run.triggered_by,
        scheduled_for=run.scheduled_for,
        cancelled=cancelled or threading.Event(),
        now=run.claimed_at,
        lost_leases=run.lost_leases,
        is_repeat=run.error is not None and run.error["code"] == WORKER_LOST,
    )


def _choose_spec(run: ClaimedRun, specs: dict[uuid.UUID, ActionSpec]) -> ActionSpec | None:
    """An internal run outlives the action that asked for its work."""
    if run.family == states.TRIGGER:
        return specs.get(run.action_id)
    return build_internal_spec(
        run.action_type, workspace_id=run.workspace_id, action_id=run.action_id
    )

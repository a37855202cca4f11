"""The verbs of runs: start, cancel, rerun, read, and the chores that Beat's tick does."""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Sequence
from functools import partial

from django.db import transaction

from actions.rules.retry import RetryPolicy
from actions.services import (
    OutboundCall,
    claim_due_calls,
    find_action,
    find_call,
    find_finished_calls,
    list_calls,
)
from events.services import append_events
from runs import execution
from runs.doorbell import ring
from runs.execution import choose_move, write_transitions
from runs.models import Run
from runs.rules import states
from runs.services.building import NewRun, build_dispatch, build_fired_event, build_run, choose_lane
from runs.services.cancelling import cancel_call, cancel_run
from runs.services.conditions import CONDITIONS
from runs.services.history import PastStep, record_run
from runs.services.holding import (
    LIVE,
    LiveRun,
    apply_new_caps,
    cancel_runs,
    guard_runs,
    guard_trigger,
    read_live_runs,
    read_recent_ends,
    release_stranded_runs,
)
from runs.services.reads import find_run, list_run_events, list_runs, read_statuses
from runs.services.retention import find_oldest_live_chain, prune_runs
from workspaces.rules.callers import Caller
from workspaces.rules.problems import Conflict, FieldError, NotFound
from workspaces.services import insert_all

__all__ = [
    "CONDITIONS",
    "LIVE",
    "LiveRun",
    "NewRun",
    "OutboundCall",
    "PastStep",
    "Run",
    "apply_new_caps",
    "cancel_call",
    "cancel_run",
    "cancel_runs",
    "fail_late_starts",
    "find_call",
    "find_oldest_live_chain",
    "find_run",
    "guard_runs",
    "guard_trigger",
    "list_calls",
    "list_run_events",
    "list_runs",
    "prune_runs",
    "read_live_runs",
    "read_queue_depths",
    "read_recent_ends",
    "read_statuses",
    "reap_expired_leases",
    "record_run",
    "release_stranded_runs",
    "report_finished_calls",
    "rerun_run",
    "ring_due_queues",
    "start_due_calls",
    "start_runs",
]

# Younger due runs have a bell of their own on the way.
RING_AFTER_SECONDS = 0.2
CALLS_PER_COMMIT = 200

reap_expired_leases = execution.reap_expired_leases
fail_late_starts = execution.fail_late_starts


def start_runs(new_runs: Sequence[NewRun], *, now: dt.datetime) -> None:
    """Queue the runs and write their ``trigger.fired``, in the caller's transaction; ring when it
    commits.
    """
    if not new_runs:
        return
    # Many runs share one policy, which is then written once; the object, for to compare values
    # costs as much as to write them.
    policies = {id(new.retry): new.retry for new in new_runs}
    retries = {key: policy.as_json() for key, policy in policies.items()}
    insert_all(Run, [build_run(new, retry=retries[id(new.retry)], now=now) for new in new_runs])
    fired = [new for new in new_runs if new.family == states.TRIGGER]
    append_events([build_fired_event(new, now=now) for new in fired])
    for queue, count in Counter(choose_lane(new.action) for new in new_runs).items():
        transaction.on_commit(partial(ring, queue, count), robust=True)


def rerun_run(
    *, workspace_id: uuid.UUID, run_id: uuid.UUID, caller: Caller, now: dt.datetime
) -> Run:
    """Start a new run with an ended or live run's input, on a chain of its own.

    Raises:
        NotFound: no such run in the workspace.
        Conflict: its action was deleted or is disabled.
    """
    original = find_run(workspace_id=workspace_id, run_id=run_id)
    try:
        action = find_action(workspace_id=workspace_id, action_id=original.action_id)
    except NotFound:
        raise Conflict("The run's action was deleted.") from None
    if not action.enabled:
        raise Conflict(
            "The run's action is disabled.",
            errors=[FieldError("/action_id", "action_disabled", "the action is disabled")],
        )
    new = NewRun(
        workspace_id=workspace_id,
        action=action,
        input=original.input,
        cause="manual",
        triggered_by=f"manual:{caller}",
        retry=RetryPolicy.from_json(original.retry),
        trigger_id=original.trigger_id,
        trigger_name=original.trigger_name,
        priority=original.priority,
        scheduled_for=original.scheduled_for,
        rerun_of=original.id,
        fired_data={"manual": True, "rerun_of": str(original.id)},
    )
    with transaction.atomic():
        start_runs([new], now=now)
        if original.guards_overlap:
            guard_runs({new.run_id: None})
    return Run.objects.get(id=new.run_id)


def start_due_calls(*, now: dt.datetime) -> int:
    """Start one internal run for each outbound call that is due; how many. Any number may do it."""
    started = 0
    while True:
        with transaction.atomic():
            due = claim_due_calls(limit=CALLS_PER_COMMIT, now=now)
            start_runs([build_dispatch(call) for call in due], now=now)
        started += len(due)
        if len(due) < CALLS_PER_COMMIT:
            return started


def report_finished_calls(*, now: dt.datetime) -> int:
    """Settle the dispatched calls whose provider, asked, says that they ended; how many."""
    readings = {
        reading.dispatch_run_id: reading
        for reading in find_finished_calls(limit=CALLS_PER_COMMIT, now=now)
    }
    if not readings:
        return 0
    with transaction.atomic():
        runs = Run.objects.filter(id__in=readings, status=states.DELEGATED).order_by("id")
        moves = [
            choose_move(run, readings[run.id].outcome, jitter=0.0)
            for run in runs.select_for_update(skip_locked=True, no_key=True)
            # Another attempt may be on its way since.
            if run.last_event_id == readings[run.id].last_event_id
        ]
        return len(write_transitions(moves))


def read_queue_depths() -> list[tuple[str, int, float]]:
    """``(queue, due runs, age of the oldest in seconds)`` per queue that has some; counts stop at
    1,000.
    """
    return execution.find_due_queues(waiting_seconds=0)


def ring_due_queues() -> int:
    """Ring for every queue whose oldest due run waits longer than its own bell would need; how many
    queues.
    """
    waiting = execution.find_due_queues(waiting_seconds=RING_AFTER_SECONDS)
    for queue, count, _ in waiting:
        ring(queue, count)
    return len(waiting)

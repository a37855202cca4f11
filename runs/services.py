"""The verbs of runs: start, cancel, rerun, read, and the chores that Beat's tick does."""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet, Subquery

from actions.rules.retry import RetryPolicy
from actions.services import ActionSpec, find_action
from events.rules.event import NewEvent
from events.services import Event, append_events
from events.services import list_run_events as list_events_of_run
from runs import execution
from runs.doorbell import ring
from runs.execution import Move, write_transitions
from runs.models import Run
from runs.rules import states
from workspaces.rules.callers import Caller
from workspaces.rules.problems import Conflict, FieldError, NotFound
from workspaces.services import SYSTEM_SLUG, list_workspaces, new_id

__all__ = [
    "NewRun",
    "Run",
    "cancel_run",
    "fail_late_starts",
    "find_run",
    "list_run_events",
    "list_runs",
    "read_queue_depths",
    "reap_expired_leases",
    "rerun_run",
    "ring_due_queues",
    "start_runs",
]

# Younger due runs have a bell of their own on the way.
RING_AFTER_SECONDS = 0.2

reap_expired_leases = execution.reap_expired_leases
fail_late_starts = execution.fail_late_starts


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """A run to be. Ids are minted by the caller, who writes them into rows of its own in the same
    commit.

    ``fired_data`` are further members of the ``trigger.fired`` event's data. Without a ``chain_id``
    the run begins a chain with that event.
    """

    workspace_id: uuid.UUID
    action: ActionSpec
    input: dict[str, Any]
    cause: str
    triggered_by: str
    retry: RetryPolicy
    run_id: uuid.UUID = field(default_factory=new_id)
    fired_event_id: uuid.UUID = field(default_factory=new_id)
    trigger_id: uuid.UUID | None = None
    fire_id: uuid.UUID | None = None
    priority: int = 5
    scheduled_for: dt.datetime | None = None
    start_deadline_seconds: float | None = None
    chain_id: uuid.UUID | None = None
    parent_event_id: uuid.UUID | None = None
    rerun_of: uuid.UUID | None = None
    destination_id: uuid.UUID | None = None
    delivery_id: uuid.UUID | None = None
    fired_data: dict[str, Any] = field(default_factory=dict)


def start_runs(new_runs: Sequence[NewRun], *, now: dt.datetime) -> None:
    """Queue the runs and write their ``trigger.fired``, in the caller's transaction; ring when it
    commits.
    """
    if not new_runs:
        return
    Run.objects.insert_rows([_build_run(new, now=now) for new in new_runs])
    append_events([_build_fired_event(new, now=now) for new in new_runs])
    for queue, count in Counter(new.action.queue for new in new_runs).items():
        transaction.on_commit(partial(ring, queue, count), robust=True)


def cancel_run(
    *, workspace_id: uuid.UUID, run_id: uuid.UUID, caller: Caller, now: dt.datetime
) -> tuple[Run, str]:
    """Cancel a live run; returns it with its previous status. A running one's result is refused
    from here on.

    Raises:
        NotFound: no such run in the workspace.
        Conflict: the run has ended.
    """
    with transaction.atomic():
        run = (
            Run.objects.select_for_update(no_key=True)
            .filter(workspace_id=workspace_id, id=run_id)
            .first()
        )
        if run is None:
            raise NotFound("There is no such run in this workspace.")
        previous = run.status
        if previous in states.TERMINAL:
            raise Conflict(
                f"The run has ended: it is {previous}.",
                errors=[FieldError("/status", "run_ended", f"the run is {previous}")],
            )
        write_transitions(
            [Move(run=run, to_status=states.CANCELLED, data={"cancelled_by": str(caller)})]
        )
        run.refresh_from_db()
    return run, previous


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
        priority=original.priority,
        scheduled_for=original.scheduled_for,
        rerun_of=original.id,
        fired_data={"manual": True, "rerun_of": str(original.id)},
    )
    with transaction.atomic():
        start_runs([new], now=now)
    return Run.objects.get(id=new.run_id)


def find_run(*, workspace_id: uuid.UUID, run_id: uuid.UUID) -> Run:
    """One run of the workspace.

    Raises:
        NotFound: there is none.
    """
    run = Run.objects.filter(workspace_id=workspace_id, id=run_id).first()
    if run is None:
        raise NotFound("There is no such run in this workspace.")
    return run


def list_runs(
    workspace_id: uuid.UUID | None,
    *,
    trigger_id: uuid.UUID | None = None,
    action_id: uuid.UUID | None = None,
    statuses: Sequence[str] = (),
    cause: str | None = None,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    chain_id: uuid.UUID | None = None,
    scope: str | None = None,
) -> QuerySet[Run]:
    """Runs of a workspace (None: of all), by any of the filters; ``since`` is inclusive, ``until``
    exclusive; scope ``global`` is the system workspace, ``workspace`` all others.
    """
    filters = {
        "workspace_id": workspace_id,
        "trigger_id": trigger_id,
        "action_id": action_id,
        "status__in": list(statuses) or None,
        "cause": cause,
        "created_at__gte": since,
        "created_at__lt": until,
        "chain_id": chain_id,
    }
    found = Run.objects.filter(
        **{name: value for name, value in filters.items() if value is not None}
    )
    if scope is None:
        return found
    system = list_workspaces().filter(slug=SYSTEM_SLUG).values("pk")[:1]
    is_global = Q(workspace_id=Subquery(system))
    return found.filter(is_global if scope == "global" else ~is_global)


def list_run_events(*, workspace_id: uuid.UUID, run_id: uuid.UUID) -> list[Event]:
    """The run's chain in order, from ``trigger.fired`` on.

    Raises:
        NotFound: no such run in the workspace.
    """
    run = find_run(workspace_id=workspace_id, run_id=run_id)
    return list_events_of_run(workspace_id=workspace_id, chain_id=run.chain_id, run_id=run.id)


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


def _build_run(new: NewRun, *, now: dt.datetime) -> Run:
    deadline = new.start_deadline_seconds
    return Run(
        id=new.run_id,
        workspace_id=new.workspace_id,
        trigger_id=new.trigger_id,
        fire_id=new.fire_id,
        action_id=new.action.id,
        action_type=new.action.action_type,
        queue=new.action.queue,
        status=states.QUEUED,
        cause=new.cause,
        triggered_by=new.triggered_by,
        priority=new.priority,
        scheduled_for=new.scheduled_for,
        input=new.input,
        retry=new.retry.as_json(),
        timeout_seconds=new.action.timeout_seconds,
        start_deadline_at=None if deadline is None else now + dt.timedelta(seconds=deadline),
        fired_event_id=new.fired_event_id,
        chain_id=new.chain_id or new.fired_event_id,
        last_event_id=new.fired_event_id,
        rerun_of=new.rerun_of,
    )


def _build_fired_event(new: NewRun, *, now: dt.datetime) -> NewEvent:
    return NewEvent(
        id=new.fired_event_id,
        workspace_id=new.workspace_id,
        event_type="trigger.fired",
        source="AUTOMATION",
        entity_type="run",
        entity_id=new.run_id,
        chain_id=new.chain_id,
        parent_id=new.parent_event_id,
        run_id=new.run_id,
        trigger_id=new.trigger_id,
        destination_id=new.destination_id,
        delivery_id=new.delivery_id,
        data={
            "triggered_by": new.triggered_by,
            "manual": False,
            "cause": new.cause,
            "action_id": str(new.action.id),
            "action_type": new.action.action_type,
            **new.fired_data,
        },
        effective_at=now,
    )

"""A run to be, and the rows that it begins with."""

import datetime as dt
import uuid
from dataclasses import dataclass, field
from typing import Any

from actions.rules.retry import RetryPolicy
from actions.services import ActionSpec, DueCall, build_internal_spec
from events.rules.event import NewEvent
from runs.rules import states
from runs.rules.lanes import name_lane
from workspaces.rules.ids import write_id
from workspaces.services import new_id


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
    trigger_name: str | None = None
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
    # Internal runs, of another family, write no ``trigger.fired``: the event that they follow is
    # there.
    family: str = states.TRIGGER


def build_dispatch(call: DueCall) -> NewRun:
    """The internal run that places a call."""
    return NewRun(
        run_id=call.dispatch_run_id,
        family=states.OUTBOUND,
        workspace_id=call.workspace_id,
        trigger_id=call.trigger_id,
        action=build_internal_spec(
            "place_outbound_call", workspace_id=call.workspace_id, action_id=call.action_id
        ),
        input=call.input,
        cause="outbound",
        triggered_by=call.triggered_by,
        priority=call.priority,
        retry=call.retry,
        chain_id=call.chain_id,
        fired_event_id=call.last_event_id,
    )


def build_run(new: NewRun, *, retry: dict[str, Any], now: dt.datetime) -> dict[str, Any]:
    """The row of a run that is queued; ``retry`` is its policy as JSON."""
    deadline = new.start_deadline_seconds
    return {
        "id": new.run_id,
        "workspace_id": new.workspace_id,
        "trigger_id": new.trigger_id,
        "trigger_name": new.trigger_name,
        "fire_id": new.fire_id,
        "action_id": new.action.id,
        "action_type": new.action.action_type,
        "family": new.family,
        "queue": choose_lane(new.action),
        "status": states.QUEUED,
        "cause": new.cause,
        "triggered_by": new.triggered_by,
        "priority": new.priority,
        "scheduled_for": new.scheduled_for,
        "input": new.input,
        "retry": retry,
        "timeout_seconds": new.action.timeout_seconds,
        "start_deadline_at": None if deadline is None else now + dt.timedelta(seconds=deadline),
        "fired_event_id": new.fired_event_id,
        "chain_id": new.chain_id or new.fired_event_id,
        "last_event_id": new.fired_event_id,
        "rerun_of": new.rerun_of,
    }


def choose_lane(action: ActionSpec) -> str:
    """Where the action's runs wait: those of a capped one have a lane of their own."""
    return name_lane(action.queue, is_capped=action.max_concurrency is not None)


def build_fired_event(new: NewRun, *, now: dt.datetime) -> NewEvent:
    """The ``trigger.fired`` of a run."""
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
            "action_id": write_id(new.action.id),
            "action_type": new.action.action_type,
            **new.fired_data,
        },
        effective_at=now,
    )

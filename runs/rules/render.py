"""A run as the API shows it."""

import datetime as dt
from typing import Any, Protocol
from uuid import UUID

from actions.rules.retry import RetryPolicy
from runs.rules.states import QUEUED
from workspaces.rules.ids import render_id
from workspaces.rules.times import render_time


class StoredRun(Protocol):
    """A run as it was read."""

    id: UUID
    workspace_id: UUID
    trigger_id: UUID | None
    fire_id: UUID | None
    action_id: UUID
    action_type: str
    status: str
    cause: str
    triggered_by: str
    priority: int
    scheduled_for: dt.datetime | None
    available_at: dt.datetime
    waits_for: UUID | None
    input: Any
    output: Any
    error: Any
    attempt: int
    retry: Any
    started_at: dt.datetime | None
    ended_at: dt.datetime | None
    fired_event_id: UUID
    chain_id: UUID
    rerun_of: UUID | None
    created_at: dt.datetime


def render_run(run: StoredRun) -> dict[str, Any]:
    """The whole run. ``next_attempt_at`` is set while a retry waits for its time."""
    is_waiting = run.status == QUEUED and run.attempt > 0
    return {
        "id": str(run.id),
        "workspace_id": str(run.workspace_id),
        "trigger_id": render_id(run.trigger_id),
        "fire_id": render_id(run.fire_id),
        "action_id": str(run.action_id),
        "action_type": run.action_type,
        "status": run.status,
        "cause": run.cause,
        "triggered_by": run.triggered_by,
        "priority": run.priority,
        "scheduled_for": render_time(run.scheduled_for),
        "input": run.input,
        "output": run.output,
        "error": run.error,
        "attempt": run.attempt,
        # Attempts whose worker vanished come on top.
        "max_attempts": RetryPolicy.from_json(run.retry).max_attempts,
        "next_attempt_at": render_time(run.available_at) if is_waiting else None,
        "waits_for": render_id(run.waits_for),
        "started_at": render_time(run.started_at),
        "ended_at": render_time(run.ended_at),
        "duration_ms": _measure_ms(run.started_at, run.ended_at),
        "fired_event_id": str(run.fired_event_id),
        "chain_id": str(run.chain_id),
        "rerun_of": render_id(run.rerun_of),
        "created_at": render_time(run.created_at),
    }


def _measure_ms(started_at: dt.datetime | None, ended_at: dt.datetime | None) -> float | None:
    if started_at is None or ended_at is None:
        return None
    return round((ended_at - started_at) / dt.timedelta(milliseconds=1), 3)

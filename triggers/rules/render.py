"""Triggers and their fires as the API shows them."""

import datetime as dt
from typing import Any, Protocol
from uuid import UUID

from triggers.rules.bounds import is_exhausted
from triggers.rules.describe import describe_schedule
from triggers.rules.schedule import parse_schedule
from triggers.rules.timezones import load_timezone
from workspaces.rules.ids import render_id
from workspaces.rules.times import render_time

# Fields that a caller sets and that are shown as they are stored.
_OWN_FIELDS = (
    "name",
    "is_active",
    "external_key",
    "priority",
    "description",
    "event_type",
    "event_filter",
    "input_template",
    "schedule",
    "timezone",
    "dst_gap",
    "dst_overlap",
    "max_fires",
    "jitter_seconds",
    "catch_up_policy",
    "misfire_grace_seconds",
    "start_deadline_seconds",
    "overlap_policy",
    "fire_limit",
    "auto_pause_after_failures",
    "retry",
    "metadata",
)


class StoredTrigger(Protocol):
    """A trigger as it was read; it holds the fields of ``_OWN_FIELDS`` too."""

    id: UUID
    workspace_id: UUID
    action_id: UUID
    name: str
    is_active: bool
    schedule: str | None
    timezone: str
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None
    pause_reason: str | None
    paused_until: dt.datetime | None
    source: str
    created_by: str
    created_at: dt.datetime
    updated_at: dt.datetime


class StoredState(Protocol):
    """The due row of a trigger, with the scheduler's counters."""

    next_fire_at: dt.datetime | None
    due_at: dt.datetime | None
    last_scheduled_at: dt.datetime | None
    last_fire_id: UUID | None
    last_run_at: dt.datetime | None
    misfire_count: int
    last_misfire_at: dt.datetime | None


class StoredFire(Protocol):
    """A row of the ledger as it was read."""

    id: UUID
    cause: str
    scheduled_for: dt.datetime | None
    scheduled_until: dt.datetime | None
    slot_count: int
    outcome: str
    reason: str | None
    run_id: UUID | None
    fired_event_id: UUID | None
    created_at: dt.datetime


def render_trigger(
    trigger: StoredTrigger, state: StoredState, *, is_global: bool = False
) -> dict[str, Any]:
    """The whole trigger; ``is_global``: it belongs to nobody's workspace."""
    return {
        "id": str(trigger.id),
        "workspace_id": str(trigger.workspace_id),
        "action_id": str(trigger.action_id),
        **{name: getattr(trigger, name) for name in _OWN_FIELDS},
        "starts_at": render_time(trigger.starts_at),
        "ends_at": render_time(trigger.ends_at),
        "pause_reason": trigger.pause_reason,
        "paused_until": render_time(trigger.paused_until),
        "next_fire_at": render_time(state.next_fire_at),
        "next_fire_effective_at": render_time(state.due_at),
        "schedule_info": _render_schedule_info(trigger, state),
        "scheduler": _render_scheduler(state),
        "source": trigger.source,
        "scope": "global" if is_global else "workspace",
        "created_by": trigger.created_by,
        "created_at": render_time(trigger.created_at),
        "updated_at": render_time(trigger.updated_at),
    }


def render_fire(fire: StoredFire) -> dict[str, Any]:
    """One row of the ledger; a summary row stands for ``slot_count`` slots, up to its last."""
    return {
        "fire_id": str(fire.id),
        "cause": fire.cause,
        "scheduled_for": render_time(fire.scheduled_for),
        "scheduled_until": render_time(fire.scheduled_until),
        "slot_count": fire.slot_count,
        "outcome": fire.outcome,
        "reason": fire.reason,
        "run_id": render_id(fire.run_id),
        "fired_event_id": render_id(fire.fired_event_id),
        "created_at": render_time(fire.created_at),
    }


def render_upcoming_run(
    trigger: StoredTrigger, at: dt.datetime, agent_prompt: str | None
) -> dict[str, Any]:
    """A slot to come of a trigger that has a schedule."""
    schedule = trigger.schedule or ""
    return {
        "trigger_id": str(trigger.id),
        "trigger_name": trigger.name,
        "trigger_type": "schedule",
        "next_run_time": render_time(at),
        "next_run_time_local": render_slot(at, trigger.timezone)["local"],
        "timezone": trigger.timezone,
        "cron_expression": trigger.schedule,
        "is_active": trigger.is_active,
        "human_readable": describe_schedule(parse_schedule(schedule), trigger.timezone),
        "agent_prompt": agent_prompt,
    }


def render_slot(at: dt.datetime, timezone: str) -> dict[str, Any]:
    """An instant in UTC and on the zone's clocks."""
    return {
        "at": render_time(at),
        "local": at.astimezone(load_timezone(timezone)).isoformat(),
    }


def _render_schedule_info(trigger: StoredTrigger, state: StoredState) -> dict[str, Any] | None:
    if trigger.schedule is None:
        return None
    schedule = parse_schedule(trigger.schedule)
    return {
        "mode": schedule.mode,
        "human_readable": describe_schedule(schedule, trigger.timezone),
        "exhausted": is_exhausted(
            is_active=trigger.is_active,
            schedule=trigger.schedule,
            next_fire_at=state.next_fire_at,
        ),
    }


def _render_scheduler(state: StoredState) -> dict[str, Any]:
    return {
        "last_scheduled_at": render_time(state.last_scheduled_at),
        "last_fire_id": render_id(state.last_fire_id),
        "last_run_at": render_time(state.last_run_at),
        "misfire_count": state.misfire_count,
        "last_misfire_at": render_time(state.last_misfire_at),
    }

"""What remains of a change to a trigger: an audit event, and a revision of its workspace."""

import datetime as dt
from typing import Any

from events.rules.event import NewEvent, name_source
from events.services import append_events
from triggers.models import Trigger
from workspaces.rules.callers import Caller
from workspaces.rules.times import render_time
from workspaces.services import new_id, record_revision

# What a version of the workspace remembers of a trigger, beside its action.
_DOCUMENT_FIELDS = (
    "name",
    "description",
    "external_key",
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
    "priority",
    "retry",
    "metadata",
    "is_active",
)


def record_change(
    trigger: Trigger, event_type: str, data: dict[str, Any], *, caller: Caller, now: dt.datetime
) -> None:
    """The audit event and the numbered revision of a change, in the caller's transaction."""
    append_events([build_audit_event(trigger, event_type, data, caller=caller, now=now)])
    _record_revision(trigger, caller=caller)


def record_auto_pause(
    trigger: Trigger, data: dict[str, Any], *, caller: Caller, now: dt.datetime
) -> None:
    """``trigger.auto_paused``, part of the trigger's history, and the revision."""
    event = NewEvent(
        id=new_id(),
        workspace_id=trigger.workspace_id,
        event_type="trigger.auto_paused",
        source="AUTOMATION",
        entity_type="trigger",
        entity_id=trigger.id,
        trigger_id=trigger.id,
        data=data,
        effective_at=now,
    )
    append_events([event])
    _record_revision(trigger, caller=caller)


def _record_revision(trigger: Trigger, *, caller: Caller) -> None:
    record_revision(
        workspace_id=trigger.workspace_id,
        kind="trigger",
        external_key=trigger.external_key or str(trigger.id),
        document={
            **{name: getattr(trigger, name) for name in _DOCUMENT_FIELDS},
            "starts_at": render_time(trigger.starts_at),
            "ends_at": render_time(trigger.ends_at),
            "action_id": str(trigger.action_id),
        },
        created_by=str(caller),
    )


def build_audit_event(
    trigger: Trigger, event_type: str, data: dict[str, Any], *, caller: Caller, now: dt.datetime
) -> NewEvent:
    """Who did what to the trigger."""
    return NewEvent(
        id=new_id(),
        workspace_id=trigger.workspace_id,
        event_type=event_type,
        source=name_source(caller),
        entity_type="trigger",
        entity_id=trigger.id,
        trigger_id=trigger.id,
        data={"by": str(caller), **data},
        effective_at=now,
    )

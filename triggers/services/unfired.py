"""Ledger rows and events of slots that did not fire: missed, superseded, refused."""

import datetime as dt
from dataclasses import asdict, replace

from actions.services import InputRefused
from events.rules.event import NewEvent
from triggers.models import Trigger
from triggers.rules.catch_up import MissedRange
from triggers.services.planning import INPUT_INVALID, Cause, NewFire, PlannedFire, plan_skip
from workspaces.rules.times import render_time
from workspaces.services import new_id

MISSED = "missed"


def plan_unfired_slot(
    trigger: Trigger, slot: dt.datetime, *, outcome: str, now: dt.datetime
) -> PlannedFire:
    """The row of one slot whose time went by."""
    return PlannedFire(
        _build_unfired(trigger, slot, key=f"slot:{render_time(slot)}", outcome=outcome, now=now)
    )


def plan_missed_range(trigger: Trigger, missed: MissedRange, *, now: dt.datetime) -> PlannedFire:
    """The one row that stands for a long outage's missed slots."""
    key = f"missed:{render_time(missed.first)}..{render_time(missed.last)}"
    fire = _build_unfired(trigger, missed.first, key=key, outcome=MISSED, now=now)
    return PlannedFire(replace(fire, scheduled_until=missed.last, slot_count=missed.count))


def plan_refused_slot(
    trigger: Trigger, cause: Cause, refusal: InputRefused, *, now: dt.datetime
) -> PlannedFire:
    """The row and the event of a slot whose input the action refuses."""
    return plan_skip(
        trigger,
        cause,
        outcome=INPUT_INVALID,
        reason=refusal.detail[:256],
        now=now,
        data={"errors": [asdict(error) for error in refusal.errors]},
    )


def build_missed_event(trigger: Trigger, missed: MissedRange, *, now: dt.datetime) -> NewEvent:
    """One ``trigger.missed`` per batch of missed slots."""
    return NewEvent(
        id=new_id(),
        workspace_id=trigger.workspace_id,
        event_type="trigger.missed",
        source="AUTOMATION",
        entity_type="trigger",
        entity_id=trigger.id,
        trigger_id=trigger.id,
        data={
            "triggered_by": "schedule",
            "count": missed.count,
            "first": render_time(missed.first),
            "last": render_time(missed.last),
        },
        effective_at=now,
    )


def _build_unfired(
    trigger: Trigger, slot: dt.datetime, *, key: str, outcome: str, now: dt.datetime
) -> NewFire:
    late = round((now - slot).total_seconds())
    return NewFire(
        id=new_id(),
        workspace_id=trigger.workspace_id,
        trigger_id=trigger.id,
        key=key,
        cause="schedule",
        scheduled_for=slot,
        outcome=outcome,
        reason=f"no scheduler ticked for {late} s after it was due",
        created_at=now,
    )

"""From a cause to its rows: the same path for slots, webhooks and calls by hand."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from actions.rules.templates import TemplateTooLarge, render_template
from actions.services import (
    ActionSpec,
    InputRefused,
    check_input,
    choose_run_retry,
)
from events.rules.event import NewEvent
from events.services import append_events
from runs.services import NewRun, start_runs
from triggers.models import Fire, Trigger
from triggers.rules.overrides import merge_mapped, merge_overrides
from triggers.services.flow import control_fires, mark_fires
from workspaces.rules.ids import write_id
from workspaces.rules.problems import FieldError
from workspaces.rules.times import render_time
from workspaces.services import insert_row, new_id

FIRED = "fired"
ACTION_DISABLED = "action_disabled"
INPUT_INVALID = "input_invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why a trigger is to fire. ``key`` is unique per trigger: the same cause twice fires once.

    ``context`` is what templates may read beside ``trigger``; ``mapped`` and ``overrides`` are
    merged into the rendered input verbatim, in that order.
    """

    kind: str
    key: str
    triggered_by: str
    scheduled_for: dt.datetime | None = None
    context: Mapping[str, Any] = field(default_factory=dict)
    mapped: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    fired_data: Mapping[str, Any] = field(default_factory=dict)
    fire_id: uuid.UUID = field(default_factory=new_id)
    run_id: uuid.UUID = field(default_factory=new_id)
    fired_event_id: uuid.UUID = field(default_factory=new_id)
    destination_id: uuid.UUID | None = None
    delivery_id: uuid.UUID | None = None


@dataclass(slots=True, kw_only=True)
class NewFire:
    """A row of the ledger to be: one of many in a claim, so not a model's instance."""

    id: uuid.UUID
    workspace_id: uuid.UUID
    trigger_id: uuid.UUID
    key: str
    cause: str
    scheduled_for: dt.datetime | None
    outcome: str
    reason: str | None
    created_at: dt.datetime
    scheduled_until: dt.datetime | None = None
    slot_count: int = 1
    run_id: uuid.UUID | None = None
    fired_event_id: uuid.UUID | None = None


_FIRE_FIELDS = [one.name for one in fields(NewFire)]


@dataclass(slots=True)
class PlannedFire:
    """The rows that a cause makes; ``run`` is None when it only goes into the ledger.

    With a run it knows ``trigger`` and ``cause`` too: writing it may turn it away.
    ``retry_after_seconds``: of one that a limit turned away.
    """

    fire: NewFire
    run: NewRun | None = None
    skipped: NewEvent | None = None
    trigger: Trigger | None = None
    cause: Cause | None = None
    retry_after_seconds: float | None = None

    def turn_away(self, *, outcome: str, reason: str, now: dt.datetime) -> None:
        """Make it a row of the ledger without a run; the fire stays the same object."""
        if self.trigger is None or self.cause is None:
            raise ValueError("only a fire with a run can be turned away")
        instead = plan_skip(self.trigger, self.cause, outcome=outcome, reason=reason, now=now)
        self.run, self.skipped = None, instead.skipped
        self.fire.outcome, self.fire.reason = outcome, reason
        self.fire.run_id = self.fire.fired_event_id = None


def render_input(trigger: Trigger, cause: Cause) -> dict[str, Any]:
    """The trigger's template with the cause's context, then its mapped and override values.

    Raises:
        InputRefused: the rendered input is larger than inputs may be.
    """
    context = {**cause.context, "trigger": {"id": write_id(trigger.id), "name": trigger.name}}
    try:
        rendered = render_template(trigger.input_template, context)
    except TemplateTooLarge as error:
        raise InputRefused(str(error), errors=[FieldError("", "too_large", str(error))]) from error
    return merge_overrides(merge_mapped(rendered, cause.mapped), cause.overrides)


def plan_fire(
    trigger: Trigger, action: ActionSpec, cause: Cause, *, now: dt.datetime
) -> PlannedFire:
    """Decide what the cause makes; writes nothing.

    Raises:
        InputRefused: the action refuses the merged input.
    """
    if not action.enabled:
        return plan_skip(
            trigger, cause, outcome=ACTION_DISABLED, reason="the action is disabled", now=now
        )
    merged = render_input(trigger, cause)
    check_input(action, merged)
    run = NewRun(
        run_id=cause.run_id,
        fired_event_id=cause.fired_event_id,
        workspace_id=trigger.workspace_id,
        trigger_id=trigger.id,
        trigger_name=trigger.name,
        fire_id=cause.fire_id,
        action=action,
        input=merged,
        cause=cause.kind,
        triggered_by=cause.triggered_by,
        priority=trigger.priority,
        scheduled_for=cause.scheduled_for,
        retry=choose_run_retry(action, trigger.retry),
        start_deadline_seconds=trigger.start_deadline_seconds,
        destination_id=cause.destination_id,
        delivery_id=cause.delivery_id,
        fired_data={**_name_slot(cause), **cause.fired_data},
    )
    return PlannedFire(
        _build_fire(trigger, cause, outcome=FIRED, reason=None, run=run, now=now),
        run=run,
        trigger=trigger,
        cause=cause,
    )


def plan_skip(
    trigger: Trigger,
    cause: Cause,
    *,
    outcome: str,
    reason: str,
    now: dt.datetime,
    data: Mapping[str, Any] | None = None,
) -> PlannedFire:
    """A ledger row without a run, and a ``trigger.skipped`` that says why."""
    skipped = NewEvent(
        id=new_id(),
        workspace_id=trigger.workspace_id,
        event_type="trigger.skipped",
        source="AUTOMATION",
        entity_type="trigger",
        entity_id=trigger.id,
        trigger_id=trigger.id,
        destination_id=cause.destination_id,
        delivery_id=cause.delivery_id,
        data={
            "triggered_by": cause.triggered_by,
            "reason": outcome,
            "detail": reason,
            **_name_slot(cause),
            **(data or {}),
        },
        effective_at=now,
    )
    return PlannedFire(
        _build_fire(trigger, cause, outcome=outcome, reason=reason, now=now), skipped=skipped
    )


def write_fires(planned: Sequence[PlannedFire], *, now: dt.datetime) -> set[uuid.UUID]:
    """Write ledger, runs and events in the caller's transaction; returns the ids of fires that are
    new.

    A key that the ledger has already belongs to whoever was first: that cause writes nothing. What
    its trigger's flow control does not let through is turned away here.
    """
    marks = control_fires(planned, now=now)
    written = set(
        Fire.objects.insert_rows(
            [plan.fire for plan in planned], on_conflict="(trigger_id, key) DO NOTHING"
        )
    )
    _write_consequences([plan for plan in planned if plan.fire.id in written], now=now)
    mark_fires(marks)
    return written


def write_free_fire(plan: PlannedFire, *, now: dt.datetime) -> None:
    """As `write_fires`, for a trigger without flow control and a key that nobody else has: what it
    inserts needs no answer, and may be written together with other rows.

    Raises:
        IntegrityError: somebody has the key.
    """
    insert_row(Fire, {name: getattr(plan.fire, name) for name in _FIRE_FIELDS})
    _write_consequences([plan], now=now)


def _write_consequences(plans: Sequence[PlannedFire], *, now: dt.datetime) -> None:
    append_events([plan.skipped for plan in plans if plan.skipped is not None])
    start_runs([plan.run for plan in plans if plan.run is not None], now=now)


def _build_fire(
    trigger: Trigger,
    cause: Cause,
    *,
    outcome: str,
    reason: str | None,
    now: dt.datetime,
    run: NewRun | None = None,
) -> NewFire:
    return NewFire(
        id=cause.fire_id,
        workspace_id=trigger.workspace_id,
        trigger_id=trigger.id,
        key=cause.key,
        cause=cause.kind,
        scheduled_for=cause.scheduled_for,
        outcome=outcome,
        reason=reason,
        run_id=None if run is None else run.run_id,
        fired_event_id=None if run is None else run.fired_event_id,
        created_at=now,
    )


def _name_slot(cause: Cause) -> dict[str, Any]:
    if cause.scheduled_for is None:
        return {}
    return {"scheduled_for": render_time(cause.scheduled_for)}

"""From a cause to a run: the same path for slots, webhooks and calls by hand."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from actions.rules.templates import TemplateTooLarge, render_template
from actions.services import (
    ActionSpec,
    InputRefused,
    check_input,
    choose_run_retry,
    find_action,
    load_actions,
)
from events.rules.event import NewEvent
from events.services import append_events
from runs.services import NewRun, start_runs
from triggers.models import Fire, Trigger
from triggers.rules.filters import matches_filter
from triggers.rules.overrides import merge_mapped, merge_overrides
from triggers.services.definitions import find_trigger
from workspaces.rules.callers import Caller
from workspaces.rules.problems import FieldError
from workspaces.rules.times import render_time
from workspaces.services import new_id

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


@dataclass(frozen=True, slots=True, kw_only=True)
class FireResult:
    """What came of it. ``fire_id`` is None when nothing reached the ledger (a filter miss, a pause,
    a dry run).
    """

    outcome: str
    trigger_id: uuid.UUID
    reason: str | None = None
    fire_id: uuid.UUID | None = None
    run_id: uuid.UUID | None = None
    fired_event_id: uuid.UUID | None = None
    input: dict[str, Any] | None = None
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedFire:
    """The rows that a cause makes; ``run`` is None when it only goes into the ledger."""

    fire: Fire
    run: NewRun | None = None
    skipped: NewEvent | None = None


def render_input(trigger: Trigger, cause: Cause) -> dict[str, Any]:
    """The trigger's template with the cause's context, then its mapped and override values.

    Raises:
        InputRefused: the rendered input is larger than inputs may be.
    """
    context = {**cause.context, "trigger": {"id": str(trigger.id), "name": trigger.name}}
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
    fire = _build_fire(trigger, cause, outcome=FIRED, reason=None, now=now)
    fire.run_id, fire.fired_event_id = cause.run_id, cause.fired_event_id
    return PlannedFire(fire, run=run)


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

    A key that the ledger has already belongs to whoever was first: that cause writes nothing.
    """
    written = set(
        Fire.objects.insert_rows(
            [plan.fire for plan in planned], on_conflict="(trigger_id, key) DO NOTHING"
        )
    )
    fresh = [plan for plan in planned if plan.fire.id in written]
    append_events([plan.skipped for plan in fresh if plan.skipped is not None])
    start_runs([plan.run for plan in fresh if plan.run is not None], now=now)
    return written


def fire_trigger_by_hand(
    *,
    workspace_id: uuid.UUID,
    trigger_id: uuid.UUID,
    overrides: Mapping[str, Any],
    caller: Caller,
    now: dt.datetime,
    dry_run: bool = False,
) -> FireResult:
    """Fire now, whatever the schedule and the pause say. A dry run only answers the merged input.

    Raises:
        TriggerNotFound: there is none in this workspace.
        InputRefused: the action refuses the merged input.
    """
    trigger = find_trigger(workspace_id=workspace_id, trigger_id=trigger_id)
    action = find_action(workspace_id=workspace_id, action_id=trigger.action_id)
    fire_id = new_id()
    cause = Cause(
        kind="manual",
        key=f"manual:{fire_id}",
        triggered_by=f"manual:{caller}",
        overrides=overrides,
        fired_data={"manual": True} | ({} if trigger.is_active else {"forced": True}),
        fire_id=fire_id,
    )
    if dry_run:
        merged = render_input(trigger, cause)
        check_input(action, merged)
        return FireResult(outcome="dry_run", trigger_id=trigger.id, input=merged)
    return _fire(trigger, action, cause, now=now)


def load_trigger(trigger_id: uuid.UUID) -> tuple[Trigger, ActionSpec] | None:
    """A trigger with its action, for a door that knows only its id; None when it is gone."""
    trigger = Trigger.objects.filter(id=trigger_id).first()
    if trigger is None:
        return None
    action = load_actions([trigger.action_id]).get(trigger.action_id)
    return None if action is None else (trigger, action)


def fire_from_webhook(
    trigger: Trigger,
    action: ActionSpec,
    *,
    destination_id: uuid.UUID,
    delivery_id: uuid.UUID,
    payload: Any,
    event: Mapping[str, Any],
    mapped: Mapping[str, Any],
    now: dt.datetime,
    fire_id: uuid.UUID,
    run_id: uuid.UUID,
    fired_event_id: uuid.UUID,
) -> FireResult:
    """Fire for one delivery, in the caller's transaction, which also holds the delivery and its
    dedupe claim.

    The outcomes beside the ledger's are ``trigger_paused`` and ``filter_miss``: they leave no fire.

    Raises:
        InputRefused: the action refuses the merged input.
    """
    if not trigger.is_active:
        return FireResult(
            outcome="trigger_paused", trigger_id=trigger.id, reason="the trigger is paused"
        )
    if trigger.event_filter is not None and not matches_filter(trigger.event_filter, payload):
        return FireResult(
            outcome="filter_miss", trigger_id=trigger.id, reason="the event_filter does not match"
        )
    cause = Cause(
        kind="webhook",
        key=f"webhook:{delivery_id}",
        triggered_by=f"webhook:{destination_id}",
        context={"payload": payload, "event": event},
        mapped=mapped,
        fire_id=fire_id,
        run_id=run_id,
        fired_event_id=fired_event_id,
        destination_id=destination_id,
        delivery_id=delivery_id,
        fired_data={"delivery_id": str(delivery_id), "event_type": event.get("type")},
    )
    return _fire(trigger, action, cause, now=now)


def _fire(trigger: Trigger, action: ActionSpec, cause: Cause, *, now: dt.datetime) -> FireResult:
    plan = plan_fire(trigger, action, cause, now=now)
    with transaction.atomic():
        write_fires([plan], now=now)
    return FireResult(
        outcome=plan.fire.outcome,
        trigger_id=trigger.id,
        reason=plan.fire.reason,
        fire_id=plan.fire.id,
        run_id=plan.fire.run_id,
        fired_event_id=plan.fire.fired_event_id,
        input=None if plan.run is None else plan.run.input,
    )


def _build_fire(
    trigger: Trigger, cause: Cause, *, outcome: str, reason: str | None, now: dt.datetime
) -> Fire:
    return Fire(
        id=cause.fire_id,
        workspace_id=trigger.workspace_id,
        trigger_id=trigger.id,
        key=cause.key,
        cause=cause.kind,
        scheduled_for=cause.scheduled_for,
        scheduled_until=None,
        slot_count=1,
        outcome=outcome,
        reason=reason,
        created_at=now,
    )


def _name_slot(cause: Cause) -> dict[str, Any]:
    if cause.scheduled_for is None:
        return {}
    return {"scheduled_for": render_time(cause.scheduled_for)}

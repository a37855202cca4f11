"""Firing one trigger: by hand, or for a webhook's delivery."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from actions.services import ActionSpec, check_input, find_action, load_actions
from triggers.models import Trigger
from triggers.rules.bounds import is_exhausted, is_over
from triggers.rules.filters import matches_filter
from triggers.rules.flow import LIMITED
from triggers.services.flow import has_flow_control
from triggers.services.planning import (
    Cause,
    PlannedFire,
    plan_fire,
    render_input,
    write_fires,
    write_free_fire,
)
from triggers.services.reads import find_trigger
from workspaces.rules.callers import Caller
from workspaces.rules.ids import write_id
from workspaces.rules.problems import FieldError, TooManyRequests
from workspaces.services import new_id


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
    # Of a fire beyond the trigger's limit: one made then would be within it.
    retry_after_seconds: float | None = None


class FireLimited(TooManyRequests):
    """The trigger has fired as often as its ``fire_limit`` allows."""

    def __init__(self, result: FireResult) -> None:
        detail = f"Nothing runs: {result.reason}."
        super().__init__(
            detail,
            errors=[FieldError("", "fire_limit", detail)],
            retry_after_seconds=result.retry_after_seconds,
        )


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
    cause = build_manual_cause(trigger, overrides=overrides, caller=caller)
    if dry_run:
        merged = render_input(trigger, cause)
        check_input(action, merged)
        return FireResult(outcome="dry_run", trigger_id=trigger.id, input=merged)
    return _write(plan_fire(trigger, action, cause, now=now), now=now)


def load_trigger(trigger_id: uuid.UUID) -> tuple[Trigger, ActionSpec] | None:
    """A trigger with its action, for a door that knows only its id; None when it is gone."""
    trigger = Trigger.objects.select_related("schedule_state").filter(id=trigger_id).first()
    if trigger is None:
        return None
    action = load_actions([trigger.action_id]).get(trigger.action_id)
    return None if action is None else (trigger, action)


def plan_from_webhook(
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
    replayed_by: str | None = None,
    element: int | None = None,
) -> PlannedFire | FireResult:
    """Decide what one delivery makes, or one ``element`` of its batch, by its place; asks the
    database nothing. ``replayed_by`` names who has a delivery fired again that is on the ledger.

    A result instead of a plan: ``trigger_paused``, ``trigger_exhausted`` or ``filter_miss``, which
    leave no fire.

    Raises:
        InputRefused: the action refuses the merged input.
    """
    obstacle = _find_obstacle(trigger, payload, now=now)
    if obstacle is not None:
        outcome, reason = obstacle
        return FireResult(outcome=outcome, trigger_id=trigger.id, reason=reason)
    cause = build_webhook_cause(
        destination_id=destination_id,
        delivery_id=delivery_id,
        payload=payload,
        event=event,
        mapped=mapped,
        fire_id=fire_id,
        run_id=run_id,
        fired_event_id=fired_event_id,
        replayed_by=replayed_by,
        element=element,
    )
    return plan_fire(trigger, action, cause, now=now)


def write_fire(plan: PlannedFire, *, now: dt.datetime) -> FireResult:
    """Write a delivery's fire with its run and events, or what flow control makes of it, in the
    caller's transaction, which also holds the delivery and its dedupe claim.

    Raises:
        FireLimited: the trigger's limit is reached; the caller undoes its transaction.
    """
    result = _write(plan, now=now)
    if result.outcome == LIMITED:
        raise FireLimited(result)
    return result


def write_fire_at_once(plan: PlannedFire, *, now: dt.datetime) -> FireResult:
    """Write one fire, which is `may_fire_at_once`, with what is written together.

    Raises:
        IntegrityError: its cause has fired already.
    """
    write_free_fire(plan, now=now)
    return build_result(plan)


def may_fire_at_once(plan: PlannedFire) -> bool:
    """Whether the fire has a run, and nothing that is in the database can keep it back."""
    return plan.run is not None and plan.trigger is not None and not has_flow_control(plan.trigger)


def build_webhook_cause(
    *,
    destination_id: uuid.UUID,
    delivery_id: uuid.UUID,
    payload: Any,
    event: Mapping[str, Any],
    mapped: Mapping[str, Any],
    fire_id: uuid.UUID,
    run_id: uuid.UUID,
    fired_event_id: uuid.UUID,
    replayed_by: str | None = None,
    element: int | None = None,
) -> Cause:
    """The cause that one delivery is, or one element of its batch, or its replay."""
    place = "" if element is None else f"#{element}"
    return Cause(
        kind="replay" if replayed_by else "webhook",
        # Who asks for two replays gets two.
        key=f"replay:{fire_id}" if replayed_by else f"webhook:{delivery_id}{place}",
        triggered_by=f"replay:{delivery_id}" if replayed_by else f"webhook:{destination_id}",
        context={"payload": payload, "event": event},
        mapped=mapped,
        fire_id=fire_id,
        run_id=run_id,
        fired_event_id=fired_event_id,
        destination_id=destination_id,
        delivery_id=delivery_id,
        fired_data={
            "delivery_id": write_id(delivery_id),
            "event_type": event.get("type"),
            **({} if element is None else {"element": element}),
            **({"replayed_by": replayed_by} if replayed_by else {}),
        },
    )


def build_manual_cause(trigger: Trigger, *, overrides: Mapping[str, Any], caller: Caller) -> Cause:
    """The cause that a call of ``fire`` is."""
    fire_id = new_id()
    return Cause(
        kind="manual",
        key=f"manual:{fire_id}",
        triggered_by=f"manual:{caller}",
        overrides=overrides,
        fired_data={"manual": True} | ({} if trigger.is_active else {"forced": True}),
        fire_id=fire_id,
    )


def _find_obstacle(trigger: Trigger, payload: Any, *, now: dt.datetime) -> tuple[str, str] | None:
    """Why a delivery does not even reach the ledger: the outcome and its reason."""
    if not trigger.is_active:
        return "trigger_paused", "the trigger is paused"
    if is_over(ends_at=trigger.ends_at, now=now) or is_exhausted(
        is_active=trigger.is_active,
        schedule=trigger.schedule,
        next_fire_at=trigger.schedule_state.next_fire_at,
    ):
        return "trigger_exhausted", "the trigger is exhausted"
    if trigger.event_filter is not None and not matches_filter(trigger.event_filter, payload):
        return "filter_miss", "the event_filter does not match"
    return None


def _write(plan: PlannedFire, *, now: dt.datetime) -> FireResult:
    # A delivery's transaction is open already, and undone as a whole or not at all.
    with transaction.atomic(savepoint=False):
        write_fires([plan], now=now)
    return build_result(plan)


def build_result(plan: PlannedFire) -> FireResult:
    """What came of a plan that was written."""
    fire = plan.fire
    return FireResult(
        outcome=fire.outcome,
        trigger_id=fire.trigger_id,
        reason=fire.reason,
        fire_id=fire.id,
        run_id=fire.run_id,
        fired_event_id=fire.fired_event_id,
        input=None if plan.run is None else plan.run.input,
        retry_after_seconds=plan.retry_after_seconds,
    )

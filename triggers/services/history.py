"""Fires that lie behind: written as Beat and the doors would have written them, run included.

For demonstrations. Slots, debts, outcomes and rows are the very same; only the clock is the
caller's, who must hold all of it in one transaction, so that no Beat sees a debt in between.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actions.services import find_action, load_actions
from events.services import append_events
from runs.services import PastStep, record_run
from triggers.models import Fire, Trigger
from triggers.services.debts import Debts
from triggers.services.due import Due, settle_debt
from triggers.services.firing import build_manual_cause, build_webhook_cause
from triggers.services.planning import Cause, PlannedFire, plan_fire
from triggers.services.settled import advance_schedules
from triggers.services.slots import compute_next_slot
from workspaces.rules.callers import Caller
from workspaces.services import mint_ids_of

# How the run of a slot went.
Telling = Callable[[dt.datetime], Sequence[PastStep]]


@dataclass(frozen=True, slots=True)
class Outage:
    """No scheduler ticked from ``began_at`` until ``ended_at``."""

    began_at: dt.datetime
    ended_at: dt.datetime


def record_slots(
    trigger: Trigger,
    *,
    since: dt.datetime,
    until: dt.datetime,
    tell: Telling,
    lag: dt.timedelta,
    outages: Sequence[Outage] = (),
) -> int:
    """Settle every slot of ``(since, until]``, each ``lag`` after its time or when its outage was
    over; returns how many runs that made. The schedule goes on behind the last one.
    """
    actions = load_actions({trigger.action_id})
    slot, previous, fired = compute_next_slot(trigger, after=since), None, 0
    while slot is not None and (ticked_at := _find_tick(slot, lag=lag, outages=outages)) <= until:
        due = Due(trigger.id, slot, slot, previous, fired)
        with mint_ids_of(ticked_at):
            settled = settle_debt(trigger, due, actions, Debts(ticked_at))
            append_events(settled.events)
        for plan in settled.plans:
            fired += _record(plan, steps=tell, now=ticked_at)
        written = {plan.fire.id for plan in settled.plans}
        advance_schedules([settled], written, now=ticked_at)
        if fires := settled.list_fired(written):
            previous = fires[-1].scheduled_for
        slot = settled.next_fire_at
    return fired


def record_webhook(
    trigger: Trigger,
    *,
    destination_id: uuid.UUID,
    delivery_id: uuid.UUID,
    payload: Any,
    event: Mapping[str, Any],
    mapped: Mapping[str, Any],
    fire_id: uuid.UUID,
    run_id: uuid.UUID,
    fired_event_id: uuid.UUID,
    steps: Sequence[PastStep],
    calls: Sequence[PastStep],
    now: dt.datetime,
) -> dict[str, Any]:
    """Fire for a delivery of the past; returns the run's input.

    Raises:
        InputRefused: the action refuses the merged input.
    """
    cause = build_webhook_cause(
        destination_id=destination_id,
        delivery_id=delivery_id,
        payload=payload,
        event=event,
        mapped=mapped,
        fire_id=fire_id,
        run_id=run_id,
        fired_event_id=fired_event_id,
    )
    return _fire(trigger, cause, steps=steps, calls=calls, now=now)


def record_call_by_hand(
    trigger: Trigger,
    *,
    overrides: Mapping[str, Any],
    caller: Caller,
    steps: Sequence[PastStep],
    now: dt.datetime,
) -> dict[str, Any]:
    """Fire by hand in the past; returns the run's input.

    Raises:
        InputRefused: the action refuses the merged input.
    """
    with mint_ids_of(now):
        cause = build_manual_cause(trigger, overrides=overrides, caller=caller)
    return _fire(trigger, cause, steps=steps, calls=(), now=now)


def _fire(
    trigger: Trigger,
    cause: Cause,
    *,
    steps: Sequence[PastStep],
    calls: Sequence[PastStep],
    now: dt.datetime,
) -> dict[str, Any]:
    action = find_action(workspace_id=trigger.workspace_id, action_id=trigger.action_id)
    plan = plan_fire(trigger, action, cause, now=now)
    _record(plan, steps=lambda _: steps, calls=calls, now=now)
    return {} if plan.run is None else plan.run.input


def _record(
    plan: PlannedFire, *, steps: Telling, calls: Sequence[PastStep] = (), now: dt.datetime
) -> int:
    Fire.objects.insert_rows([plan.fire])
    if plan.skipped is not None:
        append_events([plan.skipped])
    if plan.run is None:
        return 0
    record_run(plan.run, steps=steps(plan.fire.scheduled_for or now), calls=calls, now=now)
    return 1


def _find_tick(slot: dt.datetime, *, lag: dt.timedelta, outages: Sequence[Outage]) -> dt.datetime:
    for outage in outages:
        if outage.began_at <= slot < outage.ended_at:
            return outage.ended_at
    return slot + lag

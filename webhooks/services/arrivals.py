"""A delivery that proved genuine and was understood, and what it makes of its trigger."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from triggers.services import (
    FireResult,
    PlannedFire,
    plan_from_webhook,
    write_fire,
)
from webhooks.rules.payload import Mapped
from webhooks.services.ledger import Knock
from workspaces.rules.ids import write_id
from workspaces.rules.times import render_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A knock that proved genuine, was understood and is wanted."""

    knock: Knock
    # After the destination's output_transform.
    payload: Any
    event_type: str | None
    mapped: Mapped


def fire_arrival(
    arrival: Arrival, *, now: dt.datetime, replayed_by: str | None = None
) -> FireResult:
    """Fire for what a delivery brought, in the caller's transaction.

    Raises:
        InputRefused: the action refuses the merged input.
        FireLimited: the trigger's limit is reached; the caller undoes its transaction.
    """
    plan = plan_arrival(arrival, now=now, replayed_by=replayed_by)
    return plan if isinstance(plan, FireResult) else write_fire(plan, now=now)


def plan_arrival(
    arrival: Arrival, *, now: dt.datetime, replayed_by: str | None = None
) -> PlannedFire | FireResult:
    """What a delivery makes of its trigger, as the target has it. Raises as `plan_from_webhook`."""
    knock, ids = arrival.knock, arrival.knock.ids
    return plan_from_webhook(
        knock.target.trigger,
        knock.target.action,
        destination_id=knock.target.id,
        delivery_id=ids.delivery_id,
        payload=arrival.payload,
        event=describe_event(arrival),
        mapped=arrival.mapped.values,
        now=now,
        fire_id=ids.fire_id,
        run_id=ids.run_id,
        fired_event_id=ids.fired_event_id,
        replayed_by=replayed_by,
    )


def describe_event(arrival: Arrival) -> dict[str, Any]:
    """What templates read as ``event``."""
    knock = arrival.knock
    return {
        "id": write_id(knock.ids.event_id),
        "type": arrival.event_type,
        "source": "WEBHOOK",
        "destination_id": write_id(knock.target.id),
        "delivery_id": write_id(knock.ids.delivery_id),
        "effective_at": render_time(knock.now),
    }

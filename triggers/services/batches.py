"""Firing one trigger for each element of a delivery that is a batch."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actions.services import ActionSpec, InputRefused
from triggers.models import Trigger
from triggers.rules.flow import LIMITED
from triggers.services.firing import (
    FireLimited,
    FireResult,
    build_result,
    plan_from_webhook,
)
from triggers.services.planning import PlannedFire, write_fires


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookElement:
    """One element, with the ids of what it will fire."""

    index: int
    payload: Any
    event: Mapping[str, Any]
    mapped: Mapping[str, Any]
    fire_id: uuid.UUID
    run_id: uuid.UUID
    fired_event_id: uuid.UUID


class ElementRefused(Exception):
    """The action refuses one element's merged input: nothing is written for any of them."""

    def __init__(self, index: int, error: InputRefused) -> None:
        super().__init__(str(error))
        self.index = index
        self.error = error


def fire_batch_from_webhook(
    trigger: Trigger,
    action: ActionSpec,
    elements: Sequence[WebhookElement],
    *,
    destination_id: uuid.UUID,
    delivery_id: uuid.UUID,
    now: dt.datetime,
    replayed_by: str | None = None,
) -> list[FireResult]:
    """Fire for each element of one delivery, in the caller's transaction; the results are in the
    order of the elements, their outcomes those of `plan_from_webhook` and `write_fire`.

    The elements meet the trigger's flow control one after the other, under one lock of its row.

    Raises:
        ElementRefused: the action refuses the merged input of one of them.
        FireLimited: the trigger's limit is reached within them; the caller undoes its transaction.
    """
    results: dict[int, FireResult] = {}
    plans: dict[int, PlannedFire] = {}
    for place, element in enumerate(elements):
        try:
            plan = plan_from_webhook(
                trigger,
                action,
                destination_id=destination_id,
                delivery_id=delivery_id,
                payload=element.payload,
                event=element.event,
                mapped=element.mapped,
                now=now,
                fire_id=element.fire_id,
                run_id=element.run_id,
                fired_event_id=element.fired_event_id,
                replayed_by=replayed_by,
                element=element.index,
            )
        except InputRefused as error:
            raise ElementRefused(element.index, error) from error
        if isinstance(plan, FireResult):
            results[place] = plan
        else:
            plans[place] = plan
    write_fires(list(plans.values()), now=now)
    results |= {place: build_result(plan) for place, plan in plans.items()}
    limited = next((one for one in results.values() if one.outcome == LIMITED), None)
    if limited is not None:
        raise FireLimited(limited)
    return [results[place] for place in range(len(elements))]

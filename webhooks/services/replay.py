"""A delivery of the ledger, fired again: what was genuine as often as asked, what was refused once,
after whatever was wrong has been mended.
"""

import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db import transaction

from webhooks.models import Delivery
from webhooks.rules.ledger import ACCEPTED, DUPLICATE, FILTERED, REJECTED, UNVERIFIED_CAUSES
from webhooks.rules.outcomes import FIRED, NOTHING, Outcome, summarize
from webhooks.services.arrivals import fire_arrival
from webhooks.services.claims import claim_any, release_keys
from webhooks.services.currency import find_target
from webhooks.services.elements import fire_elements, is_batch, understand_elements
from webhooks.services.ledger import (
    DeliveryIds,
    Knock,
    find_delivery,
    read_request,
)
from webhooks.services.proving import prove_request
from webhooks.services.understanding import (
    Rejection,
    Unwanted,
    parse_payload,
    understand_payload,
)
from workspaces.rules.callers import Caller
from workspaces.rules.ids import render_id
from workspaces.rules.problems import Conflict, FieldError, ServiceError


class ReplayRefused(Conflict):
    """The delivery cannot fire; ``code`` is the ledger's word for why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail, errors=[FieldError("", code, detail)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What came of it, in the receiver's words: ``fired``, ``duplicate`` or ``filtered``."""

    status: str
    delivery: Delivery
    fired_event_id: UUID | None = None
    run_id: UUID | None = None
    # Of a batch.
    elements: list[Outcome] | None = None

    def as_json(self) -> dict[str, Any]:
        """The receiver's answer, with the delivery that was replayed."""
        ids = {
            "event_id": self.delivery.event_id,
            "fired_event_id": self.fired_event_id,
            "destination_id": self.delivery.destination_id,
            "trigger_id": self.delivery.trigger_id,
            "run_id": self.run_id,
            "replay_of": self.delivery.id,
        }
        rendered = {name: render_id(value) for name, value in ids.items()}
        answer = {**rendered, "status": self.status}
        if self.elements is None:
            return answer
        return {**answer, "elements": [one.as_json() for one in self.elements]}


def replay_delivery(
    *, workspace_id: UUID, delivery_id: UUID, caller: Caller, now: dt.datetime
) -> Replay:
    """Fire a delivery again, with the destination and its trigger as they are now.

    A refused delivery is verified first, as of the moment when it came, and takes its key: it fires
    once, however often it is replayed and whatever the sender sends again.

    Raises:
        NotFound: no such delivery in this workspace.
        ReplayRefused: it was not kept, is not genuine, or its destination does not take it.
        InputRefused: the action refuses the merged input.
    """
    delivery = find_delivery(workspace_id=workspace_id, delivery_id=delivery_id)
    knock = _knock_again(delivery)
    if not knock.target.is_active:
        raise ReplayRefused("destination_inactive", "The destination is inactive.")
    if delivery.cause in UNVERIFIED_CAUSES:
        verdict, _ = prove_request(knock)
        if not verdict.valid:
            cause = verdict.cause or "internal"
            raise ReplayRefused(cause, f"The request still does not verify: {cause}.")
    with transaction.atomic():
        return _fire_once(delivery, knock, caller=caller, now=now)


def _knock_again(delivery: Delivery) -> Knock:
    """The request as it came, at the destination as it is, at the time when it came."""
    request = read_request(delivery)
    if request is None or delivery.status == "challenge":
        raise ReplayRefused("not_kept", "There is no request to replay: none was kept.")
    target = find_target(str(delivery.destination_id), workspace_id=None)
    if target is None:
        raise ReplayRefused("destination_deleted", "The destination was deleted.")
    ids = DeliveryIds(delivery_id=delivery.id, event_id=delivery.event_id or delivery.id)
    return Knock(
        request=request,
        target=target,
        now=delivery.created_at,
        started=time.perf_counter(),
        ids=ids,
    )


def _fire_once(delivery: Delivery, knock: Knock, *, caller: Caller, now: dt.datetime) -> Replay:
    try:
        payload = parse_payload(knock)
        if is_batch(knock, payload):
            return _fire_batch(delivery, knock, payload, caller=caller, now=now)
        return _fire_one(delivery, knock, payload, caller=caller, now=now)
    except Rejection as rejection:
        raise _refuse(rejection) from None
    except Unwanted:
        detail = "The destination ignores this event type."
        raise ReplayRefused("event_type_not_accepted", detail) from None


def _refuse(rejection: Rejection) -> ServiceError:
    # What the trigger or its action refuses is said as it is of one event.
    if rejection.cause in {"input_invalid", "fire_limited"}:
        return rejection.error
    return ReplayRefused(rejection.cause, str(rejection.error))


def _fire_one(
    delivery: Delivery, knock: Knock, payload: Any, *, caller: Caller, now: dt.datetime
) -> Replay:
    arrival = understand_payload(knock, payload)
    keys = _list_keys(delivery, knock.dedupe_keys)
    first = claim_any(knock.target, keys, ids=knock.ids, now=now)
    if first is not None:
        return Replay(
            status=DUPLICATE,
            delivery=delivery,
            fired_event_id=first.fired_event_id,
            run_id=first.run_id,
        )
    result = fire_arrival(arrival, now=now, replayed_by=str(caller))
    if result.outcome == FIRED:
        return Replay(
            status=FIRED,
            delivery=delivery,
            fired_event_id=result.fired_event_id,
            run_id=result.run_id,
        )
    release_keys(knock.target, keys, ids=knock.ids)
    return Replay(status=FILTERED, delivery=delivery)


def _fire_batch(
    delivery: Delivery, knock: Knock, payload: list[Any], *, caller: Caller, now: dt.datetime
) -> Replay:
    elements = [
        replace(element, keys=_list_keys(delivery, element.keys, place=f"#{element.index}"))
        if _was_refused(delivery)
        else element
        for element in understand_elements(knock, payload)
    ]
    outcomes = fire_elements(
        knock,
        elements,
        now=now,
        is_claiming=_was_refused(delivery),
        replayed_by=str(caller),
    )
    summary = summarize(outcomes)
    leading = summary.leading or NOTHING
    return Replay(
        status=FIRED if summary.status == ACCEPTED else summary.status,
        delivery=delivery,
        fired_event_id=None if leading.run_id is None else leading.fired_event_id,
        run_id=leading.run_id,
        elements=outcomes,
    )


def _list_keys(delivery: Delivery, keys: Sequence[str], *, place: str = "") -> tuple[str, ...]:
    """What a delivery that was refused must claim; one that was genuine fires as often as asked."""
    if not _was_refused(delivery):
        return ()
    # A key that no header can hold stands in where the sender gave none.
    return tuple(keys) or (f"\x00replay:{delivery.id}{place}",)


def _was_refused(delivery: Delivery) -> bool:
    return delivery.status == REJECTED

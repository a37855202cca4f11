"""One transaction for a genuine delivery: claim, fire, run, events and ledger, or none of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from actions.services import InputRefused
from triggers.services import FireResult, may_fire_at_once, write_fire_at_once
from webhooks.models import Delivery
from webhooks.rules.ledger import ACCEPTED, DUPLICATE, FILTERED, IGNORED
from webhooks.rules.outcomes import FIRED
from webhooks.services.arrivals import Arrival, fire_arrival, plan_arrival
from webhooks.services.claims import claim_any, release_keys
from webhooks.services.currency import check_target, hold_target
from webhooks.services.dedupe import FirstDelivery, build_claim
from webhooks.services.ledger import Entry, Knock, write_entry
from webhooks.services.retries import run_with_retries
from workspaces.rules.ids import render_id, write_id
from workspaces.rules.problems import NotFound

_OK = 200


class UnknownDestination(NotFound):
    """No such destination, an inactive one, or one whose trigger is gone: one answer for all."""

    def __init__(self) -> None:
        super().__init__("There is no such webhook destination.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The answer to a genuine delivery; ``status`` is ``fired``, ``duplicate``, ``filtered`` or
    ``ignored``, which has no event.

    The ids of a duplicate are the first delivery's.
    """

    status: str
    event_id: UUID | None
    destination_id: UUID
    trigger_id: UUID
    fired_event_id: UUID | None = None
    run_id: UUID | None = None
    # The destination's own answer, instead of this one.
    response: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, str | None]:
        return {
            "event_id": render_id(self.event_id),
            "fired_event_id": render_id(self.fired_event_id),
            "destination_id": write_id(self.destination_id),
            "trigger_id": write_id(self.trigger_id),
            "run_id": render_id(self.run_id),
            "status": self.status,
        }


def accept_delivery(arrival: Arrival) -> Receipt:
    """Commit what the delivery makes, trying again as often as its destination says.

    Raises:
        DatabaseAway: the database did not take it.
        InputRefused: the action refuses the merged input; nothing was written.
        FireLimited: the trigger's limit is reached; nothing was written.
        TargetChanged: the destination is not as it was read; nothing was written.
    """
    return run_with_retries(partial(_commit, arrival), attempts=arrival.knock.target.retry_attempts)


def ignore_delivery(knock: Knock, *, event_type: str | None) -> Receipt:
    """Put on the ledger what is genuine, but of no interest to the destination.

    Raises:
        TargetChanged: the destination is not as it was read; nothing was written.
    """
    with hold_target(knock.target):
        entry = Entry(
            status=IGNORED,
            http_status=_OK,
            cause="event_type_not_accepted",
            payload_event_type=event_type,
        )
        write_entry(knock, entry)
    return replace(_build_receipt(knock, IGNORED), event_id=None)


def _commit(arrival: Arrival, attempt: int) -> Receipt:
    """One attempt. A commit whose answer was lost is found by its ids and never made again."""
    try:
        receipt = _settle_at_once(arrival) if attempt == 1 else None
        if receipt is not None:
            return receipt
        with transaction.atomic():
            earlier = _find_earlier(arrival.knock) if attempt > 1 else None
            return earlier or _settle(arrival)
    except IntegrityError:
        # An earlier commit was still on its way when this attempt looked for it.
        earlier = _find_earlier(arrival.knock)
        if earlier is None:
            raise
        return earlier


def _settle_at_once(arrival: Arrival) -> Receipt | None:
    """The usual cases in one round trip, a duplicate in two; None, and nothing written, when this
    is another one.
    """
    knock, key = arrival.knock, arrival.knock.dedupe_key
    if len(knock.dedupe_keys) > 1:
        return None
    try:
        plan = plan_arrival(arrival, now=knock.now)
    except InputRefused:
        # Unless the key is taken: a duplicate is one, whatever the action has become since.
        return None
    if isinstance(plan, FireResult) or not may_fire_at_once(plan):
        return None
    claim = build_claim(knock.target, key, ids=knock.ids, now=knock.now) if key else None
    with hold_target(knock.target, claim=claim) as together:
        receipt = _settle_fired(arrival, write_fire_at_once(plan, now=knock.now))
    if together.is_written:
        return receipt
    if together.holder is None:
        return None
    with hold_target(knock.target):
        return _settle_duplicate(arrival, FirstDelivery(*together.holder))


def _settle(arrival: Arrival) -> Receipt:
    """Any case, in the caller's transaction."""
    knock = arrival.knock
    first = claim_any(knock.target, knock.dedupe_keys, ids=knock.ids, now=knock.now)
    receipt = _settle_fire(arrival) if first is None else _settle_duplicate(arrival, first)
    # Last: what was committed while this waited for a lock is seen, too.
    check_target(knock.target)
    return receipt


def _settle_fire(arrival: Arrival) -> Receipt:
    knock = arrival.knock
    result = fire_arrival(arrival, now=knock.now)
    if result.outcome == FIRED:
        return _settle_fired(arrival, result)
    release_keys(knock.target, knock.dedupe_keys, ids=knock.ids)
    return _settle_filtered(arrival, result)


def _settle_fired(arrival: Arrival, result: FireResult) -> Receipt:
    entry = Entry(
        status=ACCEPTED,
        http_status=_OK,
        payload_event_type=arrival.event_type,
        fire_id=result.fire_id,
        fired_event_id=result.fired_event_id,
        run_id=result.run_id,
        input=result.input,
        transformed=_keep_transformed(arrival),
        notes=tuple(arrival.mapped.notes),
    )
    write_entry(arrival.knock, entry)
    return _build_receipt(
        arrival.knock, FIRED, fired_event_id=result.fired_event_id, run_id=result.run_id
    )


def _settle_filtered(arrival: Arrival, result: FireResult) -> Receipt:
    entry = Entry(
        status=FILTERED,
        http_status=_OK,
        cause=result.outcome,
        payload_event_type=arrival.event_type,
        fire_id=result.fire_id,
        transformed=_keep_transformed(arrival),
        notes=tuple(arrival.mapped.notes),
    )
    write_entry(arrival.knock, entry)
    return _build_receipt(arrival.knock, FILTERED)


def _keep_transformed(arrival: Arrival) -> Any:
    """What the transform made; without one the request says it all."""
    is_transformed = arrival.knock.target.options.output_transform is not None
    return arrival.payload if is_transformed else None


def _settle_duplicate(arrival: Arrival, first: FirstDelivery) -> Receipt:
    knock = arrival.knock
    if first.delivery_id == knock.ids.delivery_id:
        # Our own commit, whose answer was lost: it came through while this attempt waited for it.
        return _build_receipt(
            knock, FIRED, fired_event_id=first.fired_event_id, run_id=first.run_id
        )
    entry = Entry(
        status=DUPLICATE,
        http_status=_OK,
        payload_event_type=arrival.event_type,
        fire_id=first.fire_id,
        fired_event_id=first.fired_event_id,
        run_id=first.run_id,
        duplicate_of=first.delivery_id,
        data={"first_event_id": str(first.event_id)},
    )
    write_entry(knock, entry)
    return _build_receipt(
        knock,
        DUPLICATE,
        event_id=first.event_id,
        fired_event_id=first.fired_event_id,
        run_id=first.run_id,
    )


def _find_earlier(knock: Knock) -> Receipt | None:
    """The receipt of an attempt that had been committed, although it seemed to fail."""
    delivery = Delivery.objects.filter(id=knock.ids.delivery_id).first()
    return None if delivery is None else read_receipt(knock, delivery)


def read_receipt(knock: Knock, delivery: Delivery) -> Receipt:
    """What the delivery's row says was answered."""
    first_event_id = (delivery.event_data or {}).get("first_event_id")
    return _build_receipt(
        knock,
        FIRED if delivery.status == ACCEPTED else delivery.status,
        event_id=None if first_event_id is None else UUID(first_event_id),
        fired_event_id=delivery.fired_event_id,
        run_id=delivery.run_id,
    )


def _build_receipt(
    knock: Knock,
    status: str,
    *,
    event_id: UUID | None = None,
    fired_event_id: UUID | None = None,
    run_id: UUID | None = None,
) -> Receipt:
    return Receipt(
        status=status,
        event_id=event_id or knock.ids.event_id,
        destination_id=knock.target.id,
        trigger_id=knock.target.trigger_id,
        fired_event_id=fired_event_id,
        run_id=run_id,
        response=knock.target.options.response,
    )

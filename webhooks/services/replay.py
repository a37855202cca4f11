"""A delivery of the ledger, fired again: what was genuine as often as asked, what was refused once,
after whatever was wrong has been mended.
"""

import datetime as dt
import time
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from triggers.services import FireResult
from webhooks.models import Delivery
from webhooks.rules.ledger import DUPLICATE, FILTERED, REJECTED
from webhooks.services.acceptance import FIRED
from webhooks.services.arrivals import fire_arrival
from webhooks.services.currency import find_target
from webhooks.services.dedupe import claim_key, release_key
from webhooks.services.ledger import (
    DeliveryIds,
    Knock,
    find_delivery,
    read_request,
)
from webhooks.services.proving import prove_request
from webhooks.services.understanding import Rejection, Unwanted, understand_request
from workspaces.rules.callers import Caller
from workspaces.rules.problems import Conflict, FieldError

# Nobody has verified these yet. The others were genuine when they came, also if their secret has
# been rotated away since.
_UNVERIFIED = frozenset(
    {
        "config_invalid",
        "destination_inactive",
        "internal",
        "rate_limited",
        "secret_expired",
        "signature_mismatch",
        "signature_missing",
        "timestamp_malformed",
        "timestamp_stale",
        "token_mismatch",
    }
)


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

    def as_json(self) -> dict[str, str | None]:
        """The receiver's answer, with the delivery that was replayed."""
        ids = {
            "event_id": self.delivery.event_id,
            "fired_event_id": self.fired_event_id,
            "destination_id": self.delivery.destination_id,
            "trigger_id": self.delivery.trigger_id,
            "run_id": self.run_id,
            "replay_of": self.delivery.id,
        }
        rendered = {name: None if value is None else str(value) for name, value in ids.items()}
        return {**rendered, "status": self.status}


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
    if delivery.cause in _UNVERIFIED:
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
    # A key that no header can hold stands in where the sender gave none.
    key = (knock.dedupe_key or f"\x00replay:{delivery.id}") if _was_refused(delivery) else None
    first = claim_key(knock.target, key, ids=knock.ids, now=now) if key else None
    if first is not None:
        return Replay(
            status=DUPLICATE,
            delivery=delivery,
            fired_event_id=first.fired_event_id,
            run_id=first.run_id,
        )
    result = _fire(knock, caller=caller, now=now)
    if result.outcome == FIRED:
        return Replay(
            status=FIRED,
            delivery=delivery,
            fired_event_id=result.fired_event_id,
            run_id=result.run_id,
        )
    if key:
        release_key(knock.target, key, ids=knock.ids)
    return Replay(status=FILTERED, delivery=delivery)


def _fire(knock: Knock, *, caller: Caller, now: dt.datetime) -> FireResult:
    try:
        arrival = understand_request(knock)
    except Rejection as rejection:
        raise ReplayRefused(rejection.cause, str(rejection.error)) from None
    except Unwanted:
        detail = "The destination ignores this event type."
        raise ReplayRefused("event_type_not_accepted", detail) from None
    return fire_arrival(arrival, now=now, replayed_by=str(caller))


def _was_refused(delivery: Delivery) -> bool:
    return delivery.status == REJECTED

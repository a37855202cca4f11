"""Deliveries that lie behind: signed, verified, deduplicated and kept as the receiver would have.

For demonstrations; only the clock is the caller's.
"""

import datetime as dt
import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from typing import Any

from runs.services import PastStep
from triggers.services import find_trigger, record_webhook
from webhooks.models import Destination
from webhooks.rules.event_types import read_event_type
from webhooks.rules.ledger import ACCEPTED, DUPLICATE, REJECTED
from webhooks.rules.payload import map_fields
from webhooks.rules.received import ReceivedRequest
from webhooks.rules.signature import verify
from webhooks.services.acceptance import UnknownDestination
from webhooks.services.arrivals import Arrival, describe_event
from webhooks.services.currency import find_target
from webhooks.services.dedupe import FirstDelivery, claim_key
from webhooks.services.ledger import DeliveryIds, Entry, Knock, write_entry
from workspaces.rules.json_text import parse_json
from workspaces.services import mint_ids_of

_TOOK_SECONDS = 0.004


def record_delivery(
    destination: Destination,
    *,
    body: bytes,
    key: str,
    secret: str,
    steps: Sequence[PastStep] = (),
    calls: Sequence[PastStep] = (),
    now: dt.datetime,
) -> str:
    """Take a delivery of the past, signed with ``secret``, and tell how its run and call went;
    returns its status.

    Raises:
        UnknownDestination: there is no such destination.
        MalformedJson: the body is none.
        InputRefused: the action refuses the merged input.
    """
    knock = _knock(destination, _sign(body, key=key, secret=secret, now=now), body, now=now)
    config = knock.target.config
    verdict = (
        None if config is None else verify(knock.request, config, knock.target.read_secrets(), now)
    )
    if verdict is None or not verdict.valid:
        cause = "config_invalid" if verdict is None else verdict.cause
        return _keep(knock, Entry(status=REJECTED, http_status=401, cause=cause))
    payload = parse_json(body)
    arrival = Arrival(
        knock=knock,
        payload=payload,
        event_type=read_event_type(payload),
        mapped=map_fields(payload, knock.target.field_mapping),
    )
    first = claim_key(knock.target, key, ids=knock.ids, now=now)
    entry = (
        _fire(arrival, steps=steps, calls=calls)
        if first is None
        else _describe_duplicate(arrival, first)
    )
    return _keep(knock, entry)


def _knock(
    destination: Destination, headers: Mapping[str, str], body: bytes, *, now: dt.datetime
) -> Knock:
    target = find_target(str(destination.pk), workspace_id=None)
    if target is None:
        raise UnknownDestination
    request = ReceivedRequest(
        method="POST",
        path=f"/v1/{destination.workspace_id}/hooks/{destination.pk}",
        headers=headers,
        body=body,
        size=len(body),
    )
    with mint_ids_of(now):
        ids = DeliveryIds()
    return Knock(
        request=request,
        target=target,
        now=now,
        started=time.perf_counter() - _TOOK_SECONDS,
        ids=ids,
    )


def _fire(arrival: Arrival, *, steps: Sequence[PastStep], calls: Sequence[PastStep]) -> Entry:
    knock, ids = arrival.knock, arrival.knock.ids
    target = knock.target
    trigger = find_trigger(workspace_id=target.workspace_id, trigger_id=target.trigger_id)
    given: dict[str, Any] = record_webhook(
        trigger,
        destination_id=target.id,
        delivery_id=ids.delivery_id,
        payload=arrival.payload,
        event=describe_event(arrival),
        mapped=arrival.mapped.values,
        fire_id=ids.fire_id,
        run_id=ids.run_id,
        fired_event_id=ids.fired_event_id,
        steps=steps,
        calls=calls,
        now=knock.now,
    )
    return Entry(
        status=ACCEPTED,
        http_status=200,
        payload_event_type=arrival.event_type,
        fire_id=ids.fire_id,
        fired_event_id=ids.fired_event_id,
        run_id=ids.run_id,
        input=given,
        notes=tuple(arrival.mapped.notes),
    )


def _describe_duplicate(arrival: Arrival, first: FirstDelivery) -> Entry:
    return Entry(
        status=DUPLICATE,
        http_status=200,
        payload_event_type=arrival.event_type,
        fire_id=first.fire_id,
        fired_event_id=first.fired_event_id,
        run_id=first.run_id,
        duplicate_of=first.delivery_id,
        data={"first_event_id": str(first.event_id)},
    )


def _keep(knock: Knock, entry: Entry) -> str:
    write_entry(knock, entry)
    return entry.status


def _sign(body: bytes, *, key: str, secret: str, now: dt.datetime) -> dict[str, str]:
    """The headers of the native scheme."""
    timestamp = str(round(now.timestamp() * 1000))
    signed = f"v1:{timestamp}:".encode() + body
    return {
        "content-type": "application/json",
        "user-agent": "Example-CRM/2.4",
        "x-amigo-idempotent-key": key,
        "x-amigo-request-timestamp": timestamp,
        "x-amigo-request-signature": hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest(),
    }

"""The ledger of deliveries: every request that reached a destination, with its event."""

import datetime as dt
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError
from django.db.models import QuerySet

from events.rules.event import WEBHOOK, NewEvent
from events.rules.ids import lowest_id, read_id_time
from events.services import PartitionMissing, append_event, is_partition_missing
from webhooks.models import Delivery, Destination
from webhooks.rules.bodies import JSON, parse_request
from webhooks.rules.ledger import ACCEPTED, DUPLICATE, FILTERED, REJECTED
from webhooks.rules.received import ReceivedRequest
from webhooks.rules.redaction import make_storable, redact_headers, redact_mapped, redact_payload
from webhooks.rules.sealed import open_request, seal_request
from webhooks.services.delivery_keys import list_delivery_keys
from webhooks.services.destinations import read_body_options
from webhooks.services.targets import Target
from workspaces.rules.ids import render_id, write_id
from workspaces.rules.json_text import MalformedJson
from workspaces.rules.problems import NotFound
from workspaces.services import decrypt_secret, encrypt_secret, insert_row, new_id

_EVENT_TYPES = {
    ACCEPTED: "webhook.received",
    DUPLICATE: "webhook.duplicate",
    FILTERED: "webhook.filtered",
    REJECTED: "webhook.rejected",
}
# Refused requests are kept whole or not at all: half of one cannot be verified again. So many per
# destination and hour, none larger than this; the others are only counted.
REJECTED_BODY_LIMIT = 256 * 1024
MAX_REJECTED_KEPT = 100
_KEPT_WINDOW = dt.timedelta(hours=1)
MAX_KEY_LENGTH = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryIds:
    """Minted once, before the first attempt: one that finds them in the database had succeeded."""

    delivery_id: UUID = field(default_factory=new_id)
    event_id: UUID = field(default_factory=new_id)
    fire_id: UUID = field(default_factory=new_id)
    run_id: UUID = field(default_factory=new_id)
    fired_event_id: UUID = field(default_factory=new_id)


@dataclass(frozen=True, kw_only=True)
class Knock:
    """One request at one destination. ``started`` is the monotonic clock at the door."""

    request: ReceivedRequest
    target: Target
    now: dt.datetime
    started: float
    ids: DeliveryIds = field(default_factory=DeliveryIds)

    @cached_property
    def dedupe_key(self) -> str | None:
        """The first of its keys, the sender's own name for it; None when nothing names it."""
        return next(iter(self.dedupe_keys), None)

    @cached_property
    def dedupe_keys(self) -> tuple[str, ...]:
        """Each of them alone makes the delivery a duplicate."""
        return list_delivery_keys(self.target, self.request)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What came of a knock, for the ledger. ``data`` are further members of its event."""

    status: str
    http_status: int
    cause: str | None = None
    payload_event_type: str | None = None
    fire_id: UUID | None = None
    fired_event_id: UUID | None = None
    run_id: UUID | None = None
    duplicate_of: UUID | None = None
    input: dict[str, Any] | None = None
    transformed: Any = None
    notes: tuple[str, ...] = ()
    # What came of each element of a batch.
    elements: list[dict[str, Any]] | None = None
    data: dict[str, Any] = field(default_factory=dict)


def write_entry(knock: Knock, entry: Entry) -> None:
    """Insert the delivery and its event (what was ignored has none), in the caller's transaction,
    or with what is written together, at whose end the same errors come.

    Raises:
        PartitionMissing: there is no partition for today; the transaction is spoilt.
        IntegrityError: the delivery is on the ledger already.
    """
    data = _build_event_data(knock, entry)
    try:
        insert_row(Delivery, _build_delivery(knock, entry, data))
    except IntegrityError as error:
        if is_partition_missing(error):
            raise refuse_day() from error
        raise
    event_type = _EVENT_TYPES.get(entry.status)
    if event_type is None:
        return
    append_event(
        NewEvent(
            id=knock.ids.event_id,
            workspace_id=knock.target.workspace_id,
            event_type=event_type,
            source=WEBHOOK,
            entity_type="delivery",
            entity_id=knock.ids.delivery_id,
            trigger_id=knock.target.trigger_id,
            destination_id=knock.target.id,
            delivery_id=knock.ids.delivery_id,
            data=data,
            effective_at=knock.now,
        )
    )


def refuse_day() -> PartitionMissing:
    """The error of a row that has no partition to go to."""
    detail = "The ledger of deliveries has no partition for this day."
    return PartitionMissing(detail, retry_after_seconds=1)


def list_deliveries(
    *,
    workspace_id: UUID,
    destination_id: UUID | None = None,
    statuses: list[str] | None = None,
    cause: str | None = None,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> QuerySet[Delivery]:
    """Deliveries to a destination (None: to all), without bodies; ``since`` is included, ``until``
    not.
    """
    deliveries = Delivery.objects.filter(workspace_id=workspace_id).defer("body", "elements")
    if destination_id is not None:
        deliveries = deliveries.filter(destination_id=destination_id)
    if statuses:
        deliveries = deliveries.filter(status__in=statuses)
    if cause is not None:
        deliveries = deliveries.filter(cause=cause)
    # Time is read as a range of ids: so only the partitions of that time are read.
    if since is not None:
        deliveries = deliveries.filter(id__gte=lowest_id(since))
    if until is not None:
        deliveries = deliveries.filter(id__lt=lowest_id(until))
    return deliveries


def find_delivery(*, workspace_id: UUID, delivery_id: UUID) -> Delivery:
    """One delivery, with its body.

    Raises:
        NotFound: no such delivery in this workspace.
    """
    delivery = Delivery.objects.filter(workspace_id=workspace_id, id=delivery_id).first()
    if delivery is None:
        raise NotFound("There is no such delivery.")
    return delivery


def read_payload(delivery: Delivery) -> Any:
    """The body as its destination reads it, without what is redacted, else as text; None when none
    was kept. Where there is something to redact, what cannot be read is not shown.

    Raises:
        SecretUnreadable: the keys that encrypted it are no longer configured.
    """
    request = read_request(delivery)
    if request is None:
        return None
    redacted, body_format = _find_reading(delivery)
    try:
        return redact_payload(parse_request(request, body_format), redacted)
    except MalformedJson:
        return None if redacted else request.body.decode("utf-8", "replace")


def read_request(delivery: Delivery) -> ReceivedRequest | None:
    """The request as it came, with all of its headers; None when it was not kept.

    Raises:
        SecretUnreadable: the keys that encrypted it are no longer configured.
    """
    if delivery.body is None:
        return None
    return open_request(decrypt_secret(delivery.body), public_url=settings.CLOCKHOOK_PUBLIC_URL)


def _find_reading(delivery: Delivery) -> tuple[list[str], str]:
    """What was to be redacted when it came, and what is by now; and how its body is written."""
    destination = Destination.objects.filter(id=delivery.destination_id).first()
    if destination is None:
        return delivery.redact, JSON
    redacted = [*delivery.redact, *destination.redact]
    return redacted, read_body_options(destination).body_format


def _build_event_data(knock: Knock, entry: Entry) -> dict[str, Any]:
    named = {
        "fire_id": entry.fire_id,
        "fired_event_id": entry.fired_event_id,
        "run_id": entry.run_id,
        "duplicate_of": entry.duplicate_of,
    }
    return {
        "destination_id": write_id(knock.target.id),
        "trigger_id": write_id(knock.target.trigger_id),
        "delivery_id": write_id(knock.ids.delivery_id),
        "event_type": entry.payload_event_type,
        "cause": entry.cause,
        **{name: render_id(value) for name, value in named.items()},
        **entry.data,
    }


def _build_delivery(knock: Knock, entry: Entry, data: dict[str, Any]) -> dict[str, Any]:
    ids, request, key = knock.ids, knock.request, knock.dedupe_key
    options = knock.target.options
    return {
        "id": ids.delivery_id,
        "workspace_id": knock.target.workspace_id,
        "destination_id": knock.target.id,
        "trigger_id": knock.target.trigger_id,
        "status": entry.status,
        "cause": entry.cause,
        "http_status": entry.http_status,
        "event_id": ids.event_id if entry.status in _EVENT_TYPES else None,
        "event_type": _EVENT_TYPES.get(entry.status),
        "event_data": data if entry.status in _EVENT_TYPES else None,
        "payload_event_type": entry.payload_event_type,
        "fire_id": entry.fire_id,
        "fired_event_id": entry.fired_event_id,
        "run_id": entry.run_id,
        "duplicate_of": entry.duplicate_of,
        "dedupe_key": None if key is None else make_storable(key[:MAX_KEY_LENGTH]),
        "headers": redact_headers(request.headers),
        "body": _keep_request(knock, is_rejected=entry.status == REJECTED),
        "body_size": request.size,
        "transformed": redact_payload(entry.transformed, options.redact),
        "input": _redact_input(knock.target, entry.input),
        "redact": options.redact,
        "notes": list(entry.notes),
        "elements": entry.elements,
        "duration_ms": round((time.perf_counter() - knock.started) * 1000, 3),
        "created_at": read_id_time(ids.delivery_id),
    }


def _redact_input(target: Target, values: dict[str, Any] | None) -> dict[str, Any] | None:
    if values is None or not target.options.redact:
        return values
    return redact_mapped(values, target.field_mapping, target.options.redact)


def _keep_request(knock: Knock, *, is_rejected: bool) -> bytes | None:
    request = knock.request
    if request.is_oversized:
        return None
    if is_rejected and (request.size > REJECTED_BODY_LIMIT or _has_kept_enough(knock)):
        return None
    return encrypt_secret(seal_request(request))


def _has_kept_enough(knock: Knock) -> bool:
    """Who sends rubbish does not fill the disk with it."""
    kept = Delivery.objects.filter(
        destination_id=knock.target.id,
        id__gte=lowest_id(knock.now - _KEPT_WINDOW),
        status=REJECTED,
        body__isnull=False,
    )
    return len(kept.values_list("id")[:MAX_REJECTED_KEPT]) == MAX_REJECTED_KEPT

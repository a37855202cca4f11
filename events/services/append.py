"""Writing events: the only way into the ledger."""

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from psycopg.errors import CheckViolation

from events.models import Event
from events.rules.event import NewEvent
from events.rules.globs import is_event_type, is_system_type
from events.rules.ids import read_id_time
from workspaces.rules.problems import ServiceUnavailable, refuse_field
from workspaces.services import insert_all, new_id

MAX_DATA_BYTES = 256 * 1024


class PartitionMissing(ServiceUnavailable):
    """A row's day has no partition: nothing was written. ``create_partitions`` mends it."""


def append_events(events: Sequence[NewEvent]) -> None:
    """Append all of them, or none, in one statement.

    Raises:
        PartitionMissing: an id lies on a day without a partition; the transaction is spoilt.
        IntegrityError: an id is taken.
    """
    try:
        insert_all(Event, [_list_values(event) for event in events])
    except IntegrityError as error:
        if is_partition_missing(error):
            raise PartitionMissing(
                "The ledger has no partition for this day.", retry_after_seconds=1
            ) from error
        raise


def append_event(event: NewEvent) -> UUID:
    """Append one event; returns its id. Raises as `append_events`."""
    append_events([event])
    return event.id


def publish_event(
    *, workspace_id: UUID, event_type: str, source: str, data: dict[str, Any], now: dt.datetime
) -> Event:
    """Append an event of a workspace's own, which begins a chain.

    Raises:
        Unprocessable: not an event type, or one that only the product writes; too much data.
    """
    _check_publishable(event_type, data)
    event = NewEvent(
        id=new_id(),
        workspace_id=workspace_id,
        event_type=event_type,
        source=source,
        entity_type="workspace",
        entity_id=workspace_id,
        data=data,
        effective_at=now,
    )
    append_event(event)
    return Event(**_list_values(event))


def is_partition_missing(error: IntegrityError) -> bool:
    """Tell "no partition for this row" from a broken constraint: Django has one error for both.

    Postgres names the constraint that a row breaks, and none when its partition is missing.
    """
    cause = error.__cause__
    return isinstance(cause, CheckViolation) and cause.diag.constraint_name is None


def _check_publishable(event_type: str, data: dict[str, Any]) -> None:
    if not is_event_type(event_type):
        raise refuse_field(
            "/event_type", code="invalid", detail="1-128 letters, digits or any of . _ - : /"
        )
    if is_system_type(event_type):
        raise refuse_field(
            "/event_type",
            code="reserved",
            detail="Types that begin with trigger., outbound. or webhook. are the product's own.",
        )
    if len(json.dumps(data, ensure_ascii=False).encode()) > MAX_DATA_BYTES:
        raise refuse_field("/data", code="too_large", detail="The data exceeds 256 KiB as JSON.")


def _list_values(event: NewEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "workspace_id": event.workspace_id,
        "event_type": event.event_type,
        "source": event.source,
        "entity_type": event.entity_type,
        "entity_id": event.entity_id,
        "chain_id": event.chain_id or event.id,
        "parent_id": event.parent_id,
        "run_id": event.run_id,
        "trigger_id": event.trigger_id,
        "destination_id": event.destination_id,
        "delivery_id": event.delivery_id,
        "data": event.data,
        "effective_at": event.effective_at,
        "created_at": read_id_time(event.id),
    }

"""Events as the API shows them."""

import datetime as dt
from typing import Any, Protocol
from uuid import UUID

from workspaces.rules.ids import render_id
from workspaces.rules.times import render_time


class StoredEvent(Protocol):
    """An event as it was read from the ledger."""

    id: UUID
    event_type: str
    source: str
    entity_type: str
    entity_id: UUID | None
    chain_id: UUID
    parent_id: UUID | None
    run_id: UUID | None
    trigger_id: UUID | None
    destination_id: UUID | None
    delivery_id: UUID | None
    data: Any
    effective_at: dt.datetime
    created_at: dt.datetime


def render_event(event: StoredEvent) -> dict[str, Any]:
    """The whole event."""
    return {
        "event_id": str(event.id),
        "event_type": event.event_type,
        "source": event.source,
        "entity_type": event.entity_type,
        "entity_id": render_id(event.entity_id),
        "chain_id": str(event.chain_id),
        "parent_id": render_id(event.parent_id),
        "run_id": render_id(event.run_id),
        "trigger_id": render_id(event.trigger_id),
        "destination_id": render_id(event.destination_id),
        "delivery_id": render_id(event.delivery_id),
        "data": event.data,
        **_render_times(event.effective_at, event.created_at),
    }


def render_history_event(event: StoredEvent) -> dict[str, Any]:
    """The short form, for a trigger's history."""
    return {
        "event_id": str(event.id),
        "event_type": event.event_type,
        "data": event.data,
        **_render_times(event.effective_at, event.created_at),
        "run_id": render_id(event.run_id),
        "chain_id": str(event.chain_id),
        "source": event.source,
    }


def _render_times(effective_at: dt.datetime, created_at: dt.datetime) -> dict[str, str | None]:
    return {"effective_at": render_time(effective_at), "created_at": render_time(created_at)}

"""Destinations and deliveries as the API shows them."""

from typing import Any, Protocol

from webhooks.rules.body_options import BodyOptions
from webhooks.rules.component_document import show_authentication
from workspaces.rules.ids import render_id
from workspaces.rules.times import render_time


class StoredDestination(Protocol):
    """A destination as it was read from the database."""

    id: Any
    workspace_id: Any
    trigger_id: Any
    name: Any
    description: Any
    external_key: Any
    is_active: Any
    accepted_event_types: Any
    field_mapping: Any
    retry_attempts: Any
    verification: Any
    input_schema: Any
    output_transform: Any
    dedupe: Any
    response: Any
    redact: Any
    rate_limit_per_minute: Any
    source: Any
    created_by: Any
    created_at: Any
    updated_at: Any


class StoredDelivery(Protocol):
    """A delivery as it was read from the ledger."""

    id: Any
    destination_id: Any
    trigger_id: Any
    status: Any
    cause: Any
    http_status: Any
    event_id: Any
    event_type: Any
    event_data: Any
    payload_event_type: Any
    fire_id: Any
    fired_event_id: Any
    run_id: Any
    duplicate_of: Any
    dedupe_key: Any
    headers: Any
    body_size: Any
    notes: Any
    duration_ms: Any
    created_at: Any


def render_destination(
    destination: StoredDestination,
    *,
    options: BodyOptions,
    public_url: str,
    secret_hint: str | None,
) -> dict[str, Any]:
    """The whole destination, with the options that are in force; of its secret only the last four
    characters.
    """
    path = f"/v1/{destination.workspace_id}/hooks/{destination.id}"
    return {
        "id": str(destination.id),
        "workspace_id": str(destination.workspace_id),
        "name": destination.name,
        "description": destination.description,
        "external_key": destination.external_key,
        "trigger_id": str(destination.trigger_id),
        "is_active": destination.is_active,
        "url": public_url + path,
        "accepted_event_types": destination.accepted_event_types,
        "field_mapping": destination.field_mapping,
        "retry_attempts": destination.retry_attempts,
        "verification": show_authentication(destination.verification),
        "input_schema": destination.input_schema,
        "output_transform": destination.output_transform,
        "dedupe": destination.dedupe,
        "response": destination.response,
        "redact": destination.redact,
        **options.as_json(),
        "rate_limit_per_minute": destination.rate_limit_per_minute,
        "secret_present": secret_hint is not None,
        "secret_hint": secret_hint,
        "source": destination.source,
        "created_by": destination.created_by,
        "created_at": render_time(destination.created_at),
        "updated_at": render_time(destination.updated_at),
    }


def render_delivery(delivery: StoredDelivery) -> dict[str, Any]:
    """A delivery with its event, without its body."""
    received_at = render_time(delivery.created_at)
    return {
        "delivery_id": str(delivery.id),
        "destination_id": str(delivery.destination_id),
        "trigger_id": str(delivery.trigger_id),
        "status": delivery.status,
        "cause": delivery.cause,
        "http_status": delivery.http_status,
        "event_id": render_id(delivery.event_id),
        "event_type": delivery.event_type,
        "data": delivery.event_data,
        "effective_at": received_at,
        "created_at": received_at,
        "payload_event_type": delivery.payload_event_type,
        "fire_id": render_id(delivery.fire_id),
        "fired_event_id": render_id(delivery.fired_event_id),
        "run_id": render_id(delivery.run_id),
        "duplicate_of": render_id(delivery.duplicate_of),
        "dedupe_key": delivery.dedupe_key,
        "headers": delivery.headers,
        "body_size": delivery.body_size,
        "duration_ms": delivery.duration_ms,
        "notes": delivery.notes,
    }

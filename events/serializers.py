"""Shapes of events: what the API shows, and what it takes."""

# Two fields bear names that DRF's stubs know as attributes; its metaclass keeps the two apart.
from typing import Any

from rest_framework import serializers

from workspaces.rest.fields import ObjectField, TextField
from workspaces.rest.serializers import StrictSerializer


class EventSerializer(serializers.Serializer[Any]):
    """An event as the API shows it (for the schema; `events.rules.render` writes it)."""

    event_id = serializers.UUIDField()
    event_type = serializers.CharField()
    source = serializers.CharField(  # type: ignore[assignment]
        help_text="AUTOMATION, WEBHOOK, API or OPERATOR."
    )
    entity_type = serializers.CharField()
    entity_id = serializers.UUIDField(allow_null=True)
    chain_id = serializers.UUIDField(help_text="The id of the chain's first event.")
    parent_id = serializers.UUIDField(allow_null=True, help_text="The event that led to this one.")
    run_id = serializers.UUIDField(allow_null=True)
    trigger_id = serializers.UUIDField(allow_null=True)
    destination_id = serializers.UUIDField(allow_null=True)
    delivery_id = serializers.UUIDField(allow_null=True)
    data = ObjectField()  # type: ignore[assignment]
    effective_at = serializers.DateTimeField(help_text="When it happened.")
    created_at = serializers.DateTimeField(help_text="When it was written: the time in its id.")


class PublishedEventSerializer(StrictSerializer):
    """What a caller publishes."""

    event_type = TextField(
        max_length=128,
        help_text="1-128 letters, digits or any of `. _ - : /`;"
        " not below `trigger.`, `outbound.` or `webhook.`, which are the product's own.",
    )
    data = ObjectField(  # type: ignore[assignment]
        required=False, help_text="At most 256 KiB as JSON."
    )

    class Meta:
        read_only_names = (
            "event_id",
            "source",
            "entity_type",
            "entity_id",
            "chain_id",
            "parent_id",
            "run_id",
            "trigger_id",
            "destination_id",
            "delivery_id",
            "effective_at",
            "created_at",
        )

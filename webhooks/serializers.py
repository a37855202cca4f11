"""Shapes of destinations and deliveries: what the API shows, and what it takes."""

from typing import Any

from rest_framework import serializers

from workspaces.rest.fields import FlagField, ObjectField, TextField, WholeNumberField
from workspaces.rest.serializers import StrictSerializer

MAX_EVENT_TYPES = 50
MAX_OVERLAP_SECONDS = 604_800
DEFAULT_OVERLAP_SECONDS = 1800
_READ_ONLY_NAMES = (
    "id",
    "workspace_id",
    "url",
    "secret_present",
    "secret_hint",
    "source",
    "created_by",
    "created_at",
    "updated_at",
)


class DestinationBodySerializer(StrictSerializer):
    """What a caller sets. The meaning of it is the service's to check."""

    name = TextField(max_length=256)
    description = TextField(max_length=2000, allow_null=True, allow_blank=True, required=False)
    external_key = TextField(
        max_length=128,
        allow_null=True,
        required=False,
        help_text="Unique in the workspace; its name in configuration.",
    )
    trigger_id = serializers.UUIDField(help_text="What a delivery fires. Never changes.")
    is_active = FlagField(required=False, help_text="An inactive destination answers 404.")
    accepted_event_types = serializers.ListField(
        child=TextField(max_length=128),
        max_length=MAX_EVENT_TYPES,
        allow_null=True,
        required=False,
        help_text="Event types, `*` stands for any text; null accepts everything.",
    )
    field_mapping = ObjectField(
        child=TextField(max_length=512),
        allow_null=True,
        required=False,
        help_text="Path in the run's input → path in the payload.",
    )
    retry_attempts = WholeNumberField(
        min_value=1,
        max_value=5,
        required=False,
        help_text="How often storing a delivery is tried while the database fails.",
    )
    verification = ObjectField(
        required=False,
        help_text="`{preset}`, the name of a sender, and whatever differs from it; the preset is"
        " `clockhook` where nothing else is said.",
    )
    secret = TextField(
        required=False,
        write_only=True,
        help_text="The sender's own secret, key or user:password; without it one is made.",
    )

    class Meta:
        read_only_names = _READ_ONLY_NAMES


class DestinationSerializer(serializers.Serializer[Any]):
    """A destination as the API shows it (for the schema; `webhooks.rules.render` writes it)."""

    id = serializers.UUIDField()
    workspace_id = serializers.UUIDField()
    name = serializers.CharField()
    description = serializers.CharField(allow_null=True)
    external_key = serializers.CharField(allow_null=True)
    trigger_id = serializers.UUIDField()
    is_active = serializers.BooleanField()
    url = serializers.URLField(help_text="Where the sender posts to.")
    accepted_event_types = serializers.ListField(child=serializers.CharField(), allow_null=True)
    field_mapping = serializers.DictField(child=serializers.CharField(), allow_null=True)
    retry_attempts = serializers.IntegerField()
    verification = serializers.DictField()
    secret_present = serializers.BooleanField()
    secret_hint = serializers.CharField(allow_null=True, help_text="Its last four characters.")
    source = serializers.CharField(  # type: ignore[assignment]  # the API's word, and DRF's
        help_text="`dynamic`, or `config`."
    )
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class NewDestinationSerializer(DestinationSerializer):
    """The answer to its creation, which alone holds the secret."""

    secret = serializers.CharField()


class RotationBodySerializer(StrictSerializer):
    """How to rotate; everything may be left out."""

    overlap_seconds = WholeNumberField(
        min_value=0,
        max_value=MAX_OVERLAP_SECONDS,
        default=DEFAULT_OVERLAP_SECONDS,
        help_text="How long the old secret stays valid; 0 ends it at once.",
    )
    secret = TextField(required=False, allow_null=True, default=None)


class RotationSerializer(serializers.Serializer[Any]):
    """The new secret, shown once."""

    secret = serializers.CharField()
    rotation_expires_at = serializers.DateTimeField(help_text="When the old secret ends.")


class DeliverySerializer(serializers.Serializer[Any]):
    """One request that reached a destination, with its event."""

    delivery_id = serializers.UUIDField()
    destination_id = serializers.UUIDField()
    trigger_id = serializers.UUIDField()
    status = serializers.CharField(
        help_text="accepted, duplicate, filtered, ignored, rejected or challenge."
    )
    cause = serializers.CharField(allow_null=True, help_text="Why it was filtered or rejected.")
    http_status = serializers.IntegerField()
    event_id = serializers.UUIDField(allow_null=True)
    event_type = serializers.CharField(allow_null=True)
    data = serializers.DictField(allow_null=True)  # type: ignore[assignment]  # likewise
    effective_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    payload_event_type = serializers.CharField(allow_null=True)
    fire_id = serializers.UUIDField(allow_null=True)
    fired_event_id = serializers.UUIDField(allow_null=True)
    run_id = serializers.UUIDField(allow_null=True)
    duplicate_of = serializers.UUIDField(allow_null=True, help_text="The first delivery's id.")
    dedupe_key = serializers.CharField(allow_null=True)
    headers = serializers.DictField(child=serializers.CharField())
    body_size = serializers.IntegerField()
    duration_ms = serializers.FloatField()
    notes = serializers.ListField(child=serializers.CharField())


class DeliveryDetailSerializer(DeliverySerializer):
    """A delivery with what it brought and what it became."""

    request_payload = serializers.JSONField(
        allow_null=True, help_text="JSON where the body was, else text; cut off where rejected."
    )
    transformed_payload = serializers.JSONField(allow_null=True)
    input = serializers.DictField(allow_null=True)

"""Shapes of destinations and deliveries: what the API shows, and what it takes."""

import base64
import json
from collections.abc import Callable
from typing import Any

from rest_framework import serializers

from webhooks.serializers.deliveries import (
    DeliveryDetailSerializer,
    DeliverySerializer,
    ReplaySerializer,
)
from webhooks.serializers.trials import TrialSerializer
from workspaces.rest.fields import (
    FlagField,
    InstantField,
    ObjectField,
    TextField,
    WholeNumberField,
)
from workspaces.rest.serializers import StrictSerializer

__all__ = [
    "DeliveryDetailSerializer",
    "DeliverySerializer",
    "DestinationBodySerializer",
    "DestinationSerializer",
    "NewDestinationSerializer",
    "ProviderSerializer",
    "ReplaySerializer",
    "RotationBodySerializer",
    "RotationSerializer",
    "TrialBodySerializer",
    "TrialSerializer",
]

MAX_BODY_LENGTH = 1024 * 1024
MAX_EVENT_TYPES = 50
MAX_OVERLAP_SECONDS = 604_800
DEFAULT_OVERLAP_SECONDS = 1800
_PRESETS_OWN = "Null: the preset's own."
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
    input_schema = ObjectField(
        allow_null=True,
        required=False,
        help_text="JSON Schema (2020-12, no remote references) of the raw payload.",
    )
    output_transform = ObjectField(
        allow_null=True,
        required=False,
        help_text="`{jmespath}` or `{object_transformation: {name: jmespath}}`.",
    )
    dedupe = ObjectField(
        allow_null=True,
        required=False,
        help_text="`{key: header:<name> | body:<path> | digest | null, window_hours?}`;"
        " null: the preset's own.",
    )
    response = ObjectField(
        allow_null=True,
        required=False,
        help_text="`{status, content_type, body}`: a fixed answer to what was taken.",
    )
    redact = serializers.ListField(
        child=TextField(max_length=512),
        max_length=50,
        required=False,
        help_text="Paths of the payload that no log, answer or page shows.",
    )
    on_unaccepted_event = serializers.ChoiceField(
        choices=["reject", "ignore"], allow_null=True, required=False, help_text=_PRESETS_OWN
    )
    event_type_paths = serializers.ListField(
        child=TextField(max_length=256),
        allow_null=True,
        required=False,
        help_text="Where an event says what it is, first found first: `event.type`,"
        f" `{{type}}.{{action}}`, `header:<name>`. {_PRESETS_OWN}",
    )
    allow_unsigned_event_header = FlagField(
        allow_null=True,
        required=False,
        help_text="Types may be read from headers that nobody signs; equal bodies are then"
        f" duplicates. {_PRESETS_OWN}",
    )
    body_format = TextField(
        max_length=80,
        allow_null=True,
        required=False,
        help_text=f"`json`, `form`, `form_json:<field>` or `text_json`. {_PRESETS_OWN}",
    )
    batch = FlagField(
        allow_null=True,
        required=False,
        help_text="Each element of a list is an event of its own; all are taken, or none."
        f" {_PRESETS_OWN}",
    )
    rate_limit_per_minute = WholeNumberField(
        min_value=0, max_value=1_000_000, required=False, help_text="0: no limit."
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
    input_schema = serializers.DictField(allow_null=True)
    output_transform = serializers.DictField(allow_null=True)
    dedupe = serializers.DictField(allow_null=True)
    response = serializers.DictField(allow_null=True)
    redact = serializers.ListField(child=serializers.CharField())
    on_unaccepted_event = serializers.ChoiceField(choices=["reject", "ignore"])
    event_type_paths = serializers.ListField(child=serializers.CharField())
    allow_unsigned_event_header = serializers.BooleanField()
    body_format = serializers.CharField()
    batch = serializers.BooleanField()
    rate_limit_per_minute = serializers.IntegerField()
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
    warnings = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="What to know of the secret, such as that it is short; mostly absent.",
    )


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
    warnings = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="What to know of the secret, such as that it is short; mostly absent.",
    )


class TrialBodySerializer(StrictSerializer):
    """A request to try: its body as JSON (``payload``), as text or in base64; at most one."""

    payload = serializers.JSONField(required=False)
    body = TextField(max_length=MAX_BODY_LENGTH, allow_blank=True, required=False)
    body_base64 = TextField(max_length=2 * MAX_BODY_LENGTH, required=False)
    method = TextField(max_length=16, required=False, default="POST")
    query = TextField(max_length=4096, allow_blank=True, required=False, default="")
    headers = ObjectField(child=TextField(max_length=8192, allow_blank=True), required=False)
    received_at = InstantField(
        required=False,
        allow_null=True,
        default=None,
        help_text="When it was captured, for the age of its signature; now where it is not given.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Read the body's bytes into ``raw``."""
        given = [name for name in ("payload", "body", "body_base64") if name in attrs]
        if len(given) != 1:
            raise serializers.ValidationError({"payload": "Give payload, body or body_base64."})
        try:
            raw = _READ_BODY[given[0]](attrs[given[0]])
        except ValueError:
            raise serializers.ValidationError({given[0]: "This cannot be read."}) from None
        return {**attrs, "raw": raw}


def _decode_base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


_READ_BODY: dict[str, Callable[[Any], bytes]] = {
    "payload": lambda payload: json.dumps(payload).encode(),
    "body": lambda text: str(text).encode(),
    "body_base64": _decode_base64,
}


class ProviderSerializer(serializers.Serializer[Any]):
    """What can fire a trigger (for the schema)."""

    provider_id = serializers.CharField(help_text="`schedule`, `event` or a preset's name.")
    name = serializers.CharField()
    description = serializers.CharField()
    trigger_type = serializers.ChoiceField(("schedule", "event", "webhook"))
    webhook_enabled = serializers.BooleanField()
    config_schema = ObjectField(help_text="JSON Schema of what to set on trigger or destination.")

"""Bodies of actions, in and out. What the fields mean is checked by the services."""

from typing import Any

from rest_framework import serializers

from workspaces.rest.fields import FlagField, NumberField, ObjectField, TextField, WholeNumberField
from workspaces.rest.serializers import StrictSerializer

_READ_ONLY_NAMES = (
    "id",
    "workspace_id",
    "secret_config_present",
    "created_by",
    "created_at",
    "updated_at",
)
_RETRY_HELP = (
    '`{"strategy": "none"|"backoff", "max_retries": 0-20, "base_delay": "2s", '
    '"max_delay": "10m"}`; null takes the kind\'s default.'
)


class ActionBodySerializer(StrictSerializer):
    name = TextField(max_length=256)
    description = TextField(max_length=2000, allow_null=True, allow_blank=True, required=False)
    external_key = TextField(
        max_length=128,
        allow_null=True,
        required=False,
        help_text="Unique per workspace: the action's name in configuration.",
    )
    action_type = TextField(max_length=64, help_text="One of `action-types`; immutable.")
    config = ObjectField(required=False, help_text="As the kind's `config_schema` says; templates.")
    input_schema = ObjectField(
        required=False,
        allow_null=True,
        help_text="JSON Schema 2020-12 for the input of every run, without remote references.",
    )
    retry = ObjectField(required=False, allow_null=True, help_text=_RETRY_HELP)
    timeout_seconds = NumberField(required=False, min_value=0.1, max_value=900)
    max_concurrency = WholeNumberField(
        required=False, allow_null=True, min_value=1, max_value=1_000_000
    )
    enabled = FlagField(required=False)
    secret_config = ObjectField(
        required=False,
        allow_null=True,
        write_only=True,
        help_text="Stored encrypted and never shown; replaced as a whole, null removes it.",
    )

    class Meta:
        read_only_names = _READ_ONLY_NAMES


class ActionSerializer(serializers.Serializer[Any]):
    """The answer's shape, for the OpenAPI document."""

    id = serializers.UUIDField()
    workspace_id = serializers.UUIDField()
    name = serializers.CharField()
    description = serializers.CharField(allow_null=True)
    external_key = serializers.CharField(allow_null=True)
    action_type = serializers.CharField()
    config = serializers.DictField()
    input_schema = serializers.DictField(allow_null=True)
    retry = serializers.DictField(allow_null=True)
    timeout_seconds = serializers.FloatField()
    max_concurrency = serializers.IntegerField(allow_null=True)
    enabled = serializers.BooleanField()
    secret_config_present = serializers.BooleanField()
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class ActionTestBodySerializer(StrictSerializer):
    input = ObjectField(required=False, help_text="The run's input; empty when not given.")
    dry_run = FlagField(
        required=False, help_text="True (the default) shows what would be done and does nothing."
    )


class ActionTestSerializer(serializers.Serializer[Any]):
    """The answer's shape, for the OpenAPI document."""

    dry_run = serializers.BooleanField()
    action_type = serializers.CharField()
    input = serializers.DictField()
    config = serializers.DictField(required=False, help_text="Dry run: the rendered config.")
    plan = serializers.DictField(
        required=False, allow_null=True, help_text="Dry run: what would be done, without secrets."
    )
    outcome = serializers.ChoiceField(("completed", "failed", "delegated"), required=False)
    output = serializers.DictField(required=False, allow_null=True)
    error = serializers.DictField(required=False, allow_null=True)
    duration_ms = serializers.IntegerField(required=False)


class ActionTypeSerializer(serializers.Serializer[Any]):
    """The answer's shape, for the OpenAPI document."""

    action_type = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    queue = serializers.ChoiceField(("instant", "network"))
    config_schema = serializers.DictField()
    input_schema = serializers.DictField()
    default_retry = serializers.DictField()


class ActionTypeListSerializer(serializers.Serializer[Any]):
    """The answer's shape, for the OpenAPI document."""

    items = ActionTypeSerializer(many=True)

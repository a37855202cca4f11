"""Bodies of workspaces and keys, in and out."""

from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers

from workspaces.rest.fields import (
    FlagField,
    InstantField,
    ObjectField,
    TextField,
    WholeNumberField,
)
from workspaces.rest.serializers import StrictSerializer

_is_slug = RegexValidator(
    r"^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\Z", "Use lowercase letters, digits and inner hyphens."
)


class SlugField(TextField):
    """Lowercase letters, digits and inner hyphens."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=64, validators=[_is_slug], **options)


def build_metadata_field() -> ObjectField:
    """An object of strings, for the caller's own use."""
    return ObjectField(child=TextField(max_length=1024, allow_blank=True), required=False)


class WorkspaceBodySerializer(StrictSerializer):
    name = TextField(max_length=256)
    slug = SlugField(required=False)
    plan = TextField(max_length=64, required=False)
    metadata = build_metadata_field()
    archived = FlagField(required=False)

    class Meta:
        read_only_names = ("id", "archived_at", "revision_number", "created_at", "updated_at")


class NewWorkspaceSerializer(StrictSerializer):
    name = TextField(max_length=256)
    slug = SlugField(required=False)
    plan = TextField(max_length=64, required=False)
    metadata = build_metadata_field()


class WorkspaceSerializer(serializers.Serializer[Any]):
    """The answer's shape, for the OpenAPI document."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField()
    plan = serializers.CharField()
    metadata = serializers.DictField(child=serializers.CharField())
    archived = serializers.BooleanField()
    archived_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class NewApiKeySerializer(StrictSerializer):
    name = TextField(max_length=256)
    scopes = serializers.ListField(child=TextField(max_length=64), max_length=32)
    expires_at = InstantField(required=False, allow_null=True)
    rate_limit_per_minute = WholeNumberField(
        required=False, allow_null=True, min_value=1, max_value=10_000_000
    )


class ApiKeySerializer(serializers.Serializer[Any]):
    """The answer's shape, for the OpenAPI document."""

    id = serializers.UUIDField()
    workspace_id = serializers.UUIDField()
    name = serializers.CharField()
    hint = serializers.CharField(help_text="The key's last four characters.")
    scopes = serializers.ListField(child=serializers.CharField())
    rate_limit_per_minute = serializers.IntegerField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()


class MintedApiKeySerializer(ApiKeySerializer):
    key = serializers.CharField(help_text="The key itself: shown in this answer only.")

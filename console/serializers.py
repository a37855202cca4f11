"""Shapes of bulk operations: what the API shows, and what it takes."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from console.rules.operations import KINDS, STATUSES
from runs.rules.states import STATUSES as RUN_STATUSES
from webhooks.rules.ledger import STATUSES as DELIVERY_STATUSES
from workspaces.rest.fields import FlagField, InstantField, TextField
from workspaces.rest.serializers import StrictSerializer


class ChoicesField(serializers.Field[Any, Any, Any, Any]):
    """One text of ``choices``, several separated by commas, or a list of them; a list inside."""

    default_error_messages = {"invalid_choice": "This is one or more of {choices}."}

    def __init__(self, choices: tuple[str, ...], **options: Any) -> None:
        self.choices = choices
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> list[str]:
        texts = data.split(",") if isinstance(data, str) else data
        if not isinstance(texts, list) or not all(text in self.choices for text in texts):
            self.fail("invalid_choice", choices=", ".join(self.choices))
        return list(dict.fromkeys(texts))

    def to_representation(self, value: Any) -> Any:
        return value


class RunFilterSerializer(StrictSerializer):
    """The filters of `GET /runs`."""

    trigger_id = serializers.UUIDField(required=False)
    action_id = serializers.UUIDField(required=False)
    status = ChoicesField(RUN_STATUSES, required=False)
    cause = TextField(max_length=32, required=False)
    chain_id = serializers.UUIDField(required=False)
    since = InstantField(required=False)
    until = InstantField(required=False)


class DeliveryFilterSerializer(StrictSerializer):
    """The filters of a destination's deliveries, and the destination."""

    destination_id = serializers.UUIDField(required=False)
    status = ChoicesField(DELIVERY_STATUSES, required=False)
    cause = TextField(max_length=32, required=False)
    since = InstantField(required=False)
    until = InstantField(required=False)


FILTERS: Mapping[str, type[serializers.Serializer[Any]]] = {
    "replay": DeliveryFilterSerializer,
    "rerun": RunFilterSerializer,
    "cancel": RunFilterSerializer,
}


class OperationBodySerializer(StrictSerializer):
    """What to do to what; the filter's members are those of the kind's own list."""

    kind = serializers.ChoiceField(choices=KINDS)
    filter = serializers.DictField(
        required=False, help_text="The filters of `GET /runs`, or of a destination's deliveries."
    )
    dry_run = FlagField(required=False, default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Read the filter as the kind's own list does."""
        reader = FILTERS[attrs["kind"]](data=attrs.get("filter", {}))
        if not reader.is_valid():
            raise serializers.ValidationError({"filter": reader.errors})
        return {**attrs, "filter": dict(reader.validated_data)}


class CountsSerializer(serializers.Serializer[Any]):
    """Items that the filter found, and what became of them."""

    total = serializers.IntegerField()
    succeeded = serializers.IntegerField(required=False)
    failed = serializers.IntegerField(required=False)


class OperationSerializer(serializers.Serializer[Any]):
    """An operation as the API shows it."""

    id = serializers.UUIDField()
    workspace_id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=KINDS)
    filter = serializers.DictField()
    status = serializers.ChoiceField(choices=STATUSES)
    progress = serializers.FloatField(help_text="0 to 1.")
    counts = CountsSerializer()
    failures = serializers.ListField(
        child=serializers.DictField(), help_text="The first twenty that were refused."
    )
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)

"""Bodies and answers of backfills."""

from typing import Any

from rest_framework import serializers

from triggers.rules.backfills import DEFAULT_MAX_ACTIVE, MAX_ACTIVE, MODES, ORDERS, STATUSES
from workspaces.rest.fields import FlagField, InstantField, WholeNumberField
from workspaces.rest.serializers import StrictSerializer


class BackfillBodySerializer(StrictSerializer):
    to = InstantField(help_text="Before this; not in the future.")
    mode = serializers.ChoiceField(
        MODES,
        required=False,
        help_text="`only_missed`, the default, leaves out slots that the ledger has as fired.",
    )
    dry_run = FlagField(required=False, help_text="True: show the counts, store nothing.")
    max_active = WholeNumberField(
        required=False,
        min_value=1,
        max_value=MAX_ACTIVE,
        help_text=f"How many of its runs may be live at once; {DEFAULT_MAX_ACTIVE} by default.",
    )
    order = serializers.ChoiceField(
        ORDERS, required=False, help_text="Which slots start first; `oldest` by default."
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # A word of Python's own cannot be an attribute.
        return {"from": InstantField(help_text="From this on."), **super().get_fields()}


class BackfillCountsSerializer(serializers.Serializer[Any]):
    slots = serializers.IntegerField(help_text="Of the range: the sum of all that follow.")
    skipped = serializers.IntegerField(help_text="The ledger has them as fired.")
    pending = serializers.IntegerField(help_text="Not started yet; never, when cancelled.")
    active = serializers.IntegerField(help_text="Their runs are live.")
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    refused = serializers.IntegerField(help_text="The action is disabled or refuses the input.")


class BackfillSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(allow_null=True, help_text="Null for a dry run.")
    workspace_id = serializers.UUIDField()
    trigger_id = serializers.UUIDField()
    to = serializers.DateTimeField()
    mode = serializers.ChoiceField(MODES)
    order = serializers.ChoiceField(ORDERS)
    max_active = serializers.IntegerField()
    status = serializers.ChoiceField((*STATUSES, "dry_run"))
    progress = serializers.FloatField(help_text="0 to 1.")
    counts = BackfillCountsSerializer()
    created_by = serializers.CharField()
    cancelled_by = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {"from": serializers.DateTimeField(), **super().get_fields()}

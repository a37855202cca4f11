"""What the signature doctor says, for the schema."""

from typing import Any

from rest_framework import serializers


class DiagnosisSerializer(serializers.Serializer[Any]):
    """What the signature doctor says of a request."""

    valid = serializers.BooleanField(
        allow_null=True, help_text="Null where there is nothing to examine."
    )
    cause = serializers.CharField(
        allow_null=True,
        help_text="The ledger's word; or not_kept, unreadable, destination_deleted.",
    )
    step = serializers.CharField(allow_null=True, help_text="The first step that fails.")
    detail = serializers.CharField(allow_null=True, help_text="Why, in a plain sentence.")
    challenge_response = serializers.JSONField(
        allow_null=True, help_text="What a challenge is answered with."
    )
    event_type = serializers.CharField(allow_null=True)
    delivery_id = serializers.CharField(
        allow_null=True, help_text="The sender's own name for the delivery."
    )


class DeliveryDiagnosisSerializer(DiagnosisSerializer):
    """The same of a stored delivery, beside what the ledger has of it."""

    recorded_status = serializers.CharField()
    recorded_cause = serializers.CharField(allow_null=True)

"""Shapes of deliveries and of what a replay comes to (for the schema)."""

from typing import Any

from rest_framework import serializers


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


class DeliveryElementSerializer(serializers.Serializer[Any]):
    """What came of one element of a batch."""

    index = serializers.IntegerField()
    status = serializers.CharField(help_text="fired, duplicate, filtered or ignored.")
    cause = serializers.CharField(allow_null=True)
    event_type = serializers.CharField(allow_null=True)
    dedupe_key = serializers.CharField(allow_null=True)
    fire_id = serializers.UUIDField(allow_null=True)
    fired_event_id = serializers.UUIDField(allow_null=True)
    run_id = serializers.UUIDField(allow_null=True)
    duplicate_of = serializers.UUIDField(allow_null=True, help_text="The first delivery's id.")
    first_event_id = serializers.UUIDField(allow_null=True)


class DeliveryDetailSerializer(DeliverySerializer):
    """A delivery with what it brought and what it became."""

    request_payload = serializers.JSONField(
        allow_null=True, help_text="JSON where the body was, else text; null where it was not kept."
    )
    transformed_payload = serializers.JSONField(allow_null=True)
    input = serializers.DictField(allow_null=True)
    elements = DeliveryElementSerializer(
        many=True, required=False, help_text="Of a batch only: what came of each element."
    )


class ReceiptElementSerializer(serializers.Serializer[Any]):
    """What came of one element of a batch, as the sender is told."""

    index = serializers.IntegerField()
    status = serializers.CharField(help_text="fired, duplicate, filtered or ignored.")
    cause = serializers.CharField(allow_null=True)
    fired_event_id = serializers.UUIDField(allow_null=True)
    run_id = serializers.UUIDField(allow_null=True)


class ReplaySerializer(serializers.Serializer[Any]):
    """What came of a replay, in the receiver's words."""

    status = serializers.CharField(help_text="fired, duplicate or filtered.")
    event_id = serializers.UUIDField(allow_null=True, help_text="The delivery's own event.")
    fired_event_id = serializers.UUIDField(allow_null=True)
    destination_id = serializers.UUIDField()
    trigger_id = serializers.UUIDField()
    run_id = serializers.UUIDField(allow_null=True)
    replay_of = serializers.UUIDField(help_text="The delivery.")
    elements = ReceiptElementSerializer(
        many=True, required=False, help_text="Of a batch only: what came of each element."
    )

"""Shapes of what a trial says (for the schema)."""

from typing import Any

from rest_framework import serializers

from webhooks.serializers.diagnosis import DiagnosisSerializer


class TrialStepSerializer(serializers.Serializer[Any]):
    """One step of the pipeline."""

    step = serializers.CharField()
    ok = serializers.BooleanField()
    cause = serializers.CharField(allow_null=True)
    detail = serializers.CharField(allow_null=True)


class ElementTrialSerializer(serializers.Serializer[Any]):
    """What would happen to one element of a batch."""

    status = serializers.CharField(
        help_text="fired, duplicate, filtered, ignored, challenge or rejected."
    )
    cause = serializers.CharField(allow_null=True)
    event_type = serializers.CharField(allow_null=True)
    transformed_payload = serializers.JSONField(allow_null=True)
    input = serializers.DictField(allow_null=True, help_text="The merged input of the run.")
    notes = serializers.ListField(child=serializers.CharField())
    steps = TrialStepSerializer(many=True)


class TrialSerializer(ElementTrialSerializer):
    """What would happen to the request; of a batch, what the element that decides comes to."""

    diagnosis = DiagnosisSerializer(help_text="What the signature doctor says.")
    elements = ElementTrialSerializer(
        many=True, required=False, help_text="Of a batch only: its first hundred elements."
    )
    element_count = serializers.IntegerField(required=False, help_text="Of a batch only.")

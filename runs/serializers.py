"""Shapes of runs, for the schema; `runs.rules.render` writes them."""

from typing import Any

from rest_framework import serializers

from actions.rules.outbound_calls import CALL_STATUSES
from events.serializers import EventSerializer
from runs.rules.states import STATUSES
from workspaces.rest.fields import ObjectField


class RunErrorSerializer(serializers.Serializer[Any]):
    """Why the last attempt that failed did so."""

    code = serializers.CharField()
    message = serializers.CharField()
    retryable = serializers.BooleanField()


class RunSerializer(serializers.Serializer[Any]):
    """One execution of one action, with its retries."""

    id = serializers.UUIDField()
    workspace_id = serializers.UUIDField()
    trigger_id = serializers.UUIDField(allow_null=True)
    fire_id = serializers.UUIDField(allow_null=True)
    action_id = serializers.UUIDField()
    action_type = serializers.CharField()
    status = serializers.CharField(help_text=f"One of {', '.join(STATUSES)}.")
    cause = serializers.CharField()
    triggered_by = serializers.CharField()
    priority = serializers.IntegerField(min_value=1, max_value=10)
    scheduled_for = serializers.DateTimeField(allow_null=True)
    input = ObjectField()
    output = ObjectField(allow_null=True)
    error = RunErrorSerializer(allow_null=True)
    attempt = serializers.IntegerField(help_text="How often it was started so far.")
    max_attempts = serializers.IntegerField(
        help_text="The first attempt and its retries; attempts whose worker vanished come on top."
    )
    next_attempt_at = serializers.DateTimeField(
        allow_null=True, help_text="Set while a retry waits for its time."
    )
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    duration_ms = serializers.FloatField(allow_null=True, help_text="From first start to end.")
    fired_event_id = serializers.UUIDField(help_text="Its `trigger.fired`.")
    chain_id = serializers.UUIDField()
    waits_for = serializers.UUIDField(
        allow_null=True, help_text="A run that has to end before this one may start."
    )
    rerun_of = serializers.UUIDField(allow_null=True, help_text="The run that it repeats.")
    created_at = serializers.DateTimeField()


class CancelledRunSerializer(RunSerializer):
    """A run that was just cancelled."""

    previous_status = serializers.CharField(help_text="What it was before.")


class RunEventsSerializer(serializers.Serializer[Any]):
    """A run's timeline."""

    items = EventSerializer(many=True)


class OutboundCallSerializer(serializers.Serializer[Any]):
    """A call that a run has scheduled; `actions.rules.outbound_calls` writes it."""

    id = serializers.UUIDField()
    workspace_id = serializers.UUIDField()
    trigger_id = serializers.UUIDField(allow_null=True)
    run_id = serializers.UUIDField(help_text="The run that scheduled it.")
    chain_id = serializers.UUIDField()
    phone_to = serializers.CharField(help_text="E.164.")
    phone_from = serializers.CharField(allow_null=True)
    reason = serializers.CharField()
    goal = serializers.CharField(allow_null=True)
    priority = serializers.IntegerField(min_value=1, max_value=10)
    max_attempts = serializers.IntegerField(min_value=1, max_value=10)
    retry_backoff_minutes = serializers.FloatField()
    window = ObjectField(help_text="`{start, end, timezone, days?}`: when it may be placed.")
    service_id = serializers.CharField(allow_null=True)
    patient_entity_id = serializers.CharField(allow_null=True)
    status = serializers.CharField(help_text=f"One of {', '.join(CALL_STATUSES)}.")
    attempt = serializers.IntegerField(help_text="How many attempts were made.")
    next_attempt_at = serializers.DateTimeField(
        allow_null=True, help_text="Set while it waits for its window or for a retry."
    )
    provider = serializers.CharField()
    call_sid = serializers.CharField(
        allow_null=True, help_text="The provider's id of the last attempt that was placed."
    )
    error = RunErrorSerializer(allow_null=True)
    triggered_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class CancelledCallSerializer(OutboundCallSerializer):
    """A call that was just cancelled."""

    previous_status = serializers.CharField(help_text="What it was before.")

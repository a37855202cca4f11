"""Bodies and answers about times to come and times gone by: preview, upcoming runs, explain."""

from typing import Any

from rest_framework import serializers

from triggers.rules.explain import VERDICTS
from triggers.rules.local_time import DST_GAPS, DST_OVERLAPS
from triggers.rules.preview import DST_MARKS, MAX_COUNT
from triggers.rules.schedule import MAX_LENGTH
from triggers.serializers import IdField
from workspaces.rest.fields import InstantField, ObjectField, TextField, WholeNumberField
from workspaces.rest.serializers import StrictSerializer

MAX_JITTER_SECONDS = 3600


class PreviewBodySerializer(StrictSerializer):
    schedule = TextField(max_length=MAX_LENGTH, help_text="As of a trigger.")
    timezone = TextField(max_length=64, required=False, help_text="An IANA name; UTC by default.")
    after = InstantField(
        required=False, help_text="The first slot comes later than this; now by default."
    )
    count = WholeNumberField(
        required=False, min_value=1, max_value=MAX_COUNT, help_text="How many slots; 10 by default."
    )
    dst_gap = serializers.ChoiceField(DST_GAPS, required=False, help_text="As of a trigger.")
    dst_overlap = serializers.ChoiceField(
        DST_OVERLAPS, required=False, help_text="As of a trigger."
    )
    jitter_seconds = WholeNumberField(
        required=False, min_value=0, max_value=MAX_JITTER_SECONDS, help_text="As of a trigger."
    )
    trigger_id = IdField(
        required=False,
        allow_null=True,
        help_text="Whose jitter to show; without it `effective_at` is an example.",
    )
    starts_at = InstantField(required=False, allow_null=True, help_text="No slot before this.")
    ends_at = InstantField(required=False, allow_null=True, help_text="No slot after this.")


class OccurrenceSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField(help_text="In UTC.")
    local = serializers.DateTimeField(help_text="On the zone's clocks, with their offset.")
    dst = serializers.ChoiceField(
        DST_MARKS,
        allow_null=True,
        help_text="`shifted`: its own time does not exist that day; `first_of_two`, `repeated`: "
        "its local time comes twice.",
    )
    effective_at = serializers.DateTimeField(help_text="When it fires, with its jitter.")


class PreviewSerializer(serializers.Serializer[Any]):
    items = OccurrenceSerializer(many=True)
    human_readable = serializers.CharField()
    mode = serializers.CharField(help_text="`cron`, `every` or `at`.")
    interval_job = serializers.BooleanField(
        help_text="It keeps even spacing over changes of clocks, unlike a job at fixed times."
    )
    warnings = serializers.ListField(child=serializers.CharField())


class UpcomingRunSerializer(serializers.Serializer[Any]):
    trigger_id = serializers.UUIDField()
    trigger_name = serializers.CharField()
    trigger_type = serializers.CharField(help_text="`schedule`.")
    next_run_time = serializers.DateTimeField(help_text="In UTC.")
    next_run_time_local = serializers.DateTimeField(help_text="With the offset of `timezone`.")
    timezone = serializers.CharField()
    cron_expression = serializers.CharField(help_text="The trigger's `schedule`.")
    is_active = serializers.BooleanField()
    human_readable = serializers.CharField()
    agent_prompt = serializers.CharField(
        allow_null=True, help_text="Of a `run_agent` action; null for other kinds."
    )


class UpcomingRunsSerializer(serializers.Serializer[Any]):
    upcoming_runs = UpcomingRunSerializer(many=True)
    total_count = serializers.IntegerField(
        help_text="How many there are before `limit`; one each for triggers later than all shown."
    )


class NearestSlotSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField(help_text="In UTC.")
    local = serializers.DateTimeField(help_text="On the zone's clocks, with their offset.")


class ExplanationSerializer(serializers.Serializer[Any]):
    answer = serializers.CharField(help_text="One sentence.")
    verdict = serializers.ChoiceField(VERDICTS)
    facts = ObjectField(help_text="What the answer rests on.")
    nearest_slots = NearestSlotSerializer(many=True)

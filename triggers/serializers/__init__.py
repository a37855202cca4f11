"""Bodies of triggers, in and out. What the fields mean is checked by the services."""

from typing import Any
from uuid import UUID

from django.core.validators import RegexValidator
from rest_framework import serializers

from triggers.rules.catch_up import CATCH_UP_POLICIES
from triggers.rules.flow import OVERLAP_POLICIES
from triggers.rules.ledger import CAUSES, OUTCOMES
from triggers.rules.local_time import DST_GAPS, DST_OVERLAPS
from triggers.rules.schedule import MAX_LENGTH
from workspaces.rest.fields import (
    FlagField,
    InstantField,
    ObjectField,
    TextField,
    WholeNumberField,
)
from workspaces.rest.serializers import StrictSerializer
from workspaces.rules.ids import parse_id

_YEAR_SECONDS = 366 * 86_400
_MAX_COUNT = 2_147_483_647
_READ_ONLY_NAMES = (
    "id",
    "workspace_id",
    "next_fire_at",
    "next_fire_effective_at",
    "pause_reason",
    "paused_until",
    "schedule_info",
    "scheduler",
    "source",
    "scope",
    "created_by",
    "created_at",
    "updated_at",
)


# Some fields bear names that DRF's stubs know as attributes; its metaclass keeps the two apart.


class IdField(serializers.UUIDField):
    """A UUID as it is written in paths; DRF's own takes numbers and URNs too."""

    def to_internal_value(self, data: Any) -> UUID:
        value = parse_id(data) if isinstance(data, str) else None
        if value is None:
            self.fail("invalid", value=data)
        return value


class TriggerBodySerializer(StrictSerializer):
    name = TextField(max_length=256)
    is_active = FlagField(required=False, help_text="True by default; pause and resume write it.")
    external_key = TextField(
        max_length=128,
        allow_null=True,
        required=False,
        help_text="Unique per workspace: the trigger's name in configuration.",
    )
    priority = WholeNumberField(
        required=False, min_value=1, max_value=10, help_text="10 first; 5 by default."
    )
    description = TextField(max_length=2000, allow_null=True, allow_blank=True, required=False)
    event_type = TextField(
        max_length=128,
        validators=[
            RegexValidator(r"\A[A-Za-z0-9._\-:/*]+\Z", "Letters, digits and . _ - : / * only.")
        ],
        help_text="`*` stands for any text. Matched for events only.",
    )
    event_filter = ObjectField(
        allow_null=True,
        required=False,
        help_text='Every entry must hold: `{"data.status": "open"}`.',
    )
    action_id = IdField(help_text="An action of this workspace.")
    input_template = ObjectField(
        required=False, help_text="The run's input; its strings may hold `{{ path }}` placeholders."
    )
    schedule = TextField(
        max_length=MAX_LENGTH,
        allow_null=True,
        required=False,
        help_text="Five cron fields, `@daily` …, `@every 15m` or `@at 2026-12-01T09:00:00Z`.",
    )
    timezone = TextField(max_length=64, required=False, help_text="An IANA name; UTC by default.")
    dst_gap = serializers.ChoiceField(
        DST_GAPS, required=False, help_text="A local time that does not exist: after it, or never."
    )
    dst_overlap = serializers.ChoiceField(
        DST_OVERLAPS, required=False, help_text="A local time that comes twice: which pass fires."
    )
    starts_at = InstantField(
        allow_null=True,
        required=False,
        help_text="No slot comes before; `@every` counts from here.",
    )
    ends_at = InstantField(allow_null=True, required=False, help_text="No slot comes after.")
    max_fires = WholeNumberField(
        allow_null=True,
        required=False,
        min_value=1,
        max_value=_MAX_COUNT,
        help_text="So many fires by schedule in all; other causes do not count.",
    )
    jitter_seconds = WholeNumberField(
        required=False,
        min_value=0,
        max_value=3600,
        help_text="Spread: each slot fires up to so much later, always by the same delay.",
    )
    catch_up_policy = serializers.ChoiceField(
        CATCH_UP_POLICIES, required=False, help_text="What becomes of slots that are late."
    )
    misfire_grace_seconds = WholeNumberField(
        required=False, min_value=0, max_value=_YEAR_SECONDS, help_text="Later slots are missed."
    )
    start_deadline_seconds = WholeNumberField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=_YEAR_SECONDS,
        help_text="A run that has not started by then fails.",
    )
    overlap_policy = serializers.ChoiceField(
        OVERLAP_POLICIES,
        required=False,
        help_text="What a fire does while a run of the trigger has not ended; not for calls by "
        "hand.",
    )
    fire_limit = ObjectField(
        required=False,
        allow_null=True,
        help_text='At most so many fires in any such stretch: `{"max": 5, "window": "1h"}`.',
    )
    auto_pause_after_failures = WholeNumberField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=1000,
        help_text="So many failed runs in a row pause the trigger.",
    )
    retry = ObjectField(
        required=False,
        allow_null=True,
        help_text='`{"strategy": "none"|"backoff", "max_retries": 0-20, "base_delay": "2s", '
        '"max_delay": "10m"}`; null takes the action\'s.',
    )
    metadata = ObjectField(
        child=TextField(allow_blank=True), required=False, help_text="Strings, for the caller."
    )

    class Meta:
        read_only_names = _READ_ONLY_NAMES


class PauseBodySerializer(StrictSerializer):
    reason = TextField(max_length=512, allow_null=True, allow_blank=True, required=False)
    until = InstantField(
        allow_null=True, required=False, help_text="Resumes by itself then; null: never."
    )


class EmptyBodySerializer(StrictSerializer):
    """A body that says nothing."""


class FireBodySerializer(StrictSerializer):
    input = ObjectField(
        required=False, help_text="Merged over the top level of `input_template`; it wins."
    )
    dry_run = FlagField(required=False, help_text="True: show the merged input, fire nothing.")


# ── Answers, for the OpenAPI document ────────────────────────────────────────────────────────────


class ScheduleInfoSerializer(serializers.Serializer[Any]):
    mode = serializers.CharField(help_text="`cron`, `every` or `at`.")
    human_readable = serializers.CharField()
    exhausted = serializers.BooleanField(help_text="No slot will come any more.")


class SchedulerSerializer(serializers.Serializer[Any]):
    last_scheduled_at = serializers.DateTimeField(allow_null=True)
    last_fire_id = serializers.UUIDField(allow_null=True)
    last_run_at = serializers.DateTimeField(allow_null=True)
    misfire_count = serializers.IntegerField(help_text="Missed slots since the last on time.")
    last_misfire_at = serializers.DateTimeField(allow_null=True)


class TriggerSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    workspace_id = serializers.UUIDField()
    action_id = serializers.UUIDField()
    name = serializers.CharField()
    is_active = serializers.BooleanField()
    external_key = serializers.CharField(allow_null=True)
    priority = serializers.IntegerField()
    description = serializers.CharField(allow_null=True)
    event_type = serializers.CharField()
    event_filter = serializers.DictField(allow_null=True)
    input_template = serializers.DictField()
    schedule = serializers.CharField(allow_null=True)
    timezone = serializers.CharField()
    dst_gap = serializers.ChoiceField(DST_GAPS)
    dst_overlap = serializers.ChoiceField(DST_OVERLAPS)
    starts_at = serializers.DateTimeField(allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True)
    max_fires = serializers.IntegerField(allow_null=True)
    jitter_seconds = serializers.IntegerField()
    catch_up_policy = serializers.ChoiceField(CATCH_UP_POLICIES)
    misfire_grace_seconds = serializers.IntegerField()
    start_deadline_seconds = serializers.IntegerField(allow_null=True)
    overlap_policy = serializers.ChoiceField(OVERLAP_POLICIES)
    fire_limit = serializers.DictField(allow_null=True)
    auto_pause_after_failures = serializers.IntegerField(allow_null=True)
    retry = serializers.DictField(allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField())
    pause_reason = serializers.CharField(allow_null=True)
    paused_until = serializers.DateTimeField(allow_null=True)
    next_fire_at = serializers.DateTimeField(allow_null=True)
    next_fire_effective_at = serializers.DateTimeField(
        allow_null=True, help_text="When `next_fire_at` fires, its delay by jitter included."
    )
    schedule_info = ScheduleInfoSerializer(allow_null=True)
    scheduler = SchedulerSerializer()
    source = serializers.ChoiceField(  # type: ignore[assignment]
        ("dynamic", "config"), help_text="By a caller, or from configuration."
    )
    scope = serializers.ChoiceField(("workspace", "global"))
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class FiredSerializer(serializers.Serializer[Any]):
    fired_event_id = serializers.UUIDField(allow_null=True)
    trigger_id = serializers.UUIDField()
    status = serializers.ChoiceField(("fired", "dry_run"))
    run_id = serializers.UUIDField(allow_null=True)
    input = serializers.DictField(required=False, help_text="Of a dry run: the merged input.")


class FireSerializer(serializers.Serializer[Any]):
    fire_id = serializers.UUIDField()
    cause = serializers.ChoiceField(CAUSES)
    scheduled_for = serializers.DateTimeField(allow_null=True)
    scheduled_until = serializers.DateTimeField(
        allow_null=True, help_text="Of a row that sums up many slots: the last of them."
    )
    slot_count = serializers.IntegerField()
    outcome = serializers.ChoiceField(OUTCOMES)
    reason = serializers.CharField(allow_null=True)
    run_id = serializers.UUIDField(allow_null=True)
    fired_event_id = serializers.UUIDField(allow_null=True)
    created_at = serializers.DateTimeField()


class HistoryEventSerializer(serializers.Serializer[Any]):
    event_id = serializers.UUIDField()
    event_type = serializers.CharField()
    data = ObjectField()  # type: ignore[assignment]
    effective_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    run_id = serializers.UUIDField(allow_null=True)
    chain_id = serializers.UUIDField()
    source = serializers.CharField(help_text="AUTOMATION.")  # type: ignore[assignment]


class LimitSerializer(serializers.Serializer[Any]):
    current_count = serializers.IntegerField()
    limit = serializers.IntegerField(allow_null=True, help_text="Null is unlimited.")


class LimitsSerializer(serializers.Serializer[Any]):
    tier_name = serializers.CharField()
    scheduled_triggers = LimitSerializer()
    webhook_triggers = LimitSerializer()

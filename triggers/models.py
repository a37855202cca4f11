"""When: trigger definitions, their due rows, the ledger of fires, backfills, Beats' heartbeats."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from workspaces.services import UnnestQuerySet, new_id


class Trigger(models.Model):
    """What fires an action: by schedule, by a webhook destination, by hand, or any of them
    together.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey("workspaces.Workspace", on_delete=models.CASCADE)
    action = models.ForeignKey("actions.Action", on_delete=models.PROTECT)
    name = models.CharField(max_length=256)
    description = models.CharField(max_length=2000, null=True, blank=True)
    external_key = models.CharField(max_length=128, null=True, blank=True)
    event_type = models.CharField(max_length=128)
    event_filter = models.JSONField(null=True)
    input_template = models.JSONField(default=dict)
    schedule = models.CharField(max_length=128, null=True, blank=True)
    timezone = models.CharField(max_length=64, default="UTC")
    dst_gap = models.CharField(max_length=8, default="shift")
    dst_overlap = models.CharField(max_length=8, default="first")
    # Both included; what comes first of ``ends_at`` and ``max_fires`` ends the schedule.
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    max_fires = models.PositiveIntegerField(null=True)
    jitter_seconds = models.PositiveSmallIntegerField(default=0)
    catch_up_policy = models.CharField(max_length=16, default="coalesce")
    misfire_grace_seconds = models.PositiveIntegerField(default=3600)
    start_deadline_seconds = models.PositiveIntegerField(null=True)
    overlap_policy = models.CharField(max_length=16, default="allow")
    # As given by the caller, {"max", "window"}; null: no limit.
    fire_limit = models.JSONField(null=True)
    auto_pause_after_failures = models.PositiveIntegerField(null=True)
    # Runs made earlier do not count: a trigger that is resumed begins anew.
    failures_count_from = models.DateTimeField(null=True)
    priority = models.PositiveSmallIntegerField(default=5)
    # As given by the caller; null: the action's, else the kind's.
    retry = models.JSONField(null=True)
    metadata = models.JSONField(default=dict)
    is_active = models.BooleanField(default=True)
    pause_reason = models.CharField(max_length=512, null=True)
    paused_until = models.DateTimeField(null=True)
    source = models.CharField(max_length=16, default="dynamic")
    created_by = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "external_key"], name="triggers_trigger_external_key_unique"
            ),
            models.CheckConstraint(
                name="triggers_trigger_priority_bounds",
                condition=models.Q(priority__gte=1, priority__lte=10),
            ),
            models.CheckConstraint(
                name="triggers_trigger_ends_after_start",
                condition=models.Q(starts_at__isnull=True)
                | models.Q(ends_at__isnull=True)
                | models.Q(ends_at__gt=models.F("starts_at")),
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "-id"], name="triggers_trigger_newest"),
            models.Index(fields=["action"], name="triggers_trigger_action"),
            models.Index(
                fields=["workspace", "event_type", "id"], name="triggers_trigger_event_type"
            ),
            # Beat asks every two seconds which pauses have ended.
            models.Index(
                fields=["paused_until"],
                name="triggers_trigger_paused_until",
                condition=models.Q(paused_until__isnull=False),
            ),
            models.Index(
                fields=["id"],
                name="triggers_trigger_auto_pause",
                condition=models.Q(is_active=True, auto_pause_after_failures__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ScheduleState(models.Model):
    """The due row of a trigger with a schedule: narrow, hot, referenced by nothing, locked by
    whoever fires or edits.

    ``next_fire_at`` is the slot, ``due_at`` when it fires, later where slots are spread. Both null:
    paused or exhausted. The scheduler's counters live here too.
    """

    trigger = models.OneToOneField(
        Trigger, on_delete=models.CASCADE, primary_key=True, related_name="schedule_state"
    )
    next_fire_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    # Of the schedule alone, for ``max_fires``.
    fire_count = models.PositiveIntegerField(default=0)
    last_scheduled_at = models.DateTimeField(null=True)
    last_fire_id = models.UUIDField(null=True)
    last_run_at = models.DateTimeField(null=True)
    misfire_count = models.PositiveIntegerField(default=0)
    last_misfire_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="triggers_schedulestate_due_after_slot",
                condition=models.Q(next_fire_at__isnull=True, due_at__isnull=True)
                | models.Q(
                    next_fire_at__isnull=False,
                    due_at__isnull=False,
                    due_at__gte=models.F("next_fire_at"),
                ),
            )
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                name="triggers_schedulestate_due",
                condition=models.Q(due_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.trigger_id} next {self.next_fire_at}"


class Fire(models.Model):
    """The ledger: one row per slot, delivery or call of a trigger, with its one outcome.

    ``key`` is unique per trigger: ``slot:<nominal UTC instant>``, ``missed:<first>..<last>`` for a
    summary row, ``<cause>:<id>`` else. No foreign keys: the ledger is pruned by age and outlives
    its trigger.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace_id = models.UUIDField()
    trigger_id = models.UUIDField()
    key = models.CharField(max_length=128)
    cause = models.CharField(max_length=16)
    scheduled_for = models.DateTimeField(null=True)
    # Of a summary row: the last slot and how many it stands for.
    scheduled_until = models.DateTimeField(null=True)
    slot_count = models.PositiveIntegerField(default=1)
    outcome = models.CharField(max_length=16)
    reason = models.CharField(max_length=256, null=True)
    run_id = models.UUIDField(null=True)
    fired_event_id = models.UUIDField(null=True)
    # Counts against its trigger's fire_limit.
    is_counted = models.BooleanField(db_default=False)
    created_at = models.DateTimeField()

    objects = UnnestQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["trigger_id", "key"], name="triggers_fire_key_unique")
        ]
        indexes = [
            models.Index(fields=["trigger_id", "id"], name="triggers_fire_newest"),
            models.Index(
                fields=["trigger_id", "scheduled_for"],
                name="triggers_fire_slot",
                condition=models.Q(scheduled_for__isnull=False),
            ),
            # Rows that sum up many slots are few; this finds the one that holds an instant.
            models.Index(
                fields=["trigger_id", "scheduled_until"],
                name="triggers_fire_range",
                condition=models.Q(scheduled_until__isnull=False),
            ),
            models.Index(
                fields=["trigger_id", "created_at"],
                name="triggers_fire_counted",
                condition=models.Q(is_counted=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.outcome}"


class TimezoneData(models.Model):
    """The one row that says by which release of the time zones the due rows were computed."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    version = models.CharField(max_length=32)

    def __str__(self) -> str:
        return self.version


class SchedulerHeartbeat(models.Model):
    """One row per Beat process: when it last ticked and what it did, for /readyz and /metrics."""

    name = models.CharField(max_length=128, primary_key=True)
    started_at = models.DateTimeField()
    ticked_at = models.DateTimeField()
    is_leader = models.BooleanField(default=False)
    fires_total = models.PositiveBigIntegerField(default=0)
    last_lag_seconds = models.FloatField(default=0)

    def __str__(self) -> str:
        return self.name


class SchedulerGap(models.Model):
    """A time in which no Beat ticked, noted by the first one that ticked again."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # The last tick before it, the first one after it.
    started_at = models.DateTimeField(unique=True)
    ended_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.started_at} to {self.ended_at}"


class Backfill(models.Model):
    """Slots of the past that somebody asked to run, a few at a time.

    ``slots`` are in the order in which they are started; the first ``position`` of them are dealt
    with. The row moves on in the transaction that writes their fires, so a crash repeats nothing.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace_id = models.UUIDField()
    trigger = models.ForeignKey(Trigger, on_delete=models.CASCADE)
    from_at = models.DateTimeField()
    to_at = models.DateTimeField()
    mode = models.CharField(max_length=16)
    order = models.CharField(max_length=8)
    max_active = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=16, default="running")
    slots = ArrayField(models.DateTimeField())
    slot_count = models.PositiveIntegerField()
    position = models.PositiveIntegerField(default=0)
    # Runs that have not ended when it last looked: at most ``max_active``.
    active_run_ids = ArrayField(models.UUIDField(), default=list)
    # Slots of the range that the ledger had as fired, and slots that the action refused.
    skipped_count = models.PositiveIntegerField(default=0)
    refused_count = models.PositiveIntegerField(default=0)
    completed_count = models.PositiveIntegerField(default=0)
    failed_count = models.PositiveIntegerField(default=0)
    cancelled_count = models.PositiveIntegerField(default=0)
    created_by = models.CharField(max_length=64)
    cancelled_by = models.CharField(max_length=64, null=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    advanced_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="triggers_backfill_max_active_bounds",
                condition=models.Q(max_active__gte=1, max_active__lte=100),
            ),
            models.CheckConstraint(
                name="triggers_backfill_ended_at_when_over",
                condition=models.Q(status="running", ended_at__isnull=True)
                | (~models.Q(status="running") & models.Q(ended_at__isnull=False)),
            ),
        ]
        indexes = [
            models.Index(fields=["trigger", "-id"], name="triggers_backfill_newest"),
            models.Index(
                fields=["advanced_at"],
                name="triggers_backfill_running",
                condition=models.Q(status="running"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.status}"

"""What: the actions of a workspace."""

from django.db import models
from django.db.models.functions import Now

from workspaces.services import UnnestQuerySet, new_id


class Action(models.Model):
    """One thing that a workspace can have done. ``action_type`` names its kind in
    ``actions.kinds.KINDS``.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey("workspaces.Workspace", on_delete=models.CASCADE)
    name = models.CharField(max_length=256)
    description = models.CharField(max_length=2000, null=True, blank=True)
    external_key = models.CharField(max_length=128, null=True, blank=True)
    action_type = models.CharField(max_length=64)
    config = models.JSONField(default=dict)
    # Ciphertext of a JSON object; never read back through a door.
    secret_config = models.BinaryField(null=True)
    input_schema = models.JSONField(null=True)
    # As given by the caller ({"strategy", "max_retries", "base_delay", "max_delay"}); null: the
    # kind's default.
    retry = models.JSONField(null=True)
    timeout_seconds = models.FloatField(default=60.0)
    max_concurrency = models.PositiveIntegerField(null=True)
    enabled = models.BooleanField(default=True)
    created_by = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "external_key"], name="actions_action_external_key_unique"
            ),
            models.CheckConstraint(
                name="actions_action_timeout_bounds",
                condition=models.Q(timeout_seconds__gte=0.1, timeout_seconds__lte=900),
            ),
        ]
        indexes = [models.Index(fields=["workspace", "-id"], name="actions_action_newest")]

    def __str__(self) -> str:
        return self.name


class OutboundCall(models.Model):
    """A call that a run has scheduled, from its first due time to its last attempt.

    Until it is dispatched the row itself is the queue entry (``pending``, ``next_attempt_at``);
    then an internal run, ``dispatch_run_id``, does the work, and the row follows that run's moves.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey("workspaces.Workspace", on_delete=models.CASCADE)
    trigger_id = models.UUIDField(null=True)
    # The run that scheduled the call, and its action: plain ids, both may be gone.
    run_id = models.UUIDField()
    action_id = models.UUIDField()
    chain_id = models.UUIDField()
    triggered_by = models.CharField(max_length=128)
    phone_to = models.CharField(max_length=20)
    phone_from = models.CharField(max_length=20, null=True)
    reason = models.CharField(max_length=256)
    goal = models.TextField(null=True)
    priority = models.SmallIntegerField()
    max_attempts = models.SmallIntegerField()
    retry_backoff_minutes = models.FloatField()
    # {"start", "end", "timezone", "days"?}
    window = models.JSONField()
    service_id = models.CharField(max_length=256, null=True)
    patient_entity_id = models.CharField(max_length=256, null=True)
    status = models.CharField(max_length=16)
    # The attempt that was made last; one whose worker vanished and that goes on keeps its number.
    attempt = models.SmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    provider = models.CharField(max_length=32)
    call_sid = models.CharField(max_length=128, null=True)
    placed_at = models.DateTimeField(null=True)
    # When the provider is asked what became of the attempt; null where it reports by itself.
    look_up_at = models.DateTimeField(null=True)
    # {"code", "message", "retryable"} of the last failed attempt.
    error = models.JSONField(null=True)
    dispatch_run_id = models.UUIDField(null=True)
    last_event_id = models.UUIDField()
    ended_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    objects = UnnestQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run_id"], name="actions_outboundcall_once_per_run"),
            models.UniqueConstraint(
                fields=["dispatch_run_id"], name="actions_outboundcall_one_dispatch"
            ),
            models.CheckConstraint(
                name="actions_outboundcall_status_known",
                condition=models.Q(
                    status__in=[
                        "pending",
                        "placing",
                        "dispatched",
                        "retrying",
                        "completed",
                        "failed",
                        "cancelled",
                    ]
                ),
            ),
            models.CheckConstraint(
                name="actions_outboundcall_pending_is_due",
                condition=~models.Q(status="pending")
                | models.Q(next_attempt_at__isnull=False, dispatch_run_id__isnull=True),
            ),
            models.CheckConstraint(
                name="actions_outboundcall_priority_bounds",
                condition=models.Q(priority__gte=1, priority__lte=10),
            ),
            models.CheckConstraint(
                name="actions_outboundcall_attempts_bounds",
                condition=models.Q(max_attempts__gte=1, max_attempts__lte=10),
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="actions_outboundcall_due",
                condition=models.Q(status="pending"),
            ),
            models.Index(
                fields=["look_up_at"],
                name="actions_outboundcall_look_up",
                condition=models.Q(status="dispatched", look_up_at__isnull=False),
            ),
            models.Index(fields=["workspace", "-id"], name="actions_outboundcall_newest"),
            models.Index(fields=["workspace", "phone_to"], name="actions_outboundcall_phone"),
            models.Index(
                fields=["trigger_id"],
                name="actions_outboundcall_trigger",
                condition=models.Q(trigger_id__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.phone_to} {self.status}"

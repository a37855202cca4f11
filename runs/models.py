"""Doing: one row per run, which is queue entry, lease and result in one."""

from django.db import models
from django.db.models.functions import Now

from runs.rules.retry import LAST_CHANCE
from workspaces.services import UnnestQuerySet, new_id

ONE_LAST_CHANCE = "runs_run_one_last_chance"


class Run(models.Model):
    """One execution of one action, with its retries.

    ``attempt`` counts claims; ``lost_leases`` those whose worker vanished, which do not count
    against ``max_retries``. ``lease_token`` fences: only who holds it may settle. A run carries
    plain ids of what caused it and holds no foreign key upwards or to what may be deleted while it
    waits.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace_id = models.UUIDField()
    trigger_id = models.UUIDField(null=True)
    # As it was when the run was made: what a config's {{ trigger.name }} says.
    trigger_name = models.CharField(max_length=256, null=True)
    fire_id = models.UUIDField(null=True)
    action_id = models.UUIDField()
    action_type = models.CharField(max_length=64)
    # Whose events its moves write; runs of another family than "trigger" are internal.
    family = models.CharField(max_length=16, default="trigger")
    queue = models.CharField(max_length=16)
    status = models.CharField(max_length=16)
    cause = models.CharField(max_length=16)
    triggered_by = models.CharField(max_length=128)
    priority = models.SmallIntegerField()
    scheduled_for = models.DateTimeField(null=True)
    # Postgres' clock decides when a run is due, never a host's.
    available_at = models.DateTimeField(db_default=Now())
    input = models.JSONField()
    output = models.JSONField(null=True)
    # {"code", "message", "retryable"} of the last failed attempt.
    error = models.JSONField(null=True)
    attempt = models.PositiveIntegerField(default=0)
    lost_leases = models.PositiveSmallIntegerField(default=0)
    # {"strategy", "max_retries", "base_delay_seconds", "max_delay_seconds"}, resolved when the run
    # was made.
    retry = models.JSONField()
    timeout_seconds = models.FloatField()
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField(null=True)
    start_deadline_at = models.DateTimeField(null=True)
    # Held: queued, and not to be claimed before that run has ended.
    waits_for = models.UUIDField(null=True)
    # Some run waits for this one, or did: who ends it looks for them. Nobody else does.
    is_awaited = models.BooleanField(db_default=False)
    # Its trigger looks at its live runs before it starts another.
    guards_overlap = models.BooleanField(db_default=False)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    fired_event_id = models.UUIDField()
    chain_id = models.UUIDField()
    # The chain's latest event of this run: parent of the next one.
    last_event_id = models.UUIDField()
    rerun_of = models.UUIDField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    objects = UnnestQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="runs_run_status_known",
                condition=models.Q(
                    status__in=[
                        "queued",
                        "running",
                        "delegated",
                        "completed",
                        "failed",
                        "cancelled",
                    ]
                ),
            ),
            models.CheckConstraint(
                name="runs_run_running_holds_a_lease",
                condition=models.Q(
                    status="running",
                    lease_token__isnull=False,
                    lease_until__isnull=False,
                    deadline_at__isnull=False,
                )
                | (~models.Q(status="running") & models.Q(lease_token__isnull=True)),
            ),
            models.CheckConstraint(
                name="runs_run_ended_at_when_terminal",
                condition=models.Q(
                    status__in=["completed", "failed", "cancelled"], ended_at__isnull=False
                )
                | (
                    ~models.Q(status__in=["completed", "failed", "cancelled"])
                    & models.Q(ended_at__isnull=True)
                ),
            ),
            models.CheckConstraint(
                name="runs_run_priority_bounds",
                condition=models.Q(priority__gte=1, priority__lte=10),
            ),
            # Per Celery queue, whose lanes share their workers.
            models.UniqueConstraint(
                models.Func("queue", models.Value("."), models.Value(1), function="split_part"),
                name=ONE_LAST_CHANCE,
                condition=models.Q(status="running", lost_leases__gte=LAST_CHANCE),
            ),
        ]
        indexes = [
            # The claim: priorities, then workspaces by a loose scan, then the oldest due.
            models.Index(
                fields=["queue", "priority", "workspace_id", "available_at", "id"],
                name="runs_run_claim",
                condition=models.Q(status="queued", lost_leases=0, waits_for__isnull=True),
            ),
            # The claim's "which level has something due". Whoever does not say "priority >= 1" does
            # not get it: see the claim.
            models.Index(
                fields=["queue", "priority", "available_at"],
                name="runs_run_due",
                condition=models.Q(
                    status="queued", lost_leases=0, waits_for__isnull=True, priority__gte=1
                ),
            ),
            # Runs that lost a lease are claimed alone.
            models.Index(
                fields=["queue", "available_at"],
                name="runs_run_suspect",
                condition=models.Q(status="queued", lost_leases__gt=0),
            ),
            models.Index(
                fields=["start_deadline_at"],
                name="runs_run_start_deadline",
                condition=models.Q(status="queued", start_deadline_at__isnull=False),
            ),
            # Not on lease_until: the heartbeat's update stays heap-only.
            models.Index(
                fields=["id"],
                name="runs_run_live_lease",
                condition=models.Q(status__in=["running", "delegated"]),
            ),
            # The rest hold no row of a trigger or an action without limits.
            models.Index(
                fields=["waits_for"],
                name="runs_run_held",
                condition=models.Q(status="queued", waits_for__isnull=False),
            ),
            models.Index(
                fields=["trigger_id", "id"],
                name="runs_run_guarding",
                condition=models.Q(
                    guards_overlap=True, status__in=["queued", "running", "delegated"]
                ),
            ),
            models.Index(
                fields=["queue", "action_id", "-priority", "available_at", "id"],
                name="runs_run_capped",
                condition=models.Q(
                    status="queued",
                    waits_for__isnull=True,
                    queue__in=["instant.capped", "network.capped"],
                ),
            ),
            models.Index(
                fields=["action_id"],
                name="runs_run_capped_running",
                condition=models.Q(
                    status="running", queue__in=["instant.capped", "network.capped"]
                ),
            ),
            models.Index(fields=["workspace_id", "id"], name="runs_run_workspace"),
            models.Index(
                fields=["trigger_id", "id"],
                name="runs_run_trigger",
                condition=models.Q(trigger_id__isnull=False),
            ),
            models.Index(fields=["action_id", "id"], name="runs_run_action"),
            # Asked for by name, and few beside the completed ones.
            models.Index(
                fields=["workspace_id", "status", "id"],
                name="runs_run_unsuccessful",
                condition=models.Q(status__in=["failed", "cancelled"]),
            ),
            models.Index(fields=["chain_id"], name="runs_run_chain"),
        ]

    def __str__(self) -> str:
        return f"{self.action_type} {self.id} {self.status}"

"""What: the actions of a workspace."""

from django.db import models
from django.db.models.functions import Now

from workspaces.services import new_id


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

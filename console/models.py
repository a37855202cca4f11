"""Bulk work that callers asked for, and how far it has come."""

from django.db import models

from workspaces.services import new_id


class Operation(models.Model):
    """One verb over everything that a filter found when it was asked for, oldest first.

    ``position`` is the last item dealt with; it moves in the commit that deals with the item.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey("workspaces.Workspace", on_delete=models.CASCADE)
    kind = models.CharField(max_length=16)
    filter = models.JSONField(default=dict)
    status = models.CharField(max_length=16, default="running")
    total_count = models.PositiveIntegerField()
    succeeded_count = models.PositiveIntegerField(default=0)
    failed_count = models.PositiveIntegerField(default=0)
    # The first few that were refused, as ``{id, code, detail}``.
    failures = models.JSONField(default=list)
    position = models.UUIDField(null=True)
    # Nothing that came later is touched, above all not what the operation itself makes.
    last_item_id = models.UUIDField(null=True)
    created_by = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    # Whose turn it is: the one that waits longest.
    advanced_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-id"], name="console_operation_newest"),
            models.Index(
                fields=["advanced_at"],
                name="console_operation_running",
                condition=models.Q(status="running"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

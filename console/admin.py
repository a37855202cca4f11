"""Bulk operations for staff: to look at."""

from django.contrib import admin

from console.models import Operation
from workspaces.staff.filters import WorkspaceFilter
from workspaces.staff.pages import ReadOnlyAdmin


@admin.register(Operation)
class OperationAdmin(ReadOnlyAdmin[Operation]):
    list_display = (
        "id", "workspace_slug", "kind", "status",
        "total_count", "succeeded_count", "failed_count", "created_at",
    )  # fmt: skip
    list_filter = (WorkspaceFilter, "kind", "status")
    list_select_related = ("workspace",)
    text_fields = ("created_by",)

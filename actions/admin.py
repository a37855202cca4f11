"""The admin of actions: to look, to enable and to disable. Secrets are never shown."""

import datetime as dt
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from actions.models import Action, OutboundCall
from actions.rules.outbound_calls import CALL_STATUSES
from actions.services import update_action
from events.admin import ReadOnlyAdmin
from workspaces.rules.callers import Caller


@admin.register(Action)
class ActionAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "workspace", "action_type", "enabled", "external_key", "created_at")
    list_filter = ("action_type", "enabled")
    list_select_related = ("workspace",)
    search_fields = ("=id", "name", "external_key", "workspace__slug")
    exclude = ("secret_config",)
    readonly_fields = ("id", "has_secrets", "created_at", "updated_at")
    actions = ("enable", "disable")

    @admin.display(boolean=True, description="Secrets")
    def has_secrets(self, action: Action) -> bool:
        return action.secret_config is not None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Action | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Action | None = None) -> bool:
        return False

    def has_switch_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("actions.change_action")

    @admin.action(description="Enable", permissions=["switch"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Action]) -> None:
        _switch(request, queryset, is_enabled=True)

    @admin.action(description="Disable: its triggers fire nothing", permissions=["switch"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Action]) -> None:
        _switch(request, queryset, is_enabled=False)


class CallStatusFilter(admin.SimpleListFilter):
    """By status, without asking the table which ones there are."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(status, status) for status in CALL_STATUSES]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[OutboundCall]
    ) -> QuerySet[OutboundCall]:
        return queryset.filter(status=self.value()) if self.value() else queryset


@admin.register(OutboundCall)
class OutboundCallAdmin(ReadOnlyAdmin):
    list_display = ("id", "phone_to", "status", "attempt", "next_attempt_at", "workspace_id")
    list_filter = (CallStatusFilter,)
    id_fields = ("id", "workspace_id", "trigger_id", "run_id", "chain_id")


def _switch(request: HttpRequest, queryset: QuerySet[Action], *, is_enabled: bool) -> None:
    caller = Caller(
        kind="user",
        id=str(request.user.pk),
        workspace_id=None,
        scopes=frozenset(),
        is_operator=True,
    )
    for action in queryset:
        update_action(
            workspace_id=action.workspace_id,
            action_id=action.pk,
            fields={"enabled": is_enabled},
            caller=caller,
            now=dt.datetime.now(dt.UTC),
        )

"""Runs for staff: to look at, and to cancel or repeat through the same services as the API."""

import datetime as dt
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from events.admin import ReadOnlyAdmin
from runs import services
from runs.models import Run
from runs.rules.states import STATUSES
from workspaces.rules.callers import Caller
from workspaces.rules.problems import ServiceError


class StatusFilter(admin.SimpleListFilter):
    """By status, without asking the table which ones there are."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(status, status) for status in STATUSES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Run]) -> QuerySet[Run]:
        return queryset.filter(status=self.value()) if self.value() else queryset


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    list_display = ("id", "status", "action_type", "cause", "attempt", "workspace_id", "created_at")
    list_filter = (StatusFilter,)
    id_fields = ("id", "workspace_id", "trigger_id", "action_id", "chain_id")
    exclude = ("lease_token",)
    actions = ("cancel_runs", "rerun_runs")

    @admin.action(description="Cancel the selected runs")
    def cancel_runs(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        """Cancel what has not ended."""
        self._apply(request, queryset, services.cancel_run, done="cancelled")

    @admin.action(description="Run the selected runs again")
    def rerun_runs(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        """Start a new run like each of them."""
        self._apply(request, queryset, services.rerun_run, done="started again")

    def _apply(self, request: HttpRequest, runs: QuerySet[Run], verb: Any, *, done: str) -> None:
        count = 0
        for run in runs:
            try:
                verb(
                    workspace_id=run.workspace_id,
                    run_id=run.pk,
                    caller=build_caller(request.user),
                    now=dt.datetime.now(dt.UTC),
                )
                count += 1
            except ServiceError as error:
                self.message_user(request, f"{run.pk}: {error.detail}", messages.WARNING)
        self.message_user(request, f"{count} {done}.")


def build_caller(user: Any) -> Caller:
    """A signed-in member of staff, who may act in every workspace."""
    return Caller("user", str(user.pk), None, frozenset(), is_operator=True)

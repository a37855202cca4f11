"""Actions for staff: to look at, and to switch through the service. Secrets are never shown.

Outbound calls have their pages in the room above, whose service cancels them.
"""

import datetime as dt

from django.contrib import admin

from actions.models import Action
from actions.services import update_action
from workspaces.rules.callers import Caller
from workspaces.staff.filters import WorkspaceFilter
from workspaces.staff.pages import ReadOnlyAdmin
from workspaces.staff.verbs import Verb


def _switch(action: Action, *, is_enabled: bool, caller: Caller, now: dt.datetime) -> None:
    update_action(
        workspace_id=action.workspace_id,
        action_id=action.pk,
        fields={"enabled": is_enabled},
        caller=caller,
        now=now,
    )


def _enable(row: Action, *, caller: Caller, now: dt.datetime) -> None:
    _switch(row, is_enabled=True, caller=caller, now=now)


def _disable(row: Action, *, caller: Caller, now: dt.datetime) -> None:
    _switch(row, is_enabled=False, caller=caller, now=now)


@admin.register(Action)
class ActionAdmin(ReadOnlyAdmin[Action]):
    list_display = (
        "name",
        "workspace_slug",
        "action_type",
        "enabled",
        "external_key",
        "created_at",
    )
    list_filter = (WorkspaceFilter, "enabled")
    list_select_related = ("workspace",)
    sortable_by = ("name", "created_at")
    text_fields = ("name", "external_key")
    fields = (
        "id",
        "workspace",
        "name",
        "description",
        "external_key",
        "action_type",
        "enabled",
        "config",
        "has_secrets",
        "input_schema",
        "retry",
        "timeout_seconds",
        "max_concurrency",
        "created_by",
        "created_at",
        "updated_at",
    )
    verbs = (
        Verb(
            name="enable",
            label="Enable",
            question="Enable these actions? Their triggers fire again.",
            done="enabled",
            call=_enable,
        ),
        Verb(
            name="disable",
            label="Disable",
            question="Disable these actions? Their triggers fire nothing until they are enabled.",
            done="disabled",
            call=_disable,
        ),
    )

    @admin.display(boolean=True, description="has secrets")
    def has_secrets(self, action: Action) -> bool:
        """Whether there are any; they themselves are never shown."""
        return action.secret_config is not None

"""The ledger for staff: to look at. The database itself refuses anything else."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from events.models import Event
from events.rules.event import SOURCES
from workspaces.staff.display import link_row
from workspaces.staff.filters import WorkspaceFilter, build_choice_filter
from workspaces.staff.pages import ReadOnlyAdmin


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin[Event]):
    list_display = ("id", "event_type", "source", "workspace_slug", "run", "created_at")
    list_filter = (WorkspaceFilter, build_choice_filter("source", SOURCES))
    id_fields = ("id", "chain_id", "run_id", "trigger_id", "destination_id", "delivery_id")
    links = {
        "parent_id": "events.event",
        "run_id": "runs.run",
        "trigger_id": "triggers.trigger",
        "destination_id": "webhooks.destination",
        "delivery_id": "webhooks.delivery",
    }

    @admin.display
    def run(self, event: Event) -> str:
        """A link to the run that wrote it."""
        return link_row("runs.run", event.run_id)

    def describe_row(self, request: HttpRequest, row: Event) -> dict[str, Any]:
        """The way to the rest of its chain."""
        page = f"{reverse('admin:events_event_changelist')}?q={row.chain_id}"
        link = format_html('<a class="staff-link" href="{}">all its events</a>', page)
        return {"staff_links": [{"label": "Chain", "html": link}]}

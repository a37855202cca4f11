"""The reads: triggers and how many there are, the ledger of fires, the events of the chains."""

import datetime as dt
import uuid
from typing import Any

from django.db.models import Q, QuerySet

from events.rules.ids import bound_times
from events.services import Event, list_trigger_events
from triggers.models import Fire, Trigger
from workspaces.rules.problems import NotFound
from workspaces.services import SYSTEM_SLUG, read_plan


class TriggerNotFound(NotFound):
    """No such trigger in this workspace."""

    def __init__(self) -> None:
        super().__init__("There is no such trigger in this workspace.")


def find_trigger(*, workspace_id: uuid.UUID, trigger_id: uuid.UUID) -> Trigger:
    """One trigger with its schedule state and workspace.

    Raises:
        TriggerNotFound: there is none in this workspace.
    """
    trigger = list_triggers(workspace_id).filter(id=trigger_id).first()
    if trigger is None:
        raise TriggerNotFound
    return trigger


def list_triggers(
    workspace_id: uuid.UUID | None,
    *,
    is_active: bool | None = None,
    event_type: str | None = None,
    action_id: uuid.UUID | None = None,
    text: str | None = None,
    source: str | None = None,
    scope: str | None = None,
) -> QuerySet[Trigger]:
    """Triggers of a workspace (None: of all) with their state; ``text`` is sought in name and
    description.
    """
    filters = {
        "workspace_id": workspace_id,
        "is_active": is_active,
        "event_type": event_type,
        "action_id": action_id,
        "source": source,
    }
    found = Trigger.objects.select_related("schedule_state", "workspace").filter(
        **{name: value for name, value in filters.items() if value is not None}
    )
    if text:
        found = found.filter(Q(name__icontains=text) | Q(description__icontains=text))
    if scope == "global":
        found = found.filter(workspace__slug=SYSTEM_SLUG)
    elif scope == "workspace":
        found = found.exclude(workspace__slug=SYSTEM_SLUG)
    return found


def read_limits(workspace_id: uuid.UUID) -> dict[str, Any]:
    """The plan's bounds and how much of them is used."""
    limits = read_plan(workspace_id)
    triggers = Trigger.objects.filter(workspace_id=workspace_id)
    return {
        "tier_name": limits.tier_name,
        "scheduled_triggers": {
            "current_count": triggers.filter(schedule__isnull=False).count(),
            "limit": limits.max_scheduled_triggers,
        },
        "webhook_triggers": {
            "current_count": triggers.filter(destinations__isnull=False).distinct().count(),
            "limit": limits.max_webhook_triggers,
        },
    }


def list_fires(
    *,
    workspace_id: uuid.UUID,
    trigger_id: uuid.UUID,
    outcome: str | None = None,
    cause: str | None = None,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> QuerySet[Fire]:
    """The trigger's ledger; ``since`` (inclusive) and ``until`` (exclusive) are times of recording.

    Raises:
        TriggerNotFound: there is none in this workspace.
    """
    find_trigger(workspace_id=workspace_id, trigger_id=trigger_id)
    filters = {
        "outcome": outcome,
        "cause": cause,
        "created_at__gte": since,
        "created_at__lt": until,
        **bound_times(since, until),
    }
    return Fire.objects.filter(
        trigger_id=trigger_id,
        **{name: value for name, value in filters.items() if value is not None},
    )


def list_trigger_history(
    *,
    workspace_id: uuid.UUID,
    trigger_id: uuid.UUID,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> QuerySet[Event]:
    """All events of the trigger's chains, not its audit events; ``since`` is inclusive, ``until``
    exclusive.

    Raises:
        TriggerNotFound: there is none in this workspace.
    """
    find_trigger(workspace_id=workspace_id, trigger_id=trigger_id)
    return list_trigger_events(
        workspace_id=workspace_id, trigger_id=trigger_id, since=since, until=until
    )

"""The reads of a trigger's history: the ledger of its fires and the events of its chains."""

import datetime as dt
import uuid

from django.db.models import QuerySet

from events.services import Event, list_trigger_events
from triggers.models import Fire
from triggers.services.definitions import find_trigger


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
    }
    return Fire.objects.filter(
        trigger_id=trigger_id,
        **{name: value for name, value in filters.items() if value is not None},
    )


def list_trigger_history(*, workspace_id: uuid.UUID, trigger_id: uuid.UUID) -> QuerySet[Event]:
    """All events of the trigger's chains, not its audit events.

    Raises:
        TriggerNotFound: there is none in this workspace.
    """
    find_trigger(workspace_id=workspace_id, trigger_id=trigger_id)
    return list_trigger_events(workspace_id=workspace_id, trigger_id=trigger_id)

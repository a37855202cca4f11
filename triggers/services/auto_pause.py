"""Pausing triggers whose runs keep failing: read from below, since no run knows its trigger."""

import datetime as dt
import uuid
from contextlib import suppress

from django.db import transaction

from runs.services import read_recent_ends
from triggers.models import Trigger
from triggers.services.definitions import pause_for_failures
from triggers.services.reads import TriggerNotFound
from workspaces.rules.callers import Caller

# How many triggers one look takes in; the next one goes on behind the last.
BATCH_SIZE = 1000


def pause_failing_triggers(
    *, after: uuid.UUID | None, caller: Caller, now: dt.datetime
) -> uuid.UUID | None:
    """Pause the triggers whose latest runs, ``auto_pause_after_failures`` of them, have all failed.

    Looks at a thousand triggers that have the field set, behind ``after``; returns where the next
    look begins, None: from the start. Cancelled runs say nothing; what was made before the trigger
    was resumed does not count.
    """
    watched = Trigger.objects.filter(is_active=True, auto_pause_after_failures__isnull=False)
    if after is not None:
        watched = watched.filter(id__gt=after)
    triggers = list(watched.order_by("id")[:BATCH_SIZE])
    if not triggers:
        return None
    ends = read_recent_ends(
        {one.id: one.failures_count_from for one in triggers},
        counts={one.id: one.auto_pause_after_failures or 1 for one in triggers},
    )
    for trigger in triggers:
        if _is_failing(trigger, ends.get(trigger.id, [])):
            with suppress(TriggerNotFound), transaction.atomic():
                pause_for_failures(trigger, caller=caller, now=now)
    return triggers[-1].id if len(triggers) == BATCH_SIZE else None


def _is_failing(trigger: Trigger, ends: list[str]) -> bool:
    return len(ends) == trigger.auto_pause_after_failures and set(ends) == {"failed"}

"""After a release of the time zones: the due rows of cron lines are computed anew."""

import datetime as dt
import uuid

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from triggers.models import ScheduleState, TimezoneData
from triggers.rules.timezones import InvalidTimezone
from triggers.services.slots import plan_next_fire
from workspaces.services import read_now

log = structlog.get_logger(__name__)

_BATCH_SIZE = 500
_FIRST_ID = uuid.UUID(int=0)


def renew_slots_after_release(release: str) -> int:
    """Count the slots to come of all cron lines from now, once for each ``release`` of the zones;
    how many moved.

    Slots that are owed stay owed. The caller holds a lock, so that one process does this at a time;
    after a crash on the way, or twice, it does no harm.
    """
    if TimezoneData.objects.filter(version=release).exists():
        return 0
    moved, last = 0, _FIRST_ID
    while True:
        with transaction.atomic():
            states = list(_lock_cron_lines(after=last)[:_BATCH_SIZE])
            moved += _renew(states, now=read_now())
        if len(states) < _BATCH_SIZE:
            break
        last = states[-1].trigger_id
    TimezoneData.objects.update_or_create(id=1, defaults={"version": release})
    log.info("timezones_renewed", release=release, moved=moved)
    return moved


def _lock_cron_lines(*, after: uuid.UUID) -> QuerySet[ScheduleState]:
    return (
        ScheduleState.objects.select_for_update(of=("self",))
        .select_related("trigger")
        .filter(trigger_id__gt=after, next_fire_at__gt=Now(), trigger__schedule__isnull=False)
        .exclude(trigger__schedule__istartswith="@every")
        .exclude(trigger__schedule__istartswith="@at")
        .order_by("trigger_id")
    )


def _renew(states: list[ScheduleState], *, now: dt.datetime) -> int:
    moved = []
    for state in states:
        try:
            planned = plan_next_fire(state.trigger, after=now, fire_count=state.fire_count)
        except InvalidTimezone:
            # Its zone is gone. The claim says so, when its time comes.
            log.warning("timezone_gone", trigger_id=str(state.trigger_id))
            continue
        if planned != {"next_fire_at": state.next_fire_at, "due_at": state.due_at}:
            state.next_fire_at, state.due_at = planned["next_fire_at"], planned["due_at"]
            moved.append(state)
    ScheduleState.objects.bulk_update(moved, ["next_fire_at", "due_at"])
    return len(moved)

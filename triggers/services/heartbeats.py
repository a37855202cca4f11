"""The Beats' own signs of life."""

import datetime as dt
from collections.abc import Sequence

from django.db.models import F
from django.db.models.functions import Now

from triggers.models import SchedulerHeartbeat

# A Beat that has not ticked for this long is taken for gone.
ALIVE_SECONDS = 10


def record_heartbeat(*, name: str, is_leader: bool, fires: int, lag_seconds: float) -> None:
    """Note that the Beat of this name has ticked; ``fires`` are those since its last note."""
    changed = SchedulerHeartbeat.objects.filter(name=name).update(
        ticked_at=Now(),
        is_leader=is_leader,
        fires_total=F("fires_total") + fires,
        last_lag_seconds=lag_seconds,
    )
    if not changed:
        SchedulerHeartbeat.objects.bulk_create(
            [
                SchedulerHeartbeat(
                    name=name,
                    started_at=Now(),
                    ticked_at=Now(),
                    is_leader=is_leader,
                    fires_total=fires,
                    last_lag_seconds=lag_seconds,
                )
            ],
            ignore_conflicts=True,
        )


def list_live_heartbeats(*, now: dt.datetime) -> Sequence[SchedulerHeartbeat]:
    """Beats that ticked within the last 10 s."""
    since = now - dt.timedelta(seconds=ALIVE_SECONDS)
    return list(SchedulerHeartbeat.objects.filter(ticked_at__gte=since).order_by("name"))


def forget_dead_heartbeats(*, now: dt.datetime) -> int:
    """Delete the rows of Beats that are gone for a day; how many."""
    gone = SchedulerHeartbeat.objects.filter(ticked_at__lt=now - dt.timedelta(days=1))
    return gone.delete()[0]

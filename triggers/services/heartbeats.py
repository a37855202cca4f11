"""The Beats' own signs of life."""

import datetime as dt
from collections.abc import Sequence

from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from triggers.models import SchedulerGap, SchedulerHeartbeat
from workspaces.services import new_id

# A Beat that has not ticked for this long is taken for gone.
ALIVE_SECONDS = 10

# Beats that come back together note the gap once. A fresh installation has none.
_NOTE_GAP = """
INSERT INTO triggers_schedulergap (id, started_at, ended_at)
SELECT %(id)s, last.ticked_at, now() FROM
    (SELECT max(ticked_at) AS ticked_at FROM triggers_schedulerheartbeat) last
WHERE last.ticked_at < now() - make_interval(secs => %(alive)s)
ON CONFLICT (started_at) DO NOTHING
"""


def record_heartbeat(*, name: str, is_leader: bool, fires: int, lag_seconds: float) -> None:
    """Note that the Beat of this name has ticked; ``fires`` are those since its last note.

    The first to tick after none did for 10 s leaves a ``SchedulerGap``.
    """
    with connection.cursor() as cursor:
        cursor.execute(_NOTE_GAP, {"id": new_id(), "alive": ALIVE_SECONDS})
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


def find_gap(at: dt.datetime, *, now: dt.datetime) -> tuple[dt.datetime, dt.datetime | None] | None:
    """When no Beat ticked around ``at``: from the last tick before to the first one after, which is
    None while there is none; None when one ticked, or when nobody knows.
    """
    gap = SchedulerGap.objects.filter(started_at__lte=at, ended_at__gt=at).first()
    if gap is not None:
        return gap.started_at, gap.ended_at
    last = SchedulerHeartbeat.objects.order_by("-ticked_at").first()
    alive = dt.timedelta(seconds=ALIVE_SECONDS)
    if last is None or last.ticked_at > at or last.ticked_at > now - alive:
        return None
    return last.ticked_at, None

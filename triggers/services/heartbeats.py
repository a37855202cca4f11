"""The Beats' own signs of life."""

import datetime as dt
from collections.abc import Sequence

from django.db import connection, transaction

from triggers.models import SchedulerGap, SchedulerHeartbeat
from workspaces.services import new_id

# A Beat that has not ticked for this long is taken for gone.
ALIVE_SECONDS = 10

# Beats that come back together note the gap once. A fresh installation has none. The gap is read
# before the row is written: one statement has one snapshot.
_RECORD = """
WITH noted AS (
    INSERT INTO triggers_schedulergap (id, started_at, ended_at)
    SELECT %(gap_id)s, last.ticked_at, now() FROM
        (SELECT max(ticked_at) AS ticked_at FROM triggers_schedulerheartbeat) last
    WHERE last.ticked_at < now() - make_interval(secs => %(alive)s)
    ON CONFLICT (started_at) DO NOTHING
)
INSERT INTO triggers_schedulerheartbeat AS beat
    (name, started_at, ticked_at, is_leader, fires_total, last_lag_seconds)
VALUES (%(name)s, now(), now(), %(is_leader)s, %(fires)s, %(lag)s)
ON CONFLICT (name) DO UPDATE SET ticked_at = now(), is_leader = EXCLUDED.is_leader,
    fires_total = beat.fires_total + EXCLUDED.fires_total,
    last_lag_seconds = EXCLUDED.last_lag_seconds
"""


def record_heartbeat(*, name: str, is_leader: bool, fires: int, lag_seconds: float) -> None:
    """Note that the Beat of this name has ticked; ``fires`` are those since its last note.

    The first to tick after none did for 10 s leaves a ``SchedulerGap``.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        # The only writing that a crash may take back: nobody waits for the disk.
        cursor.execute("SET LOCAL synchronous_commit = off")
        cursor.execute(
            _RECORD,
            {
                "gap_id": new_id(),
                "alive": ALIVE_SECONDS,
                "name": name,
                "is_leader": is_leader,
                "fires": fires,
                "lag": lag_seconds,
            },
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

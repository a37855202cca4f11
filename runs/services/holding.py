"""Runs that wait for others: what a trigger with an overlap policy, or an action with a cap, asks
for.
"""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.db import connection, transaction

from actions.services import list_newly_capped
from runs.execution import Move, release_held, write_transitions
from runs.models import Run
from runs.rules import states
from runs.rules.lanes import CAPPED_LANES, name_lane

LIVE = (states.QUEUED, states.RUNNING, states.DELEGATED)
_CLAIMABLE = (states.QUEUED, states.RUNNING)
BATCH_SIZE = 500
# Actions changed longer ago have had their turn.
CAPS_ARE_NEW_FOR = dt.timedelta(seconds=30)

_STRANDED = """
SELECT p.id, h.id FROM runs_run h LEFT JOIN runs_run p ON p.id = h.waits_for
WHERE h.status = 'queued' AND h.waits_for IS NOT NULL AND (p.id IS NULL OR p.status = ANY(%s))
LIMIT %s FOR UPDATE OF h SKIP LOCKED
"""


_RECENT_ENDS = """
SELECT t.id, array_agg(r.status ORDER BY r.id DESC) FROM unnest(
    %s::uuid[], %s::timestamptz[], %s::int[]) AS t(id, since, n)
CROSS JOIN LATERAL (
    SELECT r.id, r.status FROM runs_run r
    WHERE r.trigger_id = t.id AND r.status IN ('completed', 'failed')
        AND r.family = 'trigger' AND (t.since IS NULL OR r.created_at >= t.since)
    ORDER BY r.id DESC LIMIT t.n) r
GROUP BY t.id
"""


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A run that has not ended; ``is_held``: it waits for another."""

    id: uuid.UUID
    fire_id: uuid.UUID | None
    is_held: bool


def read_live_runs(
    trigger_ids: Collection[uuid.UUID], *, lock: bool
) -> dict[uuid.UUID, list[LiveRun]]:
    """The live runs of triggers that watch over them, oldest first; ``lock``: none of them ends
    before the caller's transaction does.
    """
    rows = Run.objects.filter(
        trigger_id__in=trigger_ids, guards_overlap=True, status__in=LIVE
    ).order_by("id")
    if lock:
        # In the order of ids, as everybody does who locks several: nobody waits in a circle.
        rows = rows.select_for_update(no_key=True)
    found: dict[uuid.UUID, list[LiveRun]] = defaultdict(list)
    for run_id, trigger_id, fire_id, waits_for in rows.values_list(
        "id", "trigger_id", "fire_id", "waits_for"
    ):
        if trigger_id is not None:
            found[trigger_id].append(LiveRun(run_id, fire_id, waits_for is not None))
    return found


def guard_runs(waits: Mapping[uuid.UUID, uuid.UUID | None]) -> None:
    """Have new runs counted as their triggers' live ones, each held until the run that it is mapped
    to has ended.

    In the transaction that made them; the predecessors are new too, or locked by it.
    """
    if not waits:
        return
    Run.objects.filter(id__in=waits).update(guards_overlap=True)
    for run_id, predecessor in waits.items():
        if predecessor is not None:
            Run.objects.filter(id=run_id).update(waits_for=predecessor)
    Run.objects.filter(id__in=[one for one in waits.values() if one], is_awaited=False).update(
        is_awaited=True
    )


def guard_trigger(trigger_id: uuid.UUID) -> None:
    """Have the runs counted that were started while the trigger let them overlap."""
    Run.objects.filter(trigger_id=trigger_id, status__in=LIVE, guards_overlap=False).update(
        guards_overlap=True
    )


def cancel_runs(
    run_ids: Collection[uuid.UUID], *, cancelled_by: str, reason: str
) -> set[uuid.UUID]:
    """Cancel those that have not ended, in the caller's transaction; the ids of these."""
    if not run_ids:
        return set()
    runs = Run.objects.filter(id__in=run_ids, status__in=LIVE).order_by("id")
    data = {"cancelled_by": cancelled_by, "reason": reason}
    return write_transitions(
        [
            Move(run=run, to_status=states.CANCELLED, data=data)
            for run in runs.select_for_update(no_key=True)
        ]
    )


def release_stranded_runs() -> int:
    """Let go held runs whose predecessor has ended or is gone; how many. Who ends a run does it in
    the same commit: this is for two that end at the same moment, and for rows deleted by hand.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_STRANDED, [sorted(states.TERMINAL), BATCH_SIZE])
            rows = cursor.fetchall()
        release_held(sorted({ended for ended, _ in rows if ended is not None}))
        orphans = [held for ended, held in rows if ended is None]
        if orphans:
            Run.objects.filter(id__in=orphans).update(waits_for=None)
    return len(rows)


def apply_new_caps(*, now: dt.datetime) -> int:
    """Move the live runs of actions that were given a cap into the lane that counts; how many."""
    moved = 0
    for action_id, queue in list_newly_capped(since=now - CAPS_ARE_NEW_FOR).items():
        lane = name_lane(queue, is_capped=True)
        runs = Run.objects.filter(action_id=action_id, family=states.TRIGGER, status__in=_CLAIMABLE)
        moved += runs.exclude(queue__in=CAPPED_LANES).update(queue=lane)
    return moved


def read_recent_ends(
    since: Mapping[uuid.UUID, dt.datetime | None], *, counts: Mapping[uuid.UUID, int]
) -> dict[uuid.UUID, list[str]]:
    """Per trigger, how its latest runs ended, newest first: ``completed`` or ``failed``.

    ``counts`` says how many of each; runs made before ``since`` do not count.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _RECENT_ENDS,
            [list(since), list(since.values()), [counts[trigger_id] for trigger_id in since]],
        )
        return dict(cursor.fetchall())

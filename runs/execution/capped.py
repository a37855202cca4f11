"""Claims for actions with ``max_concurrency``: never more of an action running than its cap, over
all workers.
"""

import uuid
from dataclasses import dataclass
from functools import partial

from django.db import connection, transaction

from actions.services import read_caps
from runs.execution.claim import MAY_RUN, NOW, ClaimedRun, build_take, give_way, take
from runs.rules.lanes import CAPPED_LANES

# How many actions one claim looks at. Past this many, the next one goes on where this one stopped.
ACTIONS_PER_CLAIM = 100
# The first half of the advisory lock's key; the action's id makes the second.
_LOCK_CLASS = 0x63617073

_LANES = ", ".join(f"'{lane}'" for lane in CAPPED_LANES)
_READY = f"""queue = %(lane)s AND queue IN ({_LANES}) AND status = 'queued' AND waits_for IS NULL
    AND available_at <= {NOW} AND (start_deadline_at IS NULL OR start_deadline_at > {NOW})
    AND {MAY_RUN}"""
_RUNNING = f"""SELECT count(*) FROM runs_run busy
    WHERE busy.status = 'running' AND busy.queue IN ({_LANES}) AND busy.action_id ="""  # noqa: S608 - constants only

# The lane's actions by a loose scan, from a rotating start: each with the priority of its next run
# and how many of it are running.
_CANDIDATES = f"""
WITH RECURSIVE picked AS (
    (SELECT action_id, 1 AS n FROM runs_run
        WHERE {_READY} AND action_id > %(after)s ORDER BY action_id LIMIT 1)
  UNION ALL
    SELECT next.action_id, picked.n + 1 FROM picked CROSS JOIN LATERAL (
        SELECT action_id FROM runs_run WHERE {_READY} AND action_id > picked.action_id
        ORDER BY action_id LIMIT 1) next
    WHERE picked.n < %(actions)s
)
SELECT action_id, ({_RUNNING} picked.action_id), (SELECT max(priority) FROM runs_run
    WHERE {_READY} AND action_id = picked.action_id)
FROM picked ORDER BY action_id
"""  # noqa: S608 - constants only

_LOCK = f"SELECT pg_advisory_xact_lock({_LOCK_CLASS}, hashtext(%s))"

_CLAIM = build_take(f"""
    SELECT id FROM runs_run WHERE {_READY} AND action_id = %(action)s
    ORDER BY priority DESC, available_at, id
    LIMIT (SELECT CASE WHEN ({_RUNNING} %(action)s) < %(cap)s THEN 1 ELSE 0 END)
    FOR UPDATE SKIP LOCKED
""")  # noqa: S608 - constants only

_NO_ACTION = uuid.UUID(int=0)
# Per process and lane, the action that was served last. A lost update only moves the next start.
_last_action: dict[str, uuid.UUID] = {}


@dataclass(frozen=True, slots=True)
class _Candidate:
    action_id: uuid.UUID
    running: int
    priority: int


def claim_capped(lane: str) -> list[ClaimedRun]:
    """Claim one due run of an action that is below its cap: the highest priority first, else the
    actions in turn. Empty when every action with due runs is full.
    """
    candidates = _find_candidates(lane)
    caps = read_caps([one.action_id for one in candidates]) if candidates else {}
    for candidate in sorted(candidates, key=lambda one: -one.priority):
        # A cap that was lifted meanwhile, and a deleted action, let everything through.
        cap = caps.get(candidate.action_id)
        if cap is not None and candidate.running >= cap:
            continue
        claimed = give_way(partial(_claim_one, lane, candidate.action_id, cap))
        if claimed:
            _last_action[lane] = candidate.action_id
            return claimed
    return []


def _find_candidates(lane: str) -> list[_Candidate]:
    """From behind the action served last, then from the beginning."""
    start = _last_action.get(lane, _NO_ACTION)
    found = _scan(lane, after=start)
    if start != _NO_ACTION and len(found) < ACTIONS_PER_CLAIM:
        seen = {one.action_id for one in found}
        found += [one for one in _scan(lane, after=_NO_ACTION) if one.action_id not in seen]
    elif len(found) == ACTIONS_PER_CLAIM:
        # All of these may be full: the next claim looks behind them.
        _last_action[lane] = found[-1].action_id
    return found


def _scan(lane: str, *, after: uuid.UUID) -> list[_Candidate]:
    with connection.cursor() as cursor:
        cursor.execute(_CANDIDATES, {"lane": lane, "after": after, "actions": ACTIONS_PER_CLAIM})
        return [_Candidate(*row) for row in cursor.fetchall()]


def _claim_one(lane: str, action_id: uuid.UUID, cap: int | None) -> list[ClaimedRun]:
    # Claims of one action go one after another; the count is taken by a statement that begins
    # under the lock, and so sees whoever held it before.
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_LOCK, [str(action_id)])
        return take(_CLAIM, {"lane": lane, "action": action_id, "cap": cap or 2**31})

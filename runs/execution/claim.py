"""Taking due runs: one statement gives lease, token and attempt, and commits before the work."""

import dataclasses
import datetime as dt
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any

from django.db import IntegrityError, connection
from psycopg.errors import UniqueViolation

from runs.models import ONE_LAST_CHANCE
from runs.rules.retry import LAST_CHANCE

LEASE_SECONDS = 30
# Cooperative timeouts get this long to report themselves before the heartbeat gives the run up.
DEADLINE_GRACE_SECONDS = 5
# How many workspaces one claim looks at. Past this many, the next claim goes on where this one
# stopped.
WORKSPACES_PER_CLAIM = 16

_NO_WORKSPACE = uuid.UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedRun:
    """A run as its claimer holds it. ``attempt`` counts this one."""

    id: uuid.UUID
    workspace_id: uuid.UUID
    trigger_id: uuid.UUID | None
    trigger_name: str | None
    action_id: uuid.UUID
    action_type: str
    family: str
    status: str
    triggered_by: str
    scheduled_for: dt.datetime | None
    input: dict[str, Any]
    # Of the attempt before this one.
    error: dict[str, Any] | None
    attempt: int
    lost_leases: int
    retry: Mapping[str, Any]
    timeout_seconds: float
    lease_token: uuid.UUID
    chain_id: uuid.UUID
    last_event_id: uuid.UUID
    claimed_at: dt.datetime


# Outside a transaction this is now(); inside one it still moves.
NOW = "statement_timestamp()"
_CLAIMED_NAMES = [field.name for field in dataclasses.fields(ClaimedRun)]
_CLAIMED_COLUMNS = ", ".join(
    f"{NOW} AS claimed_at" if name == "claimed_at" else f"r.{name}" for name in _CLAIMED_NAMES
)

# The ids as an array: to join with due, all of a table of some thousand rows would be read.
_TAKE = f"""
UPDATE runs_run r SET status = 'running', attempt = r.attempt + 1, lease_token = gen_random_uuid(),
    lease_until = {NOW} + make_interval(secs => {LEASE_SECONDS}),
    deadline_at = {NOW} + make_interval(secs => r.timeout_seconds + {DEADLINE_GRACE_SECONDS}),
    started_at = coalesce(r.started_at, {NOW})
WHERE r.id = ANY(ARRAY(SELECT id FROM due))
RETURNING {_CLAIMED_COLUMNS}
"""  # noqa: S608 - constants only


def build_take(due: str) -> str:
    """SQL that claims the runs which ``due`` selects and locks. MATERIALIZED is a fence: without it
    the planner may lock more rows than its LIMIT.
    """
    return f"WITH due AS MATERIALIZED ({due}) {_TAKE}"


_READY = f"""status = 'queued' AND lost_leases = 0 AND waits_for IS NULL AND queue = %(queue)s
    AND available_at <= {NOW}"""
_AT_LEVEL = f"{_READY} AND priority = (SELECT p FROM level)"  # noqa: S608 - constants only
# One step along the claim index. The order is the whole index': no other one gives it.
_STEP = f"""SELECT workspace_id FROM runs_run WHERE {_AT_LEVEL} AND <after>
    ORDER BY workspace_id, available_at LIMIT 1"""  # noqa: S608 - constants only


def _next_workspace(after: str) -> str:
    """SQL for the next workspace with something due at the level, wrapping to the first one."""
    # OFFSET 0 is a fence: the steps are taken once, not once per mention.
    return f"""SELECT coalesce(({_STEP.replace("<after>", f"workspace_id > {after}")}),
        ({_STEP.replace("<after>", "true")})) AS workspace_id OFFSET 0"""


# level: the highest priority with something due, by one index probe per level; sorting across
#   levels would walk every delayed retry. "priority >= 1", always true, opens runs_run_due to the
#   probe and to nobody else: the statistics of a queue are those of another hour, and trusting them
#   the planner would read and sort that index' whole backlog for each of the next steps.
# picked: workspaces with something due there, by a loose scan of the claim index that starts behind
#   the last one served: one workspace with 100,000 runs does not hold up another's one.
# due: MATERIALIZED is a fence; without it the planner may lock more rows than LIMIT.
_CLAIM = f"""
WITH RECURSIVE level AS MATERIALIZED (
    SELECT p FROM generate_series(10, 1, -1) AS p
    CROSS JOIN LATERAL (
        SELECT FROM runs_run WHERE {_READY} AND priority >= 1 AND priority = p
        ORDER BY available_at LIMIT 1) probe
    ORDER BY p DESC LIMIT 1
), picked AS (
    SELECT workspace_id, workspace_id AS start, 1 AS n FROM ({_next_workspace("%(after)s")}) first
    WHERE workspace_id IS NOT NULL
  UNION ALL
    SELECT next.workspace_id, picked.start, picked.n + 1
    FROM picked CROSS JOIN LATERAL ({_next_workspace("picked.workspace_id")}) next
    WHERE next.workspace_id <> picked.start AND picked.n < %(workspaces)s
), due AS MATERIALIZED (
    SELECT d.id FROM picked CROSS JOIN LATERAL (
        SELECT id FROM runs_run WHERE {_AT_LEVEL} AND workspace_id = picked.workspace_id
            AND (start_deadline_at IS NULL OR start_deadline_at > {NOW})
        ORDER BY available_at, id
        LIMIT (SELECT greatest(1, ceil(%(limit)s::numeric / count(*)))::bigint FROM picked)
        FOR UPDATE SKIP LOCKED) d
    LIMIT %(limit)s
)
{_TAKE}
"""  # noqa: S608 - constants only

# A run that lost its worker is claimed alone: a poison pill then takes no neighbours of its batch
# with it. On its last chance it is the only one: other slots may run neighbours of that batch.
MAY_RUN = f"""(lost_leases < {LAST_CHANCE} OR NOT EXISTS (SELECT FROM runs_run other
    WHERE other.status = 'running' AND other.lost_leases >= {LAST_CHANCE}
    AND split_part(other.queue, '.', 1) = split_part(runs_run.queue, '.', 1)))"""
_CLAIM_SUSPECT = build_take(f"""
    SELECT id FROM runs_run WHERE status = 'queued' AND lost_leases > 0 AND queue = %(queue)s
        AND available_at <= {NOW} AND (start_deadline_at IS NULL OR start_deadline_at > {NOW})
        AND {MAY_RUN}
    ORDER BY available_at LIMIT 1 FOR UPDATE SKIP LOCKED
""")  # noqa: S608 - constants only

# Two halves, each with a partial index of its own.
_DUE_QUEUES = f"""
SELECT queue, count(*), max(extract(epoch FROM {NOW} - available_at))::float FROM (
    SELECT queue, available_at FROM runs_run
    WHERE status = 'queued' AND lost_leases = 0 AND waits_for IS NULL AND priority >= 1
        AND available_at <= {NOW} - make_interval(secs => %(seconds)s)
  UNION ALL
    SELECT queue, available_at FROM runs_run
    WHERE status = 'queued' AND lost_leases > 0
        AND available_at <= {NOW} - make_interval(secs => %(seconds)s)
    LIMIT 1000) due
GROUP BY queue
"""  # noqa: S608 - constants only

# Per process and queue, where the last claim stopped. A lost update only moves the start of the
# next round.
_last_workspace: dict[str, uuid.UUID] = {}


def claim_runs(queue: str, *, limit: int) -> list[ClaimedRun]:
    """Claim up to ``limit`` due runs of the highest priority, spread over workspaces."""
    after = _last_workspace.get(queue, _NO_WORKSPACE)
    parameters = {
        "queue": queue,
        "limit": limit,
        "after": after,
        "workspaces": WORKSPACES_PER_CLAIM,
    }
    claimed = take(_CLAIM, parameters)
    if claimed:
        served = {run.workspace_id for run in claimed}
        # In the order of the steps: those behind where it began, then from the first one on.
        _last_workspace[queue] = max(served, key=lambda one: (one <= after, one))
    return claimed


def claim_suspect(queue: str) -> list[ClaimedRun]:
    """Claim one due run that has lost a lease before."""
    return give_way(partial(take, _CLAIM_SUSPECT, {"queue": queue}))


def give_way(claim: Callable[[], list[ClaimedRun]]) -> list[ClaimedRun]:
    """What the claim brings; nothing where another one takes a run on its last chance at the same
    moment.
    """
    try:
        return claim()
    except IntegrityError as error:
        cause = error.__cause__
        if isinstance(cause, UniqueViolation) and cause.diag.constraint_name == ONE_LAST_CHANCE:
            return []
        raise


def find_due_queues(*, waiting_seconds: float) -> list[tuple[str, int, float]]:
    """``(queue, due runs, age of the oldest in seconds)`` of queues with a run due for longer than
    ``waiting_seconds``.

    The count stops at 1,000.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DUE_QUEUES, {"seconds": waiting_seconds})
        return [(queue, count, age) for queue, count, age in cursor.fetchall()]


def take(sql: str, parameters: dict[str, Any]) -> list[ClaimedRun]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [_read_claimed(row) for row in cursor.fetchall()]


def _read_claimed(row: tuple[Any, ...]) -> ClaimedRun:
    values = dict(zip(_CLAIMED_NAMES, row, strict=True))
    # Django leaves jsonb as text, for its fields to decode.
    values["input"] = json.loads(values["input"])
    values["retry"] = _read_policy(values["retry"])
    if values["error"] is not None:
        values["error"] = json.loads(values["error"])
    return ClaimedRun(**values)


@lru_cache(maxsize=1024)
def _read_policy(text: str) -> Mapping[str, Any]:
    """Few policies serve many runs, which share the value read."""
    policy: dict[str, Any] = json.loads(text)
    return MappingProxyType(policy)

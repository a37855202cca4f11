"""The rows that the ledger checker looks at, as Postgres has them and as clients noted them."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True, kw_only=True)
class FireRow:
    id: str
    trigger_id: str
    key: str
    cause: str
    outcome: str
    scheduled_for: dt.datetime | None
    scheduled_until: dt.datetime | None
    slot_count: int
    run_id: str | None
    fired_event_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    id: str
    trigger_id: str
    fire_id: str | None
    status: str
    attempt: int
    lost_leases: int
    chain_id: str
    fired_event_id: str
    last_event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    id: str
    chain_id: str
    parent_id: str | None
    run_id: str | None
    event_type: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """One answer of 200 as the client noted it. ``key`` is the delivery's, None for a call by hand;
    several answers with one key must name one run.
    """

    run_id: str
    fired_event_id: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that must not be: of which kind, about whom, and in words."""

    kind: str
    subject: str
    text: str


@dataclass(slots=True, kw_only=True)
class Ledger:
    """Fires, runs and events of some triggers; ``events`` hold the whole chains of the runs."""

    fires: list[FireRow] = field(default_factory=list)
    runs: list[RunRow] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)


def read_ledger(database_url: str, trigger_ids: Sequence[str]) -> Ledger:
    """The rows of these triggers, as of one moment."""
    options = "-c default_transaction_isolation=repeatable\\ read"
    with psycopg.connect(database_url, options=options) as connection:
        return Ledger(
            fires=_read(connection, FireRow, _FIRES, trigger_ids),
            runs=_read(connection, RunRow, _RUNS, trigger_ids),
            events=_read(connection, EventRow, _EVENTS, trigger_ids),
        )


_FIRES = """
SELECT id::text, trigger_id::text, key, cause, outcome, scheduled_for, scheduled_until, slot_count,
    run_id::text, fired_event_id::text
FROM triggers_fire WHERE trigger_id = ANY(%s::uuid[])
"""
_RUNS = """
SELECT id::text, trigger_id::text, fire_id::text, status, attempt, lost_leases, chain_id::text,
    fired_event_id::text, last_event_id::text
FROM runs_run WHERE trigger_id = ANY(%s::uuid[]) AND family = 'trigger'
"""
_EVENTS = """
SELECT id::text, chain_id::text, parent_id::text, run_id::text, event_type, data
FROM events_event WHERE chain_id IN (
    SELECT chain_id FROM runs_run WHERE trigger_id = ANY(%s::uuid[]) AND family = 'trigger')
ORDER BY id
"""


def _read(connection: Any, kind: type[Any], sql: str, trigger_ids: Sequence[str]) -> list[Any]:
    with connection.cursor(row_factory=class_row(kind)) as cursor:
        return list(cursor.execute(sql, [list(trigger_ids)]).fetchall())

"""The one function that writes a run's status, and with it the event of the move."""

import datetime as dt
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.db import connection

from actions.services import CallStep, follow_calls
from events.rules.event import NewEvent
from events.services import append_events
from runs.rules import states
from workspaces.rules.inserts import Column, plan_insert
from workspaces.rules.times import read_database_time, render_time
from workspaces.services import new_id


class RunInHand(Protocol):
    """What a move needs to know of its run: a claimed run or a locked row."""

    @property
    def id(self) -> uuid.UUID: ...
    @property
    def workspace_id(self) -> uuid.UUID: ...
    @property
    def trigger_id(self) -> uuid.UUID | None: ...
    @property
    def family(self) -> str: ...
    @property
    def input(self) -> Any: ...
    @property
    def status(self) -> str: ...
    @property
    def triggered_by(self) -> str: ...
    @property
    def lease_token(self) -> uuid.UUID | None: ...
    @property
    def chain_id(self) -> uuid.UUID: ...
    @property
    def last_event_id(self) -> uuid.UUID: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One run's move out of the status it is in, and what its event says beside ``triggered_by``.

    ``delay_seconds`` counts for moves to ``queued``, ``deadline_seconds`` for moves to
    ``delegated``. ``event_ids`` are what the action wrote into the chain: the move's event follows
    the last of them.
    """

    run: RunInHand
    to_status: str
    output: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    delay_seconds: float = 0.0
    deadline_seconds: float | None = None
    is_lost_lease: bool = False
    is_attempt_given_back: bool = False
    event_ids: Sequence[uuid.UUID] = ()
    data: dict[str, Any] = field(default_factory=dict)


_TERMINAL = ", ".join(f"'{status}'" for status in sorted(states.TERMINAL))

# What a move brings to the statement: name, type, and how it is read off the move.
_MOVED: tuple[tuple[Column, Callable[[Move], Any]], ...] = (
    (Column("id", "uuid", "id"), lambda move: move.run.id),
    (Column("token", "uuid", "token"), lambda move: move.run.lease_token),
    (Column("from_status", "text", "from_status"), lambda move: move.run.status),
    (Column("to_status", "text", "to_status"), lambda move: move.to_status),
    (Column("output", "jsonb", "output"), lambda move: move.output),
    (Column("error", "jsonb", "error"), lambda move: move.error),
    (Column("delay", "double precision", "delay"), lambda move: move.delay_seconds),
    (Column("deadline", "double precision", "deadline"), lambda move: move.deadline_seconds),
    (Column("lost", "integer", "lost"), lambda move: int(move.is_lost_lease)),
    (Column("given_back", "integer", "given_back"), lambda move: int(move.is_attempt_given_back)),
)
_EVENT_ID = Column("event_id", "uuid", "event_id")
_MOVED_NAMES = ", ".join([*(column.name for column, _ in _MOVED), _EVENT_ID.name])

# clock_timestamp(), not now(): a batch performs inside this transaction, and its end is the runs'
# end. Without a matching token the lease was lost meanwhile: no row, no event. Times come as text:
# most moves need one of them, and a text is read many times faster.
_WRITE = f"""
UPDATE runs_run r SET status = m.to_status,
    output = coalesce(m.output, r.output),
    error = m.error,
    available_at = CASE WHEN m.to_status = 'queued'
        THEN clock_timestamp() + make_interval(secs => m.delay) ELSE r.available_at END,
    deadline_at = CASE WHEN m.to_status = 'delegated'
        THEN clock_timestamp() + make_interval(secs => m.deadline) END,
    ended_at = CASE WHEN m.to_status IN ({_TERMINAL}) THEN clock_timestamp() END,
    lost_leases = r.lost_leases + m.lost,
    attempt = r.attempt - m.given_back,
    lease_token = NULL, lease_until = NULL,
    last_event_id = m.event_id
FROM (<moved>) AS m({_MOVED_NAMES})
WHERE r.id = m.id AND r.status = m.from_status AND r.lease_token IS NOT DISTINCT FROM m.token
RETURNING r.id, CASE WHEN r.status = 'queued' THEN r.available_at::text END,
    r.ended_at IS NOT NULL, r.attempt + m.given_back,
    r.attempt + m.given_back - r.lost_leases + m.lost,
    (extract(epoch FROM r.ended_at - coalesce(r.started_at, r.ended_at)) * 1000)::float8,
    clock_timestamp()::text, r.is_awaited
"""  # noqa: S608 - constants only

# Whoever waited for an ended run goes on waiting for what that one waited for: nothing, unless it
# was held itself.
_RELEASE = """
UPDATE runs_run held SET waits_for = ended.waits_for,
    available_at = CASE WHEN ended.waits_for IS NULL THEN clock_timestamp()
        ELSE held.available_at END
FROM runs_run ended
WHERE held.waits_for = ended.id AND held.status = 'queued' AND ended.id = ANY(%s)
RETURNING held.waits_for
"""


@dataclass(frozen=True, slots=True)
class Written:
    """What a move made of its run's row. ``available_at`` is of runs that wait again."""

    available_at: dt.datetime | None
    has_ended: bool
    attempt: int
    # The attempt's number among those that were not lost with their worker.
    number: int
    duration_ms: float | None
    written_at: dt.datetime
    is_awaited: bool


def write_transitions(moves: Sequence[Move]) -> set[uuid.UUID]:
    """Make the moves and write their events, in the caller's transaction; returns the ids of runs
    that moved.

    A run that is missing from the answer had left the status or the lease that its move starts
    from: nothing was written for it.

    Raises:
        ValueError: a move that the table of states does not have.
    """
    if not moves:
        return set()
    event_types = [
        states.name_event(
            from_status=move.run.status, to_status=move.to_status, family=move.run.family
        )
        for move in moves
    ]
    event_ids = [new_id() for _ in moves]
    written = _update_runs(moves, event_ids)
    made = [
        (move, event_type, event_id, row)
        for move, event_type, event_id in zip(moves, event_types, event_ids, strict=True)
        if (row := written.get(move.run.id)) is not None
    ]
    append_events([describe_move(*one) for one in made])
    follow_calls(
        [
            describe_step(move, event_id, row)
            for move, _, event_id, row in made
            if move.run.family == states.OUTBOUND
        ]
    )
    release_held([one for one, row in written.items() if row.is_awaited and row.has_ended])
    return set(written)


def release_held(ended_ids: Sequence[uuid.UUID]) -> None:
    """Let go the runs that wait for ended ones, in the caller's transaction; no statement without
    ids.
    """
    ended = list(ended_ids)
    while ended:
        with connection.cursor() as cursor:
            cursor.execute(_RELEASE, [ended])
            onward = {row[0] for row in cursor.fetchall()}
        # Two links of one chain may end in one batch.
        ended = [one for one in ended if one in onward]


def _update_runs(moves: Sequence[Move], event_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Written]:
    columns = [(column, [read(move) for move in moves]) for column, read in _MOVED]
    moved = plan_insert([*columns, (_EVENT_ID, event_ids)])
    with connection.cursor() as cursor:
        cursor.execute(_WRITE.replace("<moved>", moved.source), moved.parameters)
        return {row[0]: _read_written(*row[1:]) for row in cursor.fetchall()}


def _read_written(available_at: str | None, *rest: Any) -> Written:
    has_ended, attempt, number, duration_ms, written_at, is_awaited = rest
    return Written(
        available_at=None if available_at is None else read_database_time(available_at),
        has_ended=has_ended,
        attempt=attempt,
        number=number,
        duration_ms=duration_ms,
        written_at=read_database_time(written_at),
        is_awaited=is_awaited,
    )


def describe_step(move: Move, event_id: uuid.UUID, written: Written) -> CallStep:
    """The step that a call takes with its run's move."""
    return CallStep(
        dispatch_run_id=move.run.id,
        run_status=move.to_status,
        attempt=written.number,
        next_attempt_at=written.available_at,
        written_at=written.written_at,
        event_id=event_id,
        output=move.output or {},
        error=move.error,
    )


def describe_move(move: Move, event_type: str, event_id: uuid.UUID, written: Written) -> NewEvent:
    """The event of a move."""
    describe = _describe_call_data if move.run.family == states.OUTBOUND else _describe_data
    entity_type, entity_id, run_id = _name_subject(move.run)
    return NewEvent(
        id=event_id,
        workspace_id=move.run.workspace_id,
        event_type=event_type,
        source="AUTOMATION",
        entity_type=entity_type,
        entity_id=entity_id,
        chain_id=move.run.chain_id,
        parent_id=move.event_ids[-1] if move.event_ids else move.run.last_event_id,
        run_id=run_id,
        trigger_id=move.run.trigger_id,
        data={
            "triggered_by": move.run.triggered_by,
            **move.data,
            **describe(move, written),
            **_describe_wait(move, written),
        },
        effective_at=written.written_at,
    )


def _name_subject(run: RunInHand) -> tuple[str, uuid.UUID, uuid.UUID]:
    """What an event is about, and whose timeline it belongs to: a run's, or that of the run which
    scheduled the call.
    """
    if run.family == states.OUTBOUND:
        return "outbound_call", uuid.UUID(run.input["call_id"]), uuid.UUID(run.input["run_id"])
    return "run", run.id, run.id


def _describe_data(move: Move, written: Written) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if move.to_status == states.COMPLETED:
        data |= {
            "duration_ms": round(written.duration_ms or 0.0, 3),
            "events_written": len(move.event_ids),
        }
    if move.error is not None:
        data["error"] = move.error
    if move.to_status == states.QUEUED:
        data["attempt"] = written.attempt
    return data


def _describe_call_data(move: Move, written: Written) -> dict[str, Any]:
    if move.to_status == states.CANCELLED:
        return {}
    data = {"attempt": written.number, **(move.output or {})}
    if move.error is not None:
        data |= {"reason": move.error["code"], "error": move.error}
    return data


def _describe_wait(move: Move, written: Written) -> dict[str, str | None]:
    if move.to_status != states.QUEUED:
        return {}
    return {"next_attempt_at": render_time(written.available_at)}

"""Runs whose whole life lies behind: written as the engine would have left them, none is queued.

For demonstrations. What decides and describes is the engine's own: the retry rule, the table of
moves, the events of the moves. Only the clock is the caller's.
"""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from actions.services import claim_due_calls, find_call, follow_calls, load_actions
from events.services import append_events
from runs.execution import (
    ClaimedRun,
    Move,
    Outcome,
    Written,
    choose_move,
    describe_move,
    describe_step,
    perform_attempt,
)
from runs.models import Run
from runs.rules import states
from runs.services.building import NewRun, build_dispatch, build_fired_event, build_run
from workspaces.rules.callers import Caller
from workspaces.services import mint_ids_of, new_id

# Half of the longest wait: full jitter's mean.
_JITTER = 0.5
_MILLISECOND = dt.timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastStep:
    """One move of a past run. A queued run is claimed ``waits_seconds`` after it was due, and moves
    ``takes_seconds`` after that; one that runs or is delegated moves ``takes_seconds`` later.

    Without an ``outcome`` the action is performed as of then, which kinds that only use the
    database allow; ``cancelled_by`` ends the run instead.
    """

    takes_seconds: float
    waits_seconds: float = 0.02
    outcome: Outcome | None = None
    cancelled_by: Caller | None = None


class LifeUnfinished(ValueError):
    """The steps leave the run alive."""


def record_run(
    new: NewRun, *, steps: Sequence[PastStep], calls: Sequence[PastStep] = (), now: dt.datetime
) -> dt.datetime:
    """Write a run that was made at ``now``, with its chain, in the caller's transaction; returns
    when it ended.

    ``calls`` are the steps of the outbound call that the run scheduled.

    Raises:
        LifeUnfinished: the steps end before the run does.
        ValueError: a move that a run does not make.
    """
    if new.family == states.TRIGGER:
        append_events([build_fired_event(new, now=now)])
    row = Run(**build_run(new, retry=new.retry.as_json(), now=now))
    row.available_at, row.created_at = now, now
    life = _Life(row)
    for step in steps:
        life.take(step)
    ended_at = life.write()
    if calls and row.output is not None:
        return _record_call(row.workspace_id, UUID(row.output["call_id"]), steps=calls)
    return ended_at


def _record_call(workspace_id: UUID, call_id: UUID, *, steps: Sequence[PastStep]) -> dt.datetime:
    call = find_call(workspace_id=workspace_id, call_id=call_id)
    due_at = call.next_attempt_at or call.created_at
    with mint_ids_of(due_at):
        (due,) = claim_due_calls(limit=1, now=due_at, call_id=call_id)
    return record_run(build_dispatch(due), steps=steps, now=due_at)


class _Life:
    """A run on its way through its past; ``row`` is what it has become so far."""

    def __init__(self, row: Run) -> None:
        self.row = row
        self.stage = row.status
        self.at = row.created_at

    def take(self, step: PastStep) -> None:
        """Claim the run when it is queued, then make the step's move."""
        if self.stage == states.QUEUED:
            self._claim(step)
        claimed_at, self.at = self.at, self.at + dt.timedelta(seconds=step.takes_seconds)
        held = self._hold(claimed_at)
        with mint_ids_of(claimed_at):
            move = _choose_move(held, step)
        with mint_ids_of(self.at):
            self._make(move, event_id=new_id())

    def write(self) -> dt.datetime:
        """Insert the row; when it ended."""
        if self.row.ended_at is None:
            raise LifeUnfinished(f"the run is left {self.stage}")
        fields = {field.attname: getattr(self.row, field.attname) for field in Run._meta.fields}  # noqa: SLF001 - Django's own, documented API
        Run.objects.insert_rows([Run(**fields | {"status": self.stage})])
        return self.row.ended_at

    def _claim(self, step: PastStep) -> None:
        self.at = self.row.available_at + dt.timedelta(seconds=step.waits_seconds)
        self.row.attempt += 1
        self.row.started_at = self.row.started_at or self.at
        self.stage = states.RUNNING

    def _hold(self, claimed_at: dt.datetime) -> ClaimedRun:
        names = [field.name for field in dataclasses.fields(ClaimedRun)]
        held = {name: getattr(self.row, name) for name in names if name != "claimed_at"}
        return ClaimedRun(
            **held | {"status": self.stage, "lease_token": new_id(), "claimed_at": claimed_at}
        )

    def _make(self, move: Move, *, event_id: UUID) -> None:
        row = self.row
        event_type = states.name_event(
            from_status=self.stage, to_status=move.to_status, family=row.family
        )
        self.stage = move.to_status
        row.output = row.output if move.output is None else move.output
        row.error, row.last_event_id = move.error, event_id
        if move.to_status == states.QUEUED:
            row.available_at = self.at + dt.timedelta(seconds=move.delay_seconds)
        if move.to_status in states.TERMINAL:
            row.ended_at = self.at
        written = self._describe_row()
        append_events([describe_move(move, event_type, event_id, written)])
        if row.family == states.OUTBOUND:
            follow_calls([describe_step(move, event_id, written)])

    def _describe_row(self) -> Written:
        row, ended_at = self.row, self.row.ended_at
        began_at = row.started_at or self.at
        return Written(
            available_at=row.available_at if self.stage == states.QUEUED else None,
            has_ended=ended_at is not None,
            attempt=row.attempt,
            number=row.attempt - row.lost_leases,
            duration_ms=None if ended_at is None else (ended_at - began_at) / _MILLISECOND,
            written_at=self.at,
            is_awaited=False,
        )


def _choose_move(held: ClaimedRun, step: PastStep) -> Move:
    if step.cancelled_by is not None:
        data: dict[str, Any] = {"cancelled_by": str(step.cancelled_by)}
        return Move(run=held, to_status=states.CANCELLED, data=data)
    outcome = step.outcome or perform_attempt(held, load_actions({held.action_id}))
    return choose_move(held, outcome, jitter=_JITTER)

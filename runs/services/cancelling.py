"""Ending what has not ended: a run, or an outbound call with the run that places it."""

import datetime as dt
import uuid

from django.db import transaction
from django.db.models import QuerySet

from actions.services import OutboundCall, cancel_pending_call, find_call, hang_up
from runs.execution import Move, write_transitions
from runs.models import Run
from runs.rules import states
from runs.services.reads import list_runs
from workspaces.rules.callers import Caller
from workspaces.rules.problems import Conflict, FieldError, NotFound


def cancel_run(
    *, workspace_id: uuid.UUID, run_id: uuid.UUID, caller: Caller, now: dt.datetime
) -> tuple[Run, str]:
    """Cancel a live run; returns it with its previous status. A running one's result is refused
    from here on.

    Raises:
        NotFound: no such run in the workspace.
        Conflict: the run has ended.
    """
    return _cancel_one(list_runs(workspace_id).filter(id=run_id), caller=caller, noun="run")


def cancel_call(
    *, workspace_id: uuid.UUID, call_id: uuid.UUID, caller: Caller, now: dt.datetime
) -> tuple[OutboundCall, str]:
    """Cancel an outbound call that has not ended; returns it with its previous status. One that is
    going on is hung up.

    Raises:
        NotFound: no such call in the workspace.
        Conflict: the call has ended.
    """
    call = find_call(workspace_id=workspace_id, call_id=call_id)
    previous = call.status
    if not cancel_pending_call(call, caller=caller, now=now):
        # Begun, perhaps just now: its run decides who is first.
        call.refresh_from_db()
        previous = call.status
        if call.dispatch_run_id is None:
            raise _refuse("outbound call", call.status)
        runs = Run.objects.filter(workspace_id=workspace_id, id=call.dispatch_run_id)
        _cancel_one(runs, caller=caller, noun="outbound call")
        call.refresh_from_db()
        hang_up(call)
    call.refresh_from_db()
    return call, previous


def _cancel_one(runs: QuerySet[Run], *, caller: Caller, noun: str) -> tuple[Run, str]:
    with transaction.atomic():
        run = runs.select_for_update(no_key=True).first()
        if run is None:
            raise NotFound(f"There is no such {noun} in this workspace.")
        previous = run.status
        if previous in states.TERMINAL:
            raise _refuse(noun, previous)
        write_transitions(
            [Move(run=run, to_status=states.CANCELLED, data={"cancelled_by": str(caller)})]
        )
        run.refresh_from_db()
    return run, previous


def _refuse(noun: str, status: str) -> Conflict:
    code = f"{noun.rsplit(' ', 1)[-1]}_ended"
    return Conflict(
        f"The {noun} has ended: it is {status}.",
        errors=[FieldError("/status", code, f"the {noun} is {status}")],
    )

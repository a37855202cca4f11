"""Backfills as callers see them: ask for one, look at it, cancel it."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from triggers.models import Backfill, Fire, ScheduleState, Trigger
from triggers.rules.backfills import (
    CANCELLED,
    COMPLETED,
    DEFAULT_MAX_ACTIVE,
    MAX_SLOTS,
    RUNNING,
    choose_slots,
)
from triggers.services.planning import FIRED
from triggers.services.reads import TriggerNotFound, find_trigger
from triggers.services.retention import find_ledger_start
from triggers.services.slots import list_slots
from workspaces.rules.callers import Caller
from workspaces.rules.problems import Conflict, FieldError, NotFound, refuse_field
from workspaces.rules.times import render_time

_TICK = dt.timedelta(microseconds=1)
_EARLIEST = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class BackfillNotFound(NotFound):
    """No such backfill of this trigger."""

    def __init__(self) -> None:
        super().__init__("There is no such backfill of this trigger.")


def plan_backfill(
    *,
    workspace_id: uuid.UUID,
    trigger_id: uuid.UUID,
    fields: Mapping[str, Any],
    caller: Caller,
    now: dt.datetime,
) -> Backfill:
    """What a backfill would do, stored nowhere: its slots in ``[from, to)`` and their counts.

    Slots that the clock still owes are not among those of ``only_missed``.

    Raises:
        TriggerNotFound: there is none in this workspace.
        Conflict: the trigger has no schedule.
        Unprocessable: the range is empty, reaches into the future or behind the ledger's kept
            fires, or holds over 10,000 slots.
    """
    trigger = find_trigger(workspace_id=workspace_id, trigger_id=trigger_id)
    if trigger.schedule is None:
        raise Conflict("This trigger has no schedule, so it has no slots.")
    from_at, to_at, mode = fields["from"], fields["to"], fields.get("mode", "only_missed")
    _check_range(from_at, to_at, now=now)
    _check_ledger(trigger, from_at, now=now)
    slots = _list_range(trigger, from_at, to_at, mode=mode)
    fired = find_fired(trigger.id, slots) if mode == "only_missed" else set()
    order = fields.get("order", "oldest")
    chosen = choose_slots(slots, fired=fired, mode=mode, order=order)
    is_over = not chosen
    return Backfill(
        workspace_id=workspace_id,
        trigger=trigger,
        from_at=from_at,
        to_at=to_at,
        mode=mode,
        order=order,
        max_active=fields.get("max_active", DEFAULT_MAX_ACTIVE),
        status=COMPLETED if is_over else RUNNING,
        slots=chosen,
        slot_count=len(chosen),
        skipped_count=len(slots) - len(chosen),
        created_by=str(caller),
        created_at=now,
        ended_at=now if is_over else None,
    )


def create_backfill(
    *,
    workspace_id: uuid.UUID,
    trigger_id: uuid.UUID,
    fields: Mapping[str, Any],
    caller: Caller,
    now: dt.datetime,
) -> Backfill:
    """Have the schedulers run the range's slots, also those of a paused trigger: it is asked for by
    hand.

    Raises: as ``plan_backfill``.
    """
    with transaction.atomic():
        # Who deletes the trigger locks this row first: it cannot vanish before the commit.
        states = ScheduleState.objects.select_for_update()
        if states.filter(trigger_id=trigger_id).first() is None:
            raise TriggerNotFound
        backfill = plan_backfill(
            workspace_id=workspace_id, trigger_id=trigger_id, fields=fields, caller=caller, now=now
        )
        backfill.save(force_insert=True)
    return backfill


def list_backfills(*, workspace_id: uuid.UUID, trigger_id: uuid.UUID) -> QuerySet[Backfill]:
    """The trigger's backfills, without their slots.

    Raises:
        TriggerNotFound: there is none in this workspace.
    """
    find_trigger(workspace_id=workspace_id, trigger_id=trigger_id)
    return Backfill.objects.filter(trigger_id=trigger_id).defer("slots")


def find_backfill(
    *, workspace_id: uuid.UUID, trigger_id: uuid.UUID, backfill_id: uuid.UUID
) -> Backfill:
    """One backfill, without its slots.

    Raises:
        TriggerNotFound, BackfillNotFound: there is none in this workspace.
    """
    found = list_backfills(workspace_id=workspace_id, trigger_id=trigger_id)
    backfill = found.filter(id=backfill_id).first()
    if backfill is None:
        raise BackfillNotFound
    return backfill


def cancel_backfill(
    *,
    workspace_id: uuid.UUID,
    trigger_id: uuid.UUID,
    backfill_id: uuid.UUID,
    caller: Caller,
    now: dt.datetime,
) -> Backfill:
    """Start nothing more of it; runs that were started go on.

    Raises:
        TriggerNotFound, BackfillNotFound: there is none in this workspace.
        Conflict: it is over already.
    """
    find_backfill(workspace_id=workspace_id, trigger_id=trigger_id, backfill_id=backfill_id)
    # Waits for a scheduler that is just advancing it.
    cancelled = Backfill.objects.filter(id=backfill_id, status=RUNNING).update(
        status=CANCELLED, cancelled_by=str(caller), ended_at=now
    )
    backfill = find_backfill(
        workspace_id=workspace_id, trigger_id=trigger_id, backfill_id=backfill_id
    )
    if not cancelled:
        raise Conflict(
            f"The backfill is over: it is {backfill.status}.",
            errors=[FieldError("/status", "backfill_ended", f"the backfill is {backfill.status}")],
        )
    return backfill


def find_fired(trigger_id: uuid.UUID, slots: Sequence[dt.datetime]) -> set[dt.datetime]:
    """Those between the earliest and the latest of ``slots`` that the ledger has as fired, by
    whatever cause.
    """
    if not slots:
        return set()
    fires = Fire.objects.filter(
        trigger_id=trigger_id, scheduled_for__range=(min(slots), max(slots)), outcome=FIRED
    )
    return {slot for slot in fires.values_list("scheduled_for", flat=True) if slot is not None}


def _check_range(from_at: dt.datetime, to_at: dt.datetime, *, now: dt.datetime) -> None:
    if to_at > now:
        raise refuse_field("/to", code="in_the_future", detail="A backfill is of the past.")
    if from_at < _EARLIEST:
        raise refuse_field("/from", code="out_of_range", detail="A backfill starts in 1970.")
    if from_at >= to_at:
        raise refuse_field("/from", code="out_of_order", detail="from is before to.")


def _check_ledger(trigger: Trigger, from_at: dt.datetime, *, now: dt.datetime) -> None:
    """Nobody knows any more which of the slots before the kept fires have fired."""
    start = find_ledger_start(now=now)
    # A younger trigger has lost nothing.
    if start is not None and trigger.created_at < start and from_at < start:
        detail = f"The ledger of fires reaches back to {render_time(start)}; begin no earlier."
        raise refuse_field("/from", code="beyond_ledger", detail=detail)


def _list_range(
    trigger: Trigger, from_at: dt.datetime, to_at: dt.datetime, *, mode: str
) -> list[dt.datetime]:
    """The slots in ``[from, to)``, without those that the clock still owes when only missed ones
    are wanted.
    """
    owed_from = trigger.schedule_state.next_fire_at
    if mode == "only_missed" and owed_from is not None:
        to_at = min(to_at, owed_from)
    slots = list_slots(trigger, after=from_at - _TICK, until=to_at - _TICK, limit=MAX_SLOTS + 1)
    if len(slots) > MAX_SLOTS:
        detail = f"The range holds more than {MAX_SLOTS} slots; ask for a shorter one."
        raise refuse_field("/to", code="too_many_slots", detail=detail)
    return slots

"""What Beat's tick does to backfills: start their next slots, as many as they may have at once."""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Sequence

import structlog
from django.db import InterfaceError, OperationalError, transaction

from actions.services import ActionSpec, InputRefused, load_actions
from runs.services import read_statuses
from triggers.models import Backfill, ScheduleState, Trigger
from triggers.rules.backfills import CANCELLED, COMPLETED, RUNNING
from triggers.rules.flow import ALLOW
from triggers.services.backfills import find_fired
from triggers.services.planning import Cause, PlannedFire, plan_fire, write_fires
from triggers.services.slots import list_slots_before
from triggers.services.unfired import plan_refused_slot
from workspaces.rules.times import render_time

log = structlog.get_logger(__name__)

# Looked at per tick; the one that waits longest comes first.
BATCH_SIZE = 100
_LIVE = frozenset({"queued", "running", "delegated"})


def advance_backfills(*, now: dt.datetime) -> int:
    """Start what running backfills may start; how many runs. Any number of schedulers may do it."""
    running = Backfill.objects.filter(status=RUNNING).order_by("advanced_at")
    started = 0
    for backfill_id, trigger_id in list(running.values_list("id", "trigger_id")[:BATCH_SIZE]):
        try:
            started += _advance(backfill_id, trigger_id, now=now)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            # It comes again at the next tick, and holds up nobody but itself.
            log.exception("backfill_not_advanced", backfill_id=str(backfill_id))
    return started


def _advance(backfill_id: uuid.UUID, trigger_id: uuid.UUID, *, now: dt.datetime) -> int:
    with transaction.atomic():
        # The row that the clock locks to fire the trigger, and who deletes it before anything else:
        # nobody fires a slot while it is looked up in the ledger.
        state = ScheduleState.objects.select_for_update(skip_locked=True)
        if state.filter(trigger_id=trigger_id).first() is None:
            return 0
        backfill = (
            Backfill.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("trigger__workspace")
            .defer("slots")
            .filter(id=backfill_id, status=RUNNING)
            .first()
        )
        if backfill is None:
            return 0
        _count_ended(backfill)
        started = _start_slots(backfill, now=now)
        _close(backfill, now=now)
        backfill.advanced_at = now
        backfill.save(update_fields=_MOVING)
    return started


_MOVING = (
    "status",
    "position",
    "active_run_ids",
    "skipped_count",
    "refused_count",
    "completed_count",
    "failed_count",
    "cancelled_count",
    "cancelled_by",
    "advanced_at",
    "ended_at",
)


def _count_ended(backfill: Backfill) -> None:
    statuses = read_statuses(backfill.active_run_ids)
    ended = Counter(status for status in statuses.values() if status not in _LIVE)
    # A run that is gone altogether was pruned, long after its end.
    gone = len(backfill.active_run_ids) - len(statuses)
    backfill.completed_count += ended["completed"] + gone
    backfill.failed_count += ended["failed"]
    backfill.cancelled_count += ended["cancelled"]
    backfill.active_run_ids = [
        run_id for run_id in backfill.active_run_ids if statuses.get(run_id) in _LIVE
    ]


def _start_slots(backfill: Backfill, *, now: dt.datetime) -> int:
    """Start as many slots as there is room for; how many runs that makes."""
    if backfill.trigger.workspace.archived_at is not None:
        return 0
    # Where runs may not overlap, a second one would only be turned away.
    room = 1 if backfill.trigger.overlap_policy != ALLOW else backfill.max_active
    slots = _read_slots(backfill, room - len(backfill.active_run_ids))
    fired = find_fired(backfill.trigger_id, slots) if backfill.mode == "only_missed" else set()
    wanted = [slot for slot in slots if slot not in fired]
    plans = _plan_slots(backfill, wanted, now=now)
    written = write_fires(plans, now=now)
    run_ids = [
        plan.run.run_id for plan in plans if plan.run is not None and plan.fire.id in written
    ]
    backfill.position += len(slots)
    backfill.skipped_count += len(slots) - len(wanted)
    backfill.refused_count += len(wanted) - len(run_ids)
    backfill.active_run_ids = [*backfill.active_run_ids, *run_ids]
    return len(run_ids)


def _read_slots(backfill: Backfill, count: int) -> list[dt.datetime]:
    """The next ``count`` slots: a slice, since the whole list may be long."""
    if count <= 0 or backfill.position >= backfill.slot_count:
        return []
    name = f"slots__{backfill.position}_{backfill.position + count}"
    slots: list[dt.datetime] = Backfill.objects.values_list(name, flat=True).get(id=backfill.id)
    return slots


def _plan_slots(
    backfill: Backfill, slots: Sequence[dt.datetime], *, now: dt.datetime
) -> list[PlannedFire]:
    trigger = backfill.trigger
    if not slots:
        return []
    action = load_actions([trigger.action_id])[trigger.action_id]
    return [_plan_slot(trigger, action, _build_cause(backfill, slot), now=now) for slot in slots]


def _plan_slot(
    trigger: Trigger, action: ActionSpec, cause: Cause, *, now: dt.datetime
) -> PlannedFire:
    try:
        return plan_fire(trigger, action, cause, now=now)
    except InputRefused as refusal:
        return plan_refused_slot(trigger, cause, refusal, now=now)


def _build_cause(backfill: Backfill, slot: dt.datetime) -> Cause:
    before = list_slots_before(backfill.trigger, slot, limit=1)
    return Cause(
        kind="backfill",
        key=f"backfill:{backfill.id}:{render_time(slot)}",
        triggered_by=f"backfill:{backfill.id}",
        scheduled_for=slot,
        context={
            "schedule": {
                "scheduled_for": render_time(slot),
                "previous": render_time(before[0]) if before else None,
            }
        },
    )


def _close(backfill: Backfill, *, now: dt.datetime) -> None:
    if backfill.trigger.workspace.archived_at is not None:
        backfill.status, backfill.cancelled_by = CANCELLED, "system:archived"
        backfill.ended_at = now
    elif backfill.position >= backfill.slot_count and not backfill.active_run_ids:
        backfill.status, backfill.ended_at = COMPLETED, now

"""What Beat's tick does to due triggers: claim a batch, settle the slots owed, move them on."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import structlog
from django.db import connection, transaction

from actions.services import ActionSpec, InputRefused, load_actions
from events.rules.event import NewEvent
from events.services import append_events
from triggers.models import Trigger
from triggers.rules.catch_up import MissedRange, OwedDecision
from triggers.services.debts import Debt, Debts
from triggers.services.loading import load_triggers
from triggers.services.planning import (
    FIRED,
    Cause,
    PlannedFire,
    plan_fire,
    write_fires,
)
from triggers.services.settled import Settled, advance_schedules
from triggers.services.slots import find_due_time
from triggers.services.unfired import (
    MISSED,
    build_missed_event,
    plan_missed_range,
    plan_refused_slot,
    plan_unfired_slot,
)
from workspaces.rules.times import read_database_time, render_time
from workspaces.services import find_archived, new_id

log = structlog.get_logger(__name__)

BATCH_SIZE = 500
_LOCK_DUE = """
SELECT statement_timestamp()::text, trigger_id, next_fire_at::text, due_at::text,
    last_scheduled_at::text, fire_count
FROM triggers_schedulestate
WHERE due_at <= statement_timestamp() ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED
"""


@dataclass(frozen=True, slots=True)
class DueBatch:
    """What one claim did: triggers taken, runs started, and the greatest lateness in seconds."""

    claimed: int = 0
    fired: int = 0
    lag_seconds: float = 0.0
    is_full: bool = False


@dataclass(frozen=True, slots=True)
class Due:
    """A trigger's due row, as it was locked."""

    trigger_id: uuid.UUID
    next_fire_at: dt.datetime
    due_at: dt.datetime
    previous: dt.datetime | None
    fire_count: int


def fire_due_triggers(*, limit: int = BATCH_SIZE) -> DueBatch:
    """Claim up to ``limit`` due triggers and settle what they owe, in one transaction on Postgres'
    clock.

    Safe beside any number of others: locked rows are passed over, and a slot's ledger row is
    unique. A trigger whose evaluation raises is paused with ``trigger.auto_paused``; the rest of
    the batch goes on.
    """
    with transaction.atomic():
        due, now = _lock_due(limit)
        if not due or now is None:
            return DueBatch()
        triggers = load_triggers([row.trigger_id for row in due])
        actions = load_actions({trigger.action_id for trigger in triggers.values()})
        archived = find_archived({trigger.workspace_id for trigger in triggers.values()})
        debts = Debts(now)
        settled = [
            _pause(trigger, reason="its workspace is archived", now=now)
            if archived and trigger.workspace_id in archived
            else settle_debt(trigger, row, actions, debts)
            for trigger, row in [(triggers[row.trigger_id], row) for row in due]
        ]
        written = write_fires([plan for one in settled for plan in one.plans], now=now)
        append_events([event for one in settled for event in one.events])
        fired = advance_schedules(settled, written, now=now)
    return DueBatch(
        claimed=len(due),
        fired=fired,
        lag_seconds=(now - due[0].due_at).total_seconds(),
        is_full=len(due) == limit,
    )


def read_seconds_to_next_slot() -> float | None:
    """Seconds until the soonest slot of any trigger, negative when it is overdue; None when there
    is none.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM min(due_at) - clock_timestamp())::float8"
            " FROM triggers_schedulestate WHERE due_at IS NOT NULL"
        )
        row: tuple[float | None] = cursor.fetchone()
    return row[0]


def _lock_due(limit: int) -> tuple[list[Due], dt.datetime | None]:
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_DUE, [limit])
        rows = cursor.fetchall()
    # Text until here: the driver takes many times longer to read times. Few differ among many rows.
    read = cache(read_database_time)
    return [
        Due(
            trigger_id=trigger_id,
            next_fire_at=read(slot),
            due_at=read(due_at),
            previous=None if previous is None else read(previous),
            fire_count=fire_count,
        )
        for _, trigger_id, slot, due_at, previous, fire_count in rows
    ], read(rows[0][0]) if rows else None


def settle_debt(
    trigger: Trigger, due: Due, actions: Mapping[uuid.UUID, ActionSpec], debts: Debts
) -> Settled:
    """Decide what becomes of the slots that a trigger owes."""
    try:
        debt = debts.find(trigger, first=due.next_fire_at)
        settled = _plan_slots(trigger, due, actions[trigger.action_id], debt, now=debts.now)
        settled.due_at = find_due_time(trigger, settled.next_fire_at)
    except Exception:
        # Whatever it is, it would come again at every tick and hold up nobody but this trigger.
        log.exception("trigger_auto_paused", trigger_id=str(trigger.id))
        return _pause(trigger, reason="its schedule could not be evaluated", now=debts.now)
    return settled


def _plan_slots(
    trigger: Trigger,
    due: Due,
    action: ActionSpec,
    debt: Debt,
    *,
    now: dt.datetime,
) -> Settled:
    decision = debt.decision
    left = None if trigger.max_fires is None else trigger.max_fires - due.fire_count
    if left is not None and left <= 0:
        return Settled(trigger.id, None)
    settled = Settled(trigger.id, debt.next_fire_at, max_fires=trigger.max_fires)
    previous = due.previous
    for slot, outcome in decision.outcomes:
        if left == 0:
            # Whether it is a slot at all is known once those before it have really fired.
            settled.next_fire_at = slot
            break
        if outcome == FIRED:
            plan = _plan_slot(trigger, action, slot, previous=previous, now=now)
            left = left if left is None or plan.run is None else left - 1
            previous = slot
        else:
            plan = plan_unfired_slot(trigger, slot, outcome=outcome, now=now)
        settled.plans.append(plan)
    settled.is_single = len(decision.outcomes) == 1
    missed = _sum_up_missed(decision)
    if decision.missed_summary is not None:
        settled.plans.append(plan_missed_range(trigger, decision.missed_summary, now=now))
    if missed is not None:
        settled.missed_count, settled.last_missed = missed.count, missed.last
        settled.events.append(build_missed_event(trigger, missed, now=now))
    return settled


def _sum_up_missed(decision: OwedDecision) -> MissedRange | None:
    missed = [slot for slot, outcome in decision.outcomes if outcome == MISSED]
    if decision.missed_summary is not None or not missed:
        return decision.missed_summary
    return MissedRange(missed[0], missed[-1], len(missed))


def _plan_slot(
    trigger: Trigger,
    action: ActionSpec,
    slot: dt.datetime,
    *,
    previous: dt.datetime | None,
    now: dt.datetime,
) -> PlannedFire:
    rendered = render_time(slot)
    cause = Cause(
        kind="schedule",
        key=f"slot:{rendered}",
        triggered_by="schedule",
        scheduled_for=slot,
        context={"schedule": {"scheduled_for": rendered, "previous": render_time(previous)}},
    )
    try:
        return plan_fire(trigger, action, cause, now=now)
    except InputRefused as refusal:
        return plan_refused_slot(trigger, cause, refusal, now=now)


def _pause(trigger: Trigger, *, reason: str, now: dt.datetime) -> Settled:
    Trigger.objects.filter(id=trigger.id).update(is_active=False, pause_reason=reason)
    event = NewEvent(
        id=new_id(),
        workspace_id=trigger.workspace_id,
        event_type="trigger.auto_paused",
        source="AUTOMATION",
        entity_type="trigger",
        entity_id=trigger.id,
        trigger_id=trigger.id,
        data={"triggered_by": "schedule", "reason": reason},
        effective_at=now,
    )
    return Settled(trigger.id, None, events=[event])

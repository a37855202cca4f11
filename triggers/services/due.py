"""What Beat's tick does to due triggers: claim a batch, settle the slots owed, move them on."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.db import connection, transaction

from actions.services import ActionSpec, InputRefused, load_actions
from events.rules.event import NewEvent
from events.services import append_events
from triggers.models import Fire, Trigger
from triggers.rules.catch_up import MissedRange, OwedDecision, settle_owed_slots
from triggers.services.planning import FIRED, Cause, PlannedFire, plan_fire, write_fires
from triggers.services.slots import compute_next_slot, list_owed_slots
from triggers.services.unfired import (
    MISSED,
    build_missed_event,
    plan_missed_range,
    plan_refused_slot,
    plan_unfired_slot,
)
from workspaces.rules.times import render_time
from workspaces.services import new_id

log = structlog.get_logger(__name__)

BATCH_SIZE = 500
# Slots looked at per trigger and claim; a longer debt is paid over several claims.
MAX_OWED = 2000

_LOCK_DUE = """
SELECT trigger_id, next_fire_at, last_scheduled_at, misfire_count, statement_timestamp() FROM
    triggers_schedulestate
WHERE next_fire_at <= statement_timestamp() ORDER BY next_fire_at LIMIT %s FOR UPDATE SKIP LOCKED
"""

_ADVANCE = """
UPDATE triggers_schedulestate s SET next_fire_at = m.next_fire_at,
    last_scheduled_at = coalesce(m.last_scheduled_at, s.last_scheduled_at),
    last_fire_id = coalesce(m.last_fire_id, s.last_fire_id),
    last_run_at = coalesce(m.last_run_at, s.last_run_at),
    misfire_count = CASE WHEN m.is_on_time THEN 0 ELSE s.misfire_count + m.missed END,
    last_misfire_at = coalesce(m.last_misfire_at, s.last_misfire_at)
FROM unnest(%(ids)s::uuid[], %(next)s::timestamptz[], %(scheduled)s::timestamptz[],
    %(fires)s::uuid[],
    %(ran)s::timestamptz[], %(on_time)s::bool[], %(missed)s::int[], %(misfires)s::timestamptz[])
    AS m(id, next_fire_at, last_scheduled_at, last_fire_id, last_run_at, is_on_time, missed,
        last_misfire_at)
WHERE s.trigger_id = m.id
"""


@dataclass(frozen=True, slots=True)
class DueBatch:
    """What one claim did: triggers taken, runs started, and the greatest lateness in seconds."""

    claimed: int = 0
    fired: int = 0
    lag_seconds: float = 0.0
    is_full: bool = False


@dataclass(slots=True)
class _Settled:
    """One trigger's debt, settled: its rows, and where its schedule goes on."""

    trigger_id: uuid.UUID
    next_fire_at: dt.datetime | None
    plans: list[PlannedFire] = field(default_factory=list)
    events: list[NewEvent] = field(default_factory=list)
    last_fired: Fire | None = None
    missed_count: int = 0
    last_missed: dt.datetime | None = None
    is_on_time: bool = False


@dataclass(frozen=True, slots=True)
class _Due:
    trigger_id: uuid.UUID
    next_fire_at: dt.datetime
    previous: dt.datetime | None
    misfire_count: int


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
        triggers = Trigger.objects.select_related("workspace").in_bulk(
            [row.trigger_id for row in due]
        )
        actions = load_actions({trigger.action_id for trigger in triggers.values()})
        settled = [_settle(triggers[row.trigger_id], row, actions, now=now) for row in due]
        written = write_fires([plan for one in settled for plan in one.plans], now=now)
        append_events([event for one in settled for event in one.events])
        _advance(settled, now=now)
    return DueBatch(
        claimed=len(due),
        fired=sum(
            plan.run is not None and plan.fire.id in written
            for one in settled
            for plan in one.plans
        ),
        lag_seconds=(now - due[0].next_fire_at).total_seconds(),
        is_full=len(due) == limit,
    )


def read_seconds_to_next_slot() -> float | None:
    """Seconds until the soonest slot of any trigger, negative when it is overdue; None when there
    is none.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM min(next_fire_at) - clock_timestamp())::float8"
            " FROM triggers_schedulestate WHERE next_fire_at IS NOT NULL"
        )
        row: tuple[float | None] = cursor.fetchone()
    return row[0]


def _lock_due(limit: int) -> tuple[list[_Due], dt.datetime | None]:
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_DUE, [limit])
        rows = cursor.fetchall()
    return [_Due(*row[:4]) for row in rows], rows[0][4] if rows else None


def _settle(
    trigger: Trigger, due: _Due, actions: Mapping[uuid.UUID, ActionSpec], *, now: dt.datetime
) -> _Settled:
    if trigger.workspace.archived_at is not None:
        return _pause(trigger, reason="its workspace is archived", now=now)
    try:
        owed = list_owed_slots(trigger, first=due.next_fire_at, until=now, limit=MAX_OWED)
        following = compute_next_slot(trigger, after=owed[-1])
        decision = settle_owed_slots(
            owed,
            now=now,
            grace_seconds=trigger.misfire_grace_seconds,
            policy=trigger.catch_up_policy,
            is_complete=following is None or following > now,
        )
        next_fire_at = decision.continue_from or following
        return _plan_slots(
            trigger, due, actions[trigger.action_id], decision, next_fire_at, now=now
        )
    except Exception:
        # Whatever it is, it would come again at every tick and hold up nobody but this trigger.
        log.exception("trigger_auto_paused", trigger_id=str(trigger.id))
        return _pause(trigger, reason="its schedule could not be evaluated", now=now)


def _plan_slots(
    trigger: Trigger,
    due: _Due,
    action: ActionSpec,
    decision: OwedDecision,
    next_fire_at: dt.datetime | None,
    *,
    now: dt.datetime,
) -> _Settled:
    settled = _Settled(trigger.id, next_fire_at)
    previous = due.previous
    for slot, outcome in decision.outcomes:
        if outcome == FIRED:
            plan = _plan_slot(trigger, action, slot, previous=previous, now=now)
            settled.last_fired = plan.fire if plan.run is not None else settled.last_fired
            previous = slot
        else:
            plan = plan_unfired_slot(trigger, slot, outcome=outcome, now=now)
        settled.plans.append(plan)
    settled.is_on_time = settled.last_fired is not None and len(decision.outcomes) == 1
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
    cause = Cause(
        kind="schedule",
        key=f"slot:{render_time(slot)}",
        triggered_by="schedule",
        scheduled_for=slot,
        context={
            "schedule": {"scheduled_for": render_time(slot), "previous": render_time(previous)}
        },
    )
    try:
        return plan_fire(trigger, action, cause, now=now)
    except InputRefused as refusal:
        return plan_refused_slot(trigger, cause, refusal, now=now)


def _pause(trigger: Trigger, *, reason: str, now: dt.datetime) -> _Settled:
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
    return _Settled(trigger.id, None, events=[event])


def _advance(settled: Sequence[_Settled], *, now: dt.datetime) -> None:
    ordered = sorted(settled, key=lambda one: one.trigger_id)
    # Flow control may have turned the slot away since.
    fired = [
        one.last_fired if one.last_fired and one.last_fired.outcome == FIRED else None
        for one in ordered
    ]
    parameters: dict[str, Any] = {
        "ids": [one.trigger_id for one in ordered],
        "next": [one.next_fire_at for one in ordered],
        "scheduled": [fire.scheduled_for if fire else None for fire in fired],
        "fires": [fire.id if fire else None for fire in fired],
        "ran": [now if fire else None for fire in fired],
        "on_time": [one.is_on_time for one in ordered],
        "missed": [one.missed_count for one in ordered],
        "misfires": [one.last_missed for one in ordered],
    }
    with connection.cursor() as cursor:
        cursor.execute(_ADVANCE, parameters)

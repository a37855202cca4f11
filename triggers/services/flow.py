"""Overlap and fire limits: decided under the trigger's row lock, in the transaction that fires.

A trigger that lets its runs overlap and has no limit never comes here: no statement, no lock.
"""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db.models import F
from django.db.models.functions import Greatest

from runs.services import LiveRun, cancel_runs, guard_runs, read_live_runs
from triggers.models import Fire, ScheduleState, Trigger
from triggers.rules.flow import (
    ALLOW,
    FIRED,
    MOVING_POLICIES,
    OVERLAP_SKIPPED,
    SKIP,
    Decision,
    FireLimit,
    Standing,
    decide_fire,
    parse_fire_limit,
)

if TYPE_CHECKING:
    from triggers.services.planning import PlannedFire

CANCELLED_BY = "system:overlap"


@dataclass(slots=True)
class FlowMarks:
    """What is left to write once the runs are there: see `mark_fires`."""

    # Each new run with the one that it waits for.
    waits: dict[uuid.UUID, uuid.UUID | None] = field(default_factory=dict)
    counted_fires: list[uuid.UUID] = field(default_factory=list)


@dataclass(slots=True)
class _Book:
    """One trigger's state of affairs while a transaction fires it, once or several times."""

    trigger: Trigger
    limit: FireLimit | None
    live: list[Standing] = field(default_factory=list)
    fired_at: list[dt.datetime] = field(default_factory=list)
    # Planned in this transaction, and not yet written.
    pending: dict[uuid.UUID, "PlannedFire"] = field(default_factory=dict)
    stored: dict[uuid.UUID, LiveRun] = field(default_factory=dict)


def has_flow_control(trigger: Trigger) -> bool:
    """Whether its fires are decided under its row's lock."""
    return trigger.overlap_policy != ALLOW or trigger.fire_limit is not None


def control_fires(planned: Sequence["PlannedFire"], *, now: dt.datetime) -> FlowMarks:
    """Turn away the planned fires that overlap or exceed a limit, and move the runs that they
    displace or cancel, in the caller's transaction.

    A fire whose key the ledger has already is left alone: it comes to nothing by itself.
    """
    marks = FlowMarks()
    controlled = [
        plan for plan in planned if plan.trigger is not None and has_flow_control(plan.trigger)
    ]
    if not controlled:
        return marks
    triggers = {plan.trigger.id: plan.trigger for plan in controlled if plan.trigger is not None}
    _lock_triggers(triggers)
    taken = _find_taken_keys(controlled)
    books = _open_books(triggers, now=now)
    for plan in controlled:
        if (plan.fire.trigger_id, plan.fire.key) not in taken:
            _settle(plan, books[plan.fire.trigger_id], marks, now=now)
    return marks


def mark_fires(marks: FlowMarks) -> None:
    """Hold and count what `control_fires` let through, in the same transaction."""
    guard_runs(marks.waits)
    if marks.counted_fires:
        Fire.objects.filter(id__in=marks.counted_fires).update(is_counted=True)


def _lock_triggers(triggers: Mapping[uuid.UUID, Trigger]) -> None:
    # The row that the clock and edits lock too; nothing references it.
    states = ScheduleState.objects.filter(trigger_id__in=triggers).order_by("trigger_id")
    list(states.select_for_update(of=("self",)).values_list("trigger_id"))


def _find_taken_keys(planned: Sequence["PlannedFire"]) -> set[tuple[uuid.UUID, str]]:
    rows = Fire.objects.filter(
        trigger_id__in={plan.fire.trigger_id for plan in planned},
        key__in={plan.fire.key for plan in planned},
    )
    return set(rows.values_list("trigger_id", "key"))


def _open_books(
    triggers: Mapping[uuid.UUID, Trigger], *, now: dt.datetime
) -> dict[uuid.UUID, _Book]:
    moving = [one.id for one in triggers.values() if one.overlap_policy in MOVING_POLICIES]
    still = [one.id for one in triggers.values() if one.overlap_policy == SKIP]
    live = read_live_runs(moving, lock=True) if moving else {}
    live |= read_live_runs(still, lock=False) if still else {}
    books = {}
    for trigger in triggers.values():
        limit = None if trigger.fire_limit is None else parse_fire_limit(trigger.fire_limit)
        runs = live.get(trigger.id, [])
        books[trigger.id] = _Book(
            trigger,
            limit,
            live=[Standing(run.id, run.is_held) for run in runs],
            fired_at=_read_recent_fires(trigger, limit, now=now),
            stored={run.id: run for run in runs},
        )
    return books


def _read_recent_fires(
    trigger: Trigger, limit: FireLimit | None, *, now: dt.datetime
) -> list[dt.datetime]:
    if limit is None:
        return []
    counted = Fire.objects.filter(
        trigger_id=trigger.id, is_counted=True, created_at__gt=now - limit.window
    )
    return list(counted.order_by("-created_at").values_list("created_at", flat=True)[: limit.max])


def _settle(plan: "PlannedFire", book: _Book, marks: FlowMarks, *, now: dt.datetime) -> None:
    is_by_hand = plan.fire.cause == "manual"
    decision = decide_fire(
        policy=ALLOW if is_by_hand else book.trigger.overlap_policy,
        live=book.live,
        limit=book.limit,
        fired_at=book.fired_at,
        now=now,
    )
    if decision.outcome != FIRED:
        plan.retry_after_seconds = decision.retry_after_seconds
        plan.turn_away(outcome=decision.outcome, reason=decision.reason or "", now=now)
        return
    _make_way(plan, decision, book, marks, now=now)
    _admit(plan, decision, book, marks, now=now)


def _make_way(
    plan: "PlannedFire", decision: Decision, book: _Book, marks: FlowMarks, *, now: dt.datetime
) -> None:
    gone = {*decision.displaced, *decision.cancelled}
    if not gone:
        return
    reason = f"fire {plan.fire.id} took its place"
    for run_id in gone & set(book.pending):
        other = book.pending.pop(run_id)
        other.turn_away(outcome=OVERLAP_SKIPPED, reason=reason, now=now)
        marks.waits.pop(run_id, None)
        if other.fire.id in marks.counted_fires:
            marks.counted_fires.remove(other.fire.id)
            book.fired_at.remove(now)
    stored = gone & set(book.stored)
    cancel_runs(stored, cancelled_by=CANCELLED_BY, reason=reason)
    displaced = [book.stored[run_id].fire_id for run_id in stored & set(decision.displaced)]
    _take_back([fire_id for fire_id in displaced if fire_id], book.trigger, reason=reason)
    book.live = [run for run in book.live if run.run_id not in gone]


def _take_back(fire_ids: Sequence[uuid.UUID], trigger: Trigger, *, reason: str) -> None:
    """Fires whose runs never started are none: neither the limit nor ``max_fires`` counts them."""
    if not fire_ids:
        return
    fires = Fire.objects.filter(id__in=fire_ids)
    of_schedule = fires.filter(cause="schedule").count()
    fires.update(outcome=OVERLAP_SKIPPED, reason=reason, is_counted=False)
    if of_schedule:
        ScheduleState.objects.filter(trigger=trigger).update(
            fire_count=Greatest(F("fire_count") - of_schedule, 0)
        )


def _admit(
    plan: "PlannedFire", decision: Decision, book: _Book, marks: FlowMarks, *, now: dt.datetime
) -> None:
    if plan.run is None:
        return
    run_id = plan.run.run_id
    book.pending[run_id] = plan
    if book.trigger.overlap_policy != ALLOW:
        book.live.append(Standing(run_id, decision.waits_for is not None))
        marks.waits[run_id] = decision.waits_for
    if book.limit is not None:
        book.fired_at.append(now)
        marks.counted_fires.append(plan.fire.id)

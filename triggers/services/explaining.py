"""Why a slot did or did not run, from the ledger, the audit of the trigger and the Beats' gaps."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from events.services import Event, list_events
from runs.services import read_statuses
from triggers.models import Fire, Trigger
from triggers.rules.explain import Act, Case, LedgerRow, judge, tell
from triggers.rules.render import render_fire
from triggers.rules.timezones import load_timezone
from triggers.services.heartbeats import find_gap
from triggers.services.reads import find_trigger
from triggers.services.retention import find_ledger_start
from triggers.services.slots import compute_next_slot, list_slots, list_slots_before
from workspaces.rules.problems import refuse_field
from workspaces.rules.times import render_time
from workspaces.services import find_bound

NEAREST = 2
# Only the newest are looked at: a slot has one row by the clock, and one per backfill of it.
MAX_ROWS = 20
_YEARS = range(1970, 9000)
_TICK = dt.timedelta(microseconds=1)
_END = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)
_PAUSES = ("trigger.paused", "trigger.auto_paused")
_STATES = (*_PAUSES, "trigger.resumed", "trigger.updated")
_TIMING_FIELDS = ("schedule", "timezone", "dst_gap", "dst_overlap", "starts_at", "ends_at")


@dataclass(frozen=True, slots=True)
class Explanation:
    """``facts`` are what the answer rests on; ``nearest_slots`` are around the time, in UTC."""

    answer: str
    verdict: str
    facts: dict[str, Any]
    nearest_slots: list[dt.datetime]


def explain_slot(
    *, workspace_id: uuid.UUID, trigger_id: uuid.UUID, at: dt.datetime | None, now: dt.datetime
) -> Explanation:
    """What became of the trigger's slot at ``at``, or why it had none there.

    Raises:
        TriggerNotFound: there is none in this workspace.
        Unprocessable: no time is given, or one that no calendar holds.
    """
    trigger = find_trigger(workspace_id=workspace_id, trigger_id=trigger_id)
    at = _check_time(at)
    fires = _find_fires(trigger, at)
    before = list_slots_before(trigger, at, limit=NEAREST)
    following = list_slots(trigger, after=at - _TICK, until=_END, limit=NEAREST + 1)
    case = _build_case(trigger, at, fires, before, following, now=now)
    return Explanation(
        answer=tell(case),
        verdict=judge(case),
        facts=_show_facts(trigger, case, fires),
        nearest_slots=[*before, *following[: NEAREST + case.is_slot]],
    )


def _check_time(at: dt.datetime | None) -> dt.datetime:
    if at is None:
        raise refuse_field("/at", code="required", detail="Say which time is to be explained.")
    if at.year not in _YEARS:
        detail = f"This is a time from {_YEARS[0]} to {_YEARS[-1]}."
        raise refuse_field("/at", code="out_of_range", detail=detail)
    return at


def _build_case(
    trigger: Trigger,
    at: dt.datetime,
    fires: Sequence[Fire],
    before: Sequence[dt.datetime],
    following: Sequence[dt.datetime],
    *,
    now: dt.datetime,
) -> Case:
    is_slot = at in following
    pause, resumed = _find_pause(trigger, at, now=now)
    owed_from = trigger.schedule_state.next_fire_at
    return Case(
        at=at,
        now=now,
        zone=load_timezone(trigger.timezone),
        created_at=trigger.created_at,
        schedule=trigger.schedule,
        is_slot=is_slot,
        next_slot=next((slot for slot in following if slot > at), None),
        last_slot=trigger.schedule_state.last_scheduled_at or (before[-1] if before else None),
        is_exhausted=_is_exhausted(trigger, at, following),
        pause=pause,
        resumed=resumed,
        changed=_find_timing_change(trigger, at) if at <= now else None,
        gap=find_gap(at, now=now) if at <= now else None,
        is_owed=owed_from is not None and owed_from <= at <= now,
        kept_since=find_ledger_start(now=now) if at <= now else None,
        rows=_read_rows(fires),
    )


def _find_fires(trigger: Trigger, at: dt.datetime) -> list[Fire]:
    """The rows of exactly this slot, else the one that sums it up among others; oldest first."""
    rows = Fire.objects.filter(trigger_id=trigger.id)
    own = rows.filter(scheduled_for=at, scheduled_until=None).order_by("-id")[:MAX_ROWS]
    held = rows.filter(scheduled_for__lte=at, scheduled_until__gte=at).order_by("id")[:1]
    found = list(own)
    # A summary speaks of slots only: of what lies between two of them it says nothing.
    if compute_next_slot(trigger, after=at - _TICK) == at:
        found += held
    return sorted(found, key=lambda fire: fire.id)


def _read_rows(fires: Sequence[Fire]) -> tuple[LedgerRow, ...]:
    statuses = read_statuses([fire.run_id for fire in fires if fire.run_id is not None])
    return tuple(
        LedgerRow(
            outcome=fire.outcome,
            cause=fire.cause,
            reason=fire.reason,
            recorded_at=fire.created_at,
            # backfill:<id>:<slot> and replay:<id> name who asked for it.
            triggered_by=":".join(fire.key.split(":")[:2]),
            run_id=None if fire.run_id is None else str(fire.run_id),
            run_status=statuses.get(fire.run_id) if fire.run_id is not None else None,
        )
        for fire in fires
    )


def _is_exhausted(trigger: Trigger, at: dt.datetime, following: Sequence[dt.datetime]) -> bool:
    if trigger.schedule is None:
        return False
    if not following:
        return True
    # It ended by count: slots would go on, and none of them is promised.
    state = trigger.schedule_state
    last = state.last_scheduled_at
    is_ended = trigger.is_active and state.next_fire_at is None
    return is_ended and (last is None or at > last)


def _find_pause(
    trigger: Trigger, at: dt.datetime, *, now: dt.datetime
) -> tuple[Act | None, Act | None]:
    """The pause in force at the time, and who ended it; what is to come is judged by today."""
    if at > now:
        until = trigger.paused_until
        if trigger.is_active or (until is not None and until <= at):
            return None, None
        at = now
    changes = _list_changes(trigger, _STATES).filter(
        ~Q(event_type="trigger.updated") | Q(data__has_key="is_active")
    )
    last = changes.filter(effective_at__lte=at).order_by("-id").first()
    following = changes.filter(effective_at__gt=at).order_by("id").first()
    resumed = _read_act(following) if following and not _pauses(following) else None
    if last is not None:
        return (_read_act(last), resumed) if _pauses(last) else (None, None)
    # Never paused nor resumed before, as far as events are kept: it is what it was made as.
    was_made_active = _pauses(following) if following is not None else trigger.is_active
    if was_made_active:
        return None, None
    return _find_forgotten_pause(trigger, now=now), resumed


def _find_forgotten_pause(trigger: Trigger, *, now: dt.datetime) -> Act:
    kept_since = find_bound("events", now=now)
    if kept_since is None or trigger.created_at >= kept_since:
        return Act(by=trigger.created_by, at=trigger.created_at)
    return Act(by="whoever did it", at=kept_since, reason=trigger.pause_reason, is_earlier=True)


def _find_timing_change(trigger: Trigger, at: dt.datetime) -> Act | None:
    changed = Q()
    for name in _TIMING_FIELDS:
        changed |= Q(data__changed__contains=name)
    events = _list_changes(trigger, ("trigger.updated",)).filter(changed, effective_at__gt=at)
    first = events.order_by("id").first()
    return None if first is None else _read_act(first)


def _list_changes(trigger: Trigger, event_types: Sequence[str]) -> Any:
    return list_events(trigger.workspace_id, event_types=event_types, trigger_id=trigger.id)


def _pauses(event: Event) -> bool:
    if event.event_type == "trigger.updated":
        return not event.data["is_active"]
    return event.event_type in _PAUSES


def _read_act(event: Event) -> Act:
    by = event.data.get("by") or "the scheduler"
    return Act(by=by, at=event.effective_at, reason=event.data.get("reason"))


def _show_facts(trigger: Trigger, case: Case, fires: Sequence[Fire]) -> dict[str, Any]:
    return {
        "at": render_time(case.at),
        "local": case.at.astimezone(case.zone).isoformat(),
        "is_slot": case.is_slot,
        "schedule": trigger.schedule,
        "timezone": trigger.timezone,
        "created_at": render_time(trigger.created_at),
        "fires": [render_fire(fire) for fire in fires],
        "runs": [
            {"run_id": row.run_id, "status": row.run_status} for row in case.rows if row.run_id
        ],
        "paused": _show_act(case.pause),
        "resumed": _show_act(case.resumed),
        "schedule_changed": _show_act(case.changed),
        "scheduler_gap": None
        if case.gap is None
        else {"from": render_time(case.gap[0]), "to": render_time(case.gap[1])},
        "next_fire_at": render_time(trigger.schedule_state.next_fire_at),
    }


def _show_act(act: Act | None) -> dict[str, Any] | None:
    if act is None:
        return None
    return {"by": act.by, "at": render_time(act.at), "reason": act.reason}

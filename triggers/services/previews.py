"""A schedule's future: of one that is only being written, and of all that a workspace has."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from actions.services import ActionSpec, load_actions
from triggers.models import Trigger
from triggers.rules.preview import DEFAULT_COUNT, Occurrence, Plan, preview_plan
from triggers.rules.schedule import (
    InvalidSchedule,
    InvalidTimezone,
    check_schedule,
    check_timezone,
    next_slot,
)
from triggers.rules.surprises import find_surprises
from triggers.services.slots import list_slots
from workspaces.rules.problems import FieldError, Unprocessable, refuse_field

_YEARS = range(1900, 9000)
_INSTANTS = ("after", "starts_at", "ends_at")
_END = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Preview:
    """A sound schedule with its next slots and what may surprise about them."""

    plan: Plan
    occurrences: list[Occurrence]
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class UpcomingRun:
    """One slot that a trigger will fire."""

    trigger: Trigger
    at: dt.datetime
    agent_prompt: str | None


def preview_schedule(fields: Mapping[str, Any], *, now: dt.datetime) -> Preview:
    """The next slots after ``after`` (``now`` without it) of a schedule that nobody has saved.

    Raises:
        Unprocessable: the schedule or its zone is not sound, never fires, or a time is out of
            range; one error per field.
    """
    after = fields.get("after", now)
    plan = _read_plan(fields)
    _refuse_what_never_fires(plan, after=after)
    occurrences = preview_plan(plan, after=after, count=fields.get("count", DEFAULT_COUNT))
    warnings = find_surprises(plan, after=after)
    if not occurrences:
        warnings.append("no slot comes within its bounds")
    return Preview(plan, occurrences, warnings)


def list_upcoming_runs(
    *, workspace_id: uuid.UUID, trigger_id: uuid.UUID | None, limit: int, per_trigger: int
) -> tuple[list[UpcomingRun], int]:
    """The next ``limit`` slots of active triggers, soonest first, at most ``per_trigger`` of each;
    and how many there are before that cut (one each for triggers that come later than all of them).
    """
    triggers = Trigger.objects.select_related("schedule_state").filter(
        workspace_id=workspace_id, is_active=True, schedule_state__next_fire_at__isnull=False
    )
    if trigger_id is not None:
        triggers = triggers.filter(id=trigger_id)
    # Whoever is not among the first so many has no slot among the first so many.
    soonest = list(triggers.order_by("schedule_state__next_fire_at", "id")[:limit])
    found = sorted(
        ((slot, trigger) for trigger in soonest for slot in _list_next(trigger, per_trigger)),
        key=lambda one: (one[0], one[1].id),
    )
    actions = load_actions({trigger.action_id for _, trigger in found[:limit]})
    runs = [
        UpcomingRun(trigger, slot, _read_prompt(actions[trigger.action_id]))
        for slot, trigger in found[:limit]
    ]
    return runs, len(found) + triggers.count() - len(soonest)


def _list_next(trigger: Trigger, count: int) -> list[dt.datetime]:
    first = trigger.schedule_state.next_fire_at
    if first is None:
        return []
    return [first, *list_slots(trigger, after=first, until=_END, limit=count - 1)]


def _read_prompt(action: ActionSpec) -> str | None:
    prompt = action.config.get("prompt") if action.action_type == "run_agent" else None
    return prompt if isinstance(prompt, str) else None


def _read_plan(fields: Mapping[str, Any]) -> Plan:
    schedule, errors = None, _check_instants(fields)
    try:
        schedule = check_schedule(
            fields["schedule"],
            shortest_interval_seconds=settings.CLOCKHOOK_SHORTEST_INTERVAL_SECONDS,
        )
    except InvalidSchedule as error:
        errors.append(FieldError("/schedule", "invalid_schedule", str(error)))
    try:
        check_timezone(fields.get("timezone", "UTC"))
    except InvalidTimezone as error:
        errors.append(FieldError("/timezone", "invalid_timezone", str(error)))
    if schedule is None or errors:
        raise Unprocessable("; ".join(error.detail for error in errors), errors=errors)
    return Plan(
        schedule=schedule,
        timezone=fields.get("timezone", "UTC"),
        dst_gap=fields.get("dst_gap", "shift"),
        dst_overlap=fields.get("dst_overlap", "first"),
        jitter_seconds=fields.get("jitter_seconds", 0),
        trigger_id=fields.get("trigger_id"),
        starts_at=fields.get("starts_at"),
        ends_at=fields.get("ends_at"),
    )


def _check_instants(fields: Mapping[str, Any]) -> list[FieldError]:
    detail = f"This is a time from {_YEARS[0]} to {_YEARS[-1]}."
    errors = [
        FieldError(f"/{name}", "out_of_range", detail)
        for name in _INSTANTS
        if fields.get(name) is not None and fields[name].year not in _YEARS
    ]
    starts_at, ends_at = fields.get("starts_at"), fields.get("ends_at")
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        errors.append(FieldError("/ends_at", "out_of_order", "It ends after it starts."))
    return errors


def _refuse_what_never_fires(plan: Plan, *, after: dt.datetime) -> None:
    slot = next_slot(
        plan.schedule,
        timezone=plan.timezone,
        dst_gap=plan.dst_gap,
        dst_overlap=plan.dst_overlap,
        after=after,
    )
    if slot is None:
        detail = "schedule: it has no slot to come, its time is past"
        raise refuse_field("/schedule", code="never_fires", detail=detail)

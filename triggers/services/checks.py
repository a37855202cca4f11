"""The meaning of a trigger's fields, checked at save so that it never fails at a fire."""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings

from actions.rules.retry import InvalidRetry, parse_retry
from actions.rules.templates import find_template_problems
from actions.services import find_action
from triggers.models import Trigger
from triggers.rules.filters import find_filter_problems
from triggers.rules.flow import InvalidFireLimit, parse_fire_limit
from triggers.rules.schedule import (
    InvalidSchedule,
    InvalidTimezone,
    check_schedule,
    check_timezone,
    parse_schedule,
)
from triggers.services.slots import compute_next_slot
from workspaces.rules.problems import FieldError, NotFound, Unprocessable, escape_pointer

_DEFAULTS = Trigger()
# What a trigger's slots depend on.
_SLOT_FIELDS = ("schedule", "timezone", "dst_gap", "dst_overlap", "starts_at", "ends_at")


def check_fields(
    fields: Mapping[str, Any],
    *,
    workspace_id: uuid.UUID,
    now: dt.datetime,
    current: Trigger | None = None,
) -> dict[str, Any]:
    """The given fields, each found sound; ``current`` is the trigger that they change.

    Raises:
        Unprocessable: one error per field at fault.
    """
    errors = [
        error
        for name, check in _CHECKS.items()
        if fields.get(name) is not None
        for error in check(fields[name])
    ]
    if "action_id" in fields:
        errors += _check_action(fields["action_id"], workspace_id=workspace_id)
    if not errors:
        errors += _check_that_it_fires(fields, current=current, now=now)
    if errors:
        raise Unprocessable("; ".join(error.detail for error in errors), errors=errors)
    return dict(fields)


def _check_schedule(text: str) -> list[FieldError]:
    try:
        parse_schedule(text)
    except InvalidSchedule as error:
        return [FieldError("/schedule", "invalid_schedule", str(error))]
    return []


def _check_that_it_fires(
    fields: Mapping[str, Any], *, current: Trigger | None, now: dt.datetime
) -> list[FieldError]:
    """A newly given schedule must have a slot to come; a stored one may be exhausted."""
    candidate = Trigger(
        **{name: fields.get(name, getattr(current or _DEFAULTS, name)) for name in _SLOT_FIELDS}
    )
    if candidate.starts_at and candidate.ends_at and candidate.ends_at <= candidate.starts_at:
        return [FieldError("/ends_at", "before_starts_at", "ends_at is later than starts_at.")]
    schedule = fields.get("schedule")
    if schedule is None or (current is not None and current.schedule == schedule):
        return []
    try:
        check_schedule(
            schedule, shortest_interval_seconds=settings.CLOCKHOOK_SHORTEST_INTERVAL_SECONDS
        )
    except InvalidSchedule as error:
        return [FieldError("/schedule", "invalid_schedule", str(error))]
    if compute_next_slot(candidate, after=now) is not None:
        return []
    candidate.starts_at = candidate.ends_at = None
    if compute_next_slot(candidate, after=now) is not None:
        name = "starts_at" if fields.get("ends_at") is None else "ends_at"
        detail = "This schedule has no slot to come within its bounds."
        return [FieldError(f"/{name}", "never_fires", detail)]
    detail = "schedule: it has no slot to come, its time is past"
    return [FieldError("/schedule", "never_fires", detail)]


def _check_timezone(name: str) -> list[FieldError]:
    try:
        check_timezone(name)
    except InvalidTimezone as error:
        return [FieldError("/timezone", "invalid_timezone", str(error))]
    return []


def _check_filter(event_filter: Any) -> list[FieldError]:
    return [
        FieldError(f"/event_filter{problem.pointer}", "invalid_filter", problem.detail)
        for problem in find_filter_problems(event_filter)
    ]


def _check_template(template: Any) -> list[FieldError]:
    return [
        FieldError(f"/input_template{problem.pointer}", "invalid_template", problem.detail)
        for problem in find_template_problems(template)
    ]


def _check_retry(retry: Any) -> list[FieldError]:
    try:
        parse_retry(retry)
    except InvalidRetry as error:
        member = f"/{error.member}" if error.member else ""
        return [FieldError(f"/retry{member}", "invalid_retry", error.detail)]
    return []


def _check_fire_limit(limit: Any) -> list[FieldError]:
    try:
        parse_fire_limit(limit)
    except InvalidFireLimit as error:
        member = "" if error.member is None else f"/{escape_pointer(error.member)}"
        return [FieldError(f"/fire_limit{member}", "invalid_fire_limit", error.detail)]
    return []


def _check_action(action_id: uuid.UUID, *, workspace_id: uuid.UUID) -> list[FieldError]:
    try:
        find_action(workspace_id=workspace_id, action_id=action_id)
    except NotFound:
        detail = "There is no such action in this workspace."
        return [FieldError("/action_id", "does_not_exist", detail)]
    return []


_CHECKS: dict[str, Callable[[Any], list[FieldError]]] = {
    "schedule": _check_schedule,
    "timezone": _check_timezone,
    "event_filter": _check_filter,
    "input_template": _check_template,
    "retry": _check_retry,
    "fire_limit": _check_fire_limit,
}

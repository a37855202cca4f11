"""Outbound calls: parameters, states, when an attempt may be made, how they are shown."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID
from zoneinfo import ZoneInfoNotFoundError

from actions.rules.phone_numbers import find_number_problem
from actions.rules.retry import RetryPolicy
from actions.rules.windows import DEFAULT_WINDOW, Window, find_opening, is_open
from workspaces.rules.problems import FieldError
from workspaces.rules.times import render_time

PENDING: Final = "pending"
PLACING: Final = "placing"
DISPATCHED: Final = "dispatched"
RETRYING: Final = "retrying"
COMPLETED: Final = "completed"
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"

CALL_STATUSES: Final = (
    PENDING, PLACING, DISPATCHED, RETRYING, COMPLETED, FAILED, CANCELLED,
)  # fmt: skip
ENDED: Final = frozenset({COMPLETED, FAILED, CANCELLED})
# What a call is once its internal run has moved to a status.
STATUS_AFTER_MOVE: Final[Mapping[str, str]] = {
    "queued": RETRYING,
    "delegated": DISPATCHED,
    "completed": COMPLETED,
    "failed": FAILED,
    "cancelled": CANCELLED,
}

_MAX_DELAY_SECONDS = 366 * 86_400.0
_DEFAULTS: Mapping[str, Any] = {
    "phone_from": None,
    "reason": "outbound_intake",
    "goal": None,
    "priority": 8,
    "max_attempts": 3,
    "retry_backoff_minutes": 30,
    "service_id": None,
    "patient_entity_id": None,
}


@dataclass(frozen=True, slots=True)
class CallInput:
    """What a call is placed with; every parameter that was not given has its default."""

    parameters: dict[str, Any]

    @property
    def window(self) -> Window:
        return Window.from_json(self.parameters["window"])


def fill_parameters(given: Mapping[str, Any]) -> CallInput:
    """The parameters of an input that ``find_input_problems`` lets through; others are left out.

    A null is what a missing member is.
    """
    known = {name: given[name] for name in _DEFAULTS if given.get(name) is not None}
    window = {**DEFAULT_WINDOW, **(given.get("window") or {})}
    return CallInput({"phone_to": given["phone_to"], **_DEFAULTS, **known, "window": window})


def find_input_problems(given: Mapping[str, Any]) -> list[FieldError]:
    """What is wrong with an input that the schema accepts; pointers into it."""
    problems = []
    for name in ("phone_to", "phone_from"):
        detail = None if given.get(name) is None else find_number_problem(given[name])
        if detail is not None:
            problems.append(FieldError(f"/{name}", "invalid_phone_number", detail))
    try:
        Window.from_json(given.get("window") or {})
    except (ZoneInfoNotFoundError, ValueError, OSError):
        problems.append(
            FieldError("/window/timezone", "unknown_timezone", "Must be an IANA time zone.")
        )
    return problems


def compute_retry_delay(
    *, retry_backoff_minutes: float, window: Mapping[str, Any], now: dt.datetime
) -> float:
    """Seconds until the next attempt: after the backoff, once the window is open."""
    earliest = now + dt.timedelta(minutes=retry_backoff_minutes)
    return (find_opening(Window.from_json(window), earliest) - now).total_seconds()


def compute_closed_seconds(window: Mapping[str, Any], now: dt.datetime) -> float | None:
    """How long the window stays closed; None when it is open."""
    parsed = Window.from_json(window)
    if is_open(parsed, now):
        return None
    return (find_opening(parsed, now) - now).total_seconds()


def build_retry_policy(*, max_attempts: int, retry_backoff_minutes: float) -> RetryPolicy:
    """The engine's policy for a call: one retry less than attempts."""
    return RetryPolicy(
        strategy="backoff",
        max_retries=max_attempts - 1,
        base_delay_seconds=max(1.0, retry_backoff_minutes * 60.0),
        max_delay_seconds=_MAX_DELAY_SECONDS,
    )


class StoredCall(Protocol):
    """A call as it was read."""

    id: UUID
    workspace_id: UUID
    trigger_id: UUID | None
    run_id: UUID
    chain_id: UUID
    phone_to: str
    phone_from: str | None
    reason: str
    goal: str | None
    priority: int
    max_attempts: int
    retry_backoff_minutes: float
    window: Any
    service_id: str | None
    patient_entity_id: str | None
    status: str
    attempt: int
    next_attempt_at: dt.datetime | None
    provider: str
    call_sid: str | None
    error: Any
    triggered_by: str
    created_at: dt.datetime
    ended_at: dt.datetime | None


def render_call(call: StoredCall) -> dict[str, Any]:
    """The whole call as the API shows it."""
    return {
        "id": str(call.id),
        "workspace_id": str(call.workspace_id),
        "trigger_id": None if call.trigger_id is None else str(call.trigger_id),
        "run_id": str(call.run_id),
        "chain_id": str(call.chain_id),
        "phone_to": call.phone_to,
        "phone_from": call.phone_from,
        "reason": call.reason,
        "goal": call.goal,
        "priority": call.priority,
        "max_attempts": call.max_attempts,
        "retry_backoff_minutes": call.retry_backoff_minutes,
        "window": call.window,
        "service_id": call.service_id,
        "patient_entity_id": call.patient_entity_id,
        "status": call.status,
        "attempt": call.attempt,
        "next_attempt_at": render_time(call.next_attempt_at),
        "provider": call.provider,
        "call_sid": call.call_sid,
        "error": call.error,
        "triggered_by": call.triggered_by,
        "created_at": render_time(call.created_at),
        "ended_at": render_time(call.ended_at),
    }

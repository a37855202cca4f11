"""Trying an action out: what would be done, or one attempt on the spot. Nothing of either is
recorded.
"""

import datetime as dt
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from actions.kinds import find_kind
from actions.kinds.base import ActionCall, Delegated, Describes, Failed, Outcome
from actions.rules.templates import TemplateTooLarge
from actions.services.performing import Attempt, build_call, perform_action
from actions.services.specs import ActionSpec, InputRefused, check_input, find_action
from workspaces.rules.callers import Caller
from workspaces.rules.problems import FieldError, Unprocessable
from workspaces.services import new_id

MAX_TRIAL_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an attempt would do: the rendered config, and the kind's own description without
    secrets.
    """

    action_type: str
    input: Mapping[str, Any]
    config: Mapping[str, Any]
    description: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What one attempt came to, as a run would show it."""

    action_type: str
    input: Mapping[str, Any]
    outcome: str
    output: Mapping[str, Any] | None
    error: Mapping[str, Any] | None
    duration_ms: int


def plan_action(
    *,
    workspace_id: UUID,
    action_id: UUID,
    input: Mapping[str, Any],  # noqa: A002 - the contract's word
    caller: Caller,
    now: dt.datetime,
) -> Plan:
    """What an attempt with this input would do, without doing any of it.

    Raises:
        ActionNotFound: the workspace has none of that id.
        InputRefused: the action refuses the input; pointers lead into ``/input``.
        Unprocessable: the config renders to more than a config may be, or its kind is gone.
    """
    spec = find_action(workspace_id=workspace_id, action_id=action_id)
    _check_trial_input(spec, input)
    kind = find_kind(spec.action_type)
    if kind is None:
        detail = f"There is no kind {spec.action_type}."
        raise Unprocessable(
            detail, errors=[FieldError("/action_type", "unknown_action_type", detail)]
        )
    call = _build_trial_call(spec, _make_up_run(input, caller=caller, now=now))
    return Plan(
        action_type=spec.action_type,
        input=input,
        config=call.config,
        description=kind.describe(call) if isinstance(kind, Describes) else None,
    )


def try_action(
    *,
    workspace_id: UUID,
    action_id: UUID,
    input: Mapping[str, Any],  # noqa: A002 - the contract's word
    caller: Caller,
    now: dt.datetime,
) -> Trial:
    """One attempt, here and now, of at most ten seconds. What it writes to the database is undone.

    Raises:
        ActionNotFound: the workspace has none of that id.
        InputRefused: the action refuses the input; pointers lead into ``/input``.
    """
    spec = find_action(workspace_id=workspace_id, action_id=action_id)
    _check_trial_input(spec, input)
    kind = find_kind(spec.action_type)
    attempt = _make_up_run(input, caller=caller, now=now)
    started = time.monotonic()
    if kind is not None and kind.uses_database:
        with transaction.atomic():
            outcome = _perform(spec, attempt)
            transaction.set_rollback(True)
    else:
        # The attempt may take seconds: another request can use the connection meanwhile.
        if not connection.in_atomic_block:
            connection.close()
        outcome = _perform(spec, attempt)
    duration_ms = round((time.monotonic() - started) * 1000)
    return _build_trial(spec, attempt, outcome, duration_ms=duration_ms)


def _check_trial_input(spec: ActionSpec, input: Mapping[str, Any]) -> None:  # noqa: A002 - the contract's word
    try:
        check_input(spec, input)
    except InputRefused as refusal:
        errors = [
            FieldError(f"/input{error.pointer}", error.code, error.detail)
            for error in refusal.errors
        ]
        raise InputRefused(refusal.detail, errors=errors) from None


def _build_trial_call(spec: ActionSpec, attempt: Attempt) -> ActionCall:
    try:
        return build_call(spec, **attempt)
    except TemplateTooLarge as error:
        detail = f"The config cannot be rendered. {error}"
        raise Unprocessable(
            detail, errors=[FieldError("/config", "config_render_failed", detail)]
        ) from None


def _make_up_run(
    input: Mapping[str, Any],  # noqa: A002 - the contract's word
    *,
    caller: Caller,
    now: dt.datetime,
) -> Attempt:
    """What a first attempt of a run by hand would bring; no such run exists."""
    chain_id = new_id()
    return {
        "run_id": new_id(),
        "trigger_id": None,
        "attempt": 1,
        "input": input,
        "chain_id": chain_id,
        "parent_event_id": chain_id,
        "triggered_by": f"manual:{caller}",
        "cancelled": threading.Event(),
        "now": now,
    }


def _perform(spec: ActionSpec, attempt: Attempt) -> Outcome:
    seconds = min(spec.timeout_seconds, MAX_TRIAL_SECONDS)
    bounded: Attempt = {**attempt, "timeout_seconds": seconds}
    return perform_action(spec, **bounded)


def _build_trial(
    spec: ActionSpec, attempt: Attempt, outcome: Outcome, *, duration_ms: int
) -> Trial:
    error = None
    if isinstance(outcome, Failed):
        error = {"code": outcome.code, "message": outcome.message, "retryable": outcome.retryable}
    return Trial(
        action_type=spec.action_type,
        input=attempt["input"],
        outcome=_name_outcome(outcome),
        output=None if isinstance(outcome, Failed) else outcome.output,
        error=error,
        duration_ms=duration_ms,
    )


def _name_outcome(outcome: Outcome) -> str:
    if isinstance(outcome, Failed):
        return "failed"
    return "delegated" if isinstance(outcome, Delegated) else "completed"

"""Performing an action: secrets opened, config rendered, the kind called, always an outcome."""

import datetime as dt
import json
import threading
from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict, Unpack
from uuid import UUID

import structlog
from django.db import connection, transaction

from actions.kinds import INTERNAL_KINDS, find_kind
from actions.kinds.base import ActionCall, Completed, Delegated, Failed, Kind, Outcome
from actions.rules.json_values import find_storage_problem
from actions.rules.templates import TemplateTooLarge, render_template
from actions.services.specs import ActionSpec
from workspaces.rules.times import render_time
from workspaces.services import SecretUnreadable, decrypt_secret

logger = structlog.get_logger(__name__)

MAX_OUTPUT_BYTES = 256 * 1024
_INTERNAL = Failed("internal", "The action ended with an unexpected error.", retryable=True)


class Attempt(TypedDict):
    """What an attempt knows of its run. ``trigger`` and ``workspace`` add to what templates see."""

    run_id: UUID
    trigger_id: UUID | None
    attempt: int
    input: Mapping[str, Any]
    chain_id: UUID
    parent_event_id: UUID
    triggered_by: str
    cancelled: threading.Event
    now: dt.datetime
    scheduled_for: NotRequired[dt.datetime | None]
    trigger: NotRequired[Mapping[str, Any]]
    workspace: NotRequired[Mapping[str, Any]]
    lost_leases: NotRequired[int]
    is_repeat: NotRequired[bool]
    # Instead of the action's own.
    timeout_seconds: NotRequired[float]


def perform_action(spec: ActionSpec, **attempt: Unpack[Attempt]) -> Outcome:
    """One attempt at one run. What goes wrong is a ``Failed``, logged where nobody expected it.

    Kinds that use the database run in a savepoint of the caller's transaction, which keeps nothing
    of an attempt that failed.

    Raises:
        django.db.Error: the caller's transaction itself is lost, as with its connection.
    """
    kind = find_kind(spec.action_type) or INTERNAL_KINDS.get(spec.action_type)
    if kind is None:
        return Failed(
            "unknown_action_type", f"There is no kind {spec.action_type}.", retryable=False
        )
    try:
        call = build_call(spec, **attempt)
    except TemplateTooLarge as error:
        return Failed(
            "config_render_failed", f"The config cannot be rendered. {error}", retryable=False
        )
    except SecretUnreadable:
        logger.exception("secret_config_unreadable", action_id=str(spec.id))
        # Retryable: a key that lacks in this process may be back in the next one.
        return Failed(
            "secrets_unreadable", "The action's secrets cannot be decrypted.", retryable=True
        )
    return _call_kind(kind, call)


def build_call(spec: ActionSpec, **attempt: Unpack[Attempt]) -> ActionCall:
    """The call that a kind gets: config rendered, secrets opened.

    Raises:
        TemplateTooLarge: the config renders to more than 256 KiB.
        SecretUnreadable: the secrets cannot be decrypted with the configured keys.
    """
    return ActionCall(
        run_id=attempt["run_id"],
        workspace_id=spec.workspace_id,
        trigger_id=attempt["trigger_id"],
        action_id=spec.id,
        action_type=spec.action_type,
        attempt=attempt["attempt"],
        # An empty one, which is common, has no use for a context.
        config=render_template(spec.config, _build_context(spec, attempt)) if spec.config else {},
        secrets=open_secrets(spec.secret_config),
        input=attempt["input"],
        chain_id=attempt["chain_id"],
        parent_event_id=attempt["parent_event_id"],
        triggered_by=attempt["triggered_by"],
        timeout_seconds=attempt.get("timeout_seconds", spec.timeout_seconds),
        cancelled=attempt["cancelled"],
        now=attempt["now"],
        lost_leases=attempt.get("lost_leases", 0),
        is_repeat=attempt.get("is_repeat", False),
    )


def _build_context(spec: ActionSpec, attempt: Attempt) -> dict[str, Any]:
    trigger_id = None if attempt["trigger_id"] is None else str(attempt["trigger_id"])
    workspace = {
        "id": str(spec.workspace_id),
        "name": spec.workspace_name,
        "slug": spec.workspace_slug,
    }
    return {
        "input": attempt["input"],
        "run": {
            "id": str(attempt["run_id"]),
            "attempt": attempt["attempt"],
            "trigger_id": trigger_id,
            "chain_id": str(attempt["chain_id"]),
            "scheduled_for": render_time(attempt.get("scheduled_for")),
            "triggered_by": attempt["triggered_by"],
        },
        "trigger": {"id": trigger_id, "name": None, **attempt.get("trigger", {})},
        "workspace": {**workspace, **attempt.get("workspace", {})},
    }


def open_secrets(cipher: bytes | None) -> dict[str, Any]:
    """The object that was stored encrypted; empty without one.

    Raises:
        SecretUnreadable: it cannot be decrypted with the configured keys.
    """
    if cipher is None:
        return {}
    secrets: dict[str, Any] = json.loads(decrypt_secret(cipher))
    return secrets


def _call_kind(kind: Kind, call: ActionCall) -> Outcome:
    try:
        outcome = _perform_in_savepoint(kind, call) if kind.uses_database else kind.perform(call)
    except Exception:
        # After a lost connection no statement of the caller's would work: it must hear of it.
        if kind.uses_database and connection.needs_rollback:
            raise
        logger.exception("action_raised", action_type=call.action_type, run_id=str(call.run_id))
        return _INTERNAL
    return _check_outcome(outcome, call)


def _perform_in_savepoint(kind: Kind, call: ActionCall) -> Outcome:
    with transaction.atomic():
        outcome = kind.perform(call)
        if isinstance(outcome, Failed):
            transaction.set_rollback(True)
    return outcome


def _check_outcome(outcome: Any, call: ActionCall) -> Outcome:
    """Hold a kind to the closed set, and to what can be stored: a bad output must not break the
    settlement.
    """
    if isinstance(outcome, Failed):
        return outcome
    if not isinstance(outcome, Completed | Delegated):
        logger.error(
            "action_broke_contract", action_type=call.action_type, outcome=type(outcome).__name__
        )
        return _INTERNAL
    problem = find_storage_problem(outcome.output, max_bytes=MAX_OUTPUT_BYTES)
    if problem is not None:
        return Failed("invalid_output", f"The output cannot be kept. {problem}", retryable=False)
    return outcome

"""Performing an action: secrets opened, config rendered, the kind called, always an outcome."""

import datetime as dt
import json
import threading
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, transaction

from actions.kinds import find_kind
from actions.kinds.base import ActionCall, Completed, Delegated, Failed, Kind, Outcome
from actions.rules.json_values import find_storage_problem
from actions.rules.templates import TemplateTooLarge, render_template
from actions.services.specs import ActionSpec
from workspaces.rules.times import render_time
from workspaces.services import SecretUnreadable, decrypt_secret

logger = structlog.get_logger(__name__)

MAX_OUTPUT_BYTES = 256 * 1024
_INTERNAL = Failed("internal", "The action ended with an unexpected error.", retryable=True)


def perform_action(
    spec: ActionSpec,
    *,
    run_id: UUID,
    trigger_id: UUID | None,
    attempt: int,
    input: Mapping[str, Any],  # noqa: A002 - the contract's word
    chain_id: UUID,
    parent_event_id: UUID,
    triggered_by: str,
    cancelled: threading.Event,
    now: dt.datetime,
    scheduled_for: dt.datetime | None = None,
    trigger: Mapping[str, Any] | None = None,
    workspace: Mapping[str, Any] | None = None,
    timeout_seconds: float | None = None,
) -> Outcome:
    """One attempt at one run. What goes wrong is a ``Failed``, logged where nobody expected it.

    Kinds that use the database run in a savepoint of the caller's transaction, which keeps nothing
    of an attempt that failed. ``trigger`` and ``workspace`` are what templates see under these
    names; ``timeout_seconds`` replaces the action's own.

    Raises:
        django.db.Error: the caller's transaction itself is lost, as with its connection.
    """
    kind = find_kind(spec.action_type)
    if kind is None:
        return Failed(
            "unknown_action_type", f"There is no kind {spec.action_type}.", retryable=False
        )
    try:
        call = build_call(
            spec,
            run_id=run_id,
            trigger_id=trigger_id,
            attempt=attempt,
            input=input,
            chain_id=chain_id,
            parent_event_id=parent_event_id,
            triggered_by=triggered_by,
            cancelled=cancelled,
            now=now,
            scheduled_for=scheduled_for,
            trigger=trigger,
            workspace=workspace,
            timeout_seconds=timeout_seconds,
        )
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


def build_call(
    spec: ActionSpec,
    *,
    run_id: UUID,
    trigger_id: UUID | None,
    attempt: int,
    input: Mapping[str, Any],  # noqa: A002 - the contract's word
    chain_id: UUID,
    parent_event_id: UUID,
    triggered_by: str,
    cancelled: threading.Event,
    now: dt.datetime,
    scheduled_for: dt.datetime | None = None,
    trigger: Mapping[str, Any] | None = None,
    workspace: Mapping[str, Any] | None = None,
    timeout_seconds: float | None = None,
) -> ActionCall:
    """The call that a kind gets: config rendered, secrets opened.

    Raises:
        TemplateTooLarge: the config renders to more than 256 KiB.
        SecretUnreadable: the secrets cannot be decrypted with the configured keys.
    """
    own_workspace = {
        "id": str(spec.workspace_id),
        "name": spec.workspace_name,
        "slug": spec.workspace_slug,
    }
    own_trigger = {"id": None if trigger_id is None else str(trigger_id), "name": None}
    context = {
        "input": input,
        "run": {
            "id": str(run_id),
            "attempt": attempt,
            "trigger_id": own_trigger["id"],
            "chain_id": str(chain_id),
            "scheduled_for": render_time(scheduled_for),
            "triggered_by": triggered_by,
        },
        "trigger": {**own_trigger, **(trigger or {})},
        "workspace": {**own_workspace, **(workspace or {})},
    }
    return ActionCall(
        run_id=run_id,
        workspace_id=spec.workspace_id,
        trigger_id=trigger_id,
        action_id=spec.id,
        action_type=spec.action_type,
        attempt=attempt,
        config=render_template(spec.config, context),
        secrets=open_secrets(spec.secret_config),
        input=input,
        chain_id=chain_id,
        parent_event_id=parent_event_id,
        triggered_by=triggered_by,
        timeout_seconds=spec.timeout_seconds if timeout_seconds is None else timeout_seconds,
        cancelled=cancelled,
        now=now,
    )


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

"""Calls and specs as the engine would make them."""

import datetime as dt
import threading
import uuid
from typing import Any

from actions.kinds.base import ActionCall, Outcome
from actions.models import Action
from actions.services import (
    ActionSpec,
    create_action,
    delete_action,
    load_actions,
    perform_action,
    update_action,
)
from workspaces.models import Revision, Workspace
from workspaces.rules.callers import Caller
from workspaces.services import new_id

# The clock, read at the door, which tests are.
NOW = dt.datetime(2026, 11, 24, 9, 30, tzinfo=dt.UTC)


def build_caller(workspace_id: uuid.UUID | None = None) -> Caller:
    return Caller(
        kind="key",
        id=str(uuid.uuid4()),
        workspace_id=workspace_id,
        scopes=frozenset({"*"}),
        is_operator=False,
    )


def build_call(action_type: str = "noop", **changes: Any) -> ActionCall:
    """A first attempt, with an empty config and input."""
    chain_id = new_id()
    values = {
        "run_id": new_id(),
        "workspace_id": new_id(),
        "trigger_id": new_id(),
        "action_id": new_id(),
        "action_type": action_type,
        "attempt": 1,
        "config": {},
        "secrets": {},
        "input": {},
        "chain_id": chain_id,
        "parent_event_id": chain_id,
        "triggered_by": "schedule",
        "timeout_seconds": 5.0,
        "cancelled": threading.Event(),
        "now": dt.datetime.now(dt.UTC),
        **changes,
    }
    return ActionCall(**values)


def load_spec(action: Action) -> ActionSpec:
    return load_actions([action.pk])[action.pk]


def perform(action: Action, **changes: Any) -> Outcome:
    """One attempt through the service, as a run would ask for it."""
    chain_id = new_id()
    values = {
        "run_id": new_id(),
        "trigger_id": new_id(),
        "attempt": 1,
        "input": {},
        "chain_id": chain_id,
        "parent_event_id": chain_id,
        "triggered_by": "schedule",
        "cancelled": threading.Event(),
        "now": dt.datetime.now(dt.UTC),
        **changes,
    }
    return perform_action(load_spec(action), **values)


def create(workspace: Workspace, **fields: Any) -> Action:
    return create_action(
        workspace_id=workspace.pk,
        fields={"name": "Call", "action_type": "noop", **fields},
        caller=build_caller(),
        now=NOW,
    )


def update(action: Action, **fields: Any) -> Action:
    return update_action(
        workspace_id=action.workspace_id,
        action_id=action.pk,
        fields=fields,
        caller=build_caller(),
        now=NOW,
    )


def delete(action: Action) -> None:
    delete_action(
        workspace_id=action.workspace_id, action_id=action.pk, caller=build_caller(), now=NOW
    )


def list_revisions(workspace: Workspace) -> list[tuple[str, dict[str, Any] | None]]:
    rows = Revision.objects.filter(workspace=workspace, kind="action").order_by("number")
    return list(rows.values_list("external_key", "document"))

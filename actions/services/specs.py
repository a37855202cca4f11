"""An action as other rooms see it: a frozen value, read in one query."""

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from actions.kinds import INTERNAL_KINDS, find_kind
from actions.kinds.base import Kind, QueueName
from actions.models import Action
from actions.rules.retry import DEFAULT_RETRY, RetryPolicy, choose_retry
from actions.rules.schemas import find_schema_errors
from workspaces.rules.problems import FieldError, NotFound, Unprocessable
from workspaces.services import open_prepared_cursor

_LOAD = """
SELECT a.id, a.workspace_id, w.name, w.slug, a.name, a.action_type, a.config, a.input_schema,
    a.retry, a.timeout_seconds, a.max_concurrency, a.enabled, a.secret_config
FROM actions_action a JOIN workspaces_workspace w ON w.id = a.workspace_id
WHERE a.id = ANY(%s::uuid[])
"""
_ANY_OBJECT = {"type": "object"}


class InputRefused(Unprocessable):
    """The input breaks the kind's or the action's schema; pointers lead into the input."""


class ActionNotFound(NotFound):
    """The workspace has no such action."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpec:
    """What a run needs to know of its action. ``retry`` is the action's own policy, else its
    kind's.
    """

    id: UUID
    workspace_id: UUID
    workspace_name: str
    workspace_slug: str
    name: str
    action_type: str
    queue: QueueName
    config: dict[str, Any]
    input_schema: dict[str, Any] | None
    retry: RetryPolicy
    given_retry: dict[str, Any] | None
    timeout_seconds: float
    max_concurrency: int | None
    enabled: bool
    # Ciphertext; opened only where the action is performed.
    secret_config: bytes | None = field(repr=False)


def find_action(*, workspace_id: UUID, action_id: UUID) -> ActionSpec:
    """One action of the workspace.

    Raises:
        ActionNotFound: the workspace has none of that id.
    """
    spec = load_actions([action_id]).get(action_id)
    if spec is None or spec.workspace_id != workspace_id:
        raise ActionNotFound("There is no such action.")
    return spec


def load_actions(action_ids: Iterable[UUID]) -> dict[UUID, ActionSpec]:
    """The actions that exist among these ids, disabled ones too; one query for any number."""
    # Before every run: the ORM costs as much as all the rest of a run that talks to the network.
    with open_prepared_cursor() as cursor:
        cursor.execute(_LOAD, [list(set(action_ids))])
        return {row[0]: _build_spec(row) for row in cursor.fetchall()}


def read_caps(action_ids: Iterable[UUID]) -> dict[UUID, int | None]:
    """``max_concurrency`` of the actions that exist among these ids; None: no cap."""
    found = Action.objects.filter(pk__in=set(action_ids))
    return dict(found.values_list("pk", "max_concurrency"))


def list_newly_capped(*, since: dt.datetime) -> dict[UUID, str]:
    """Actions with a cap that changed since then, each with its queue."""
    rows = Action.objects.filter(max_concurrency__isnull=False, updated_at__gte=since)
    return {row.pk: _choose_queue(row.action_type) for row in rows.only("pk", "action_type")}


def _build_spec(row: tuple[Any, ...]) -> ActionSpec:
    """The value of a row of ``_LOAD``; JSON comes as text."""
    action_id, workspace_id, workspace_name, workspace_slug, name, action_type, *rest = row
    config, input_schema, retry, timeout_seconds, max_concurrency, enabled, secret_config = rest
    given_retry = None if retry is None else json.loads(retry)
    return ActionSpec(
        id=action_id,
        workspace_id=workspace_id,
        workspace_name=workspace_name,
        workspace_slug=workspace_slug,
        name=name,
        action_type=action_type,
        queue=_choose_queue(action_type),
        config=json.loads(config),
        input_schema=None if input_schema is None else json.loads(input_schema),
        retry=choose_retry(given_retry, default=_read_default_retry(action_type)),
        given_retry=given_retry,
        timeout_seconds=timeout_seconds,
        max_concurrency=max_concurrency,
        enabled=enabled,
        secret_config=secret_config,
    )


def build_internal_spec(action_type: str, *, workspace_id: UUID, action_id: UUID) -> ActionSpec:
    """The spec of one of ``INTERNAL_KINDS``; ``action_id`` is the action whose work it does."""
    kind = INTERNAL_KINDS[action_type]
    return ActionSpec(
        id=action_id,
        workspace_id=workspace_id,
        workspace_name="",
        workspace_slug="",
        name=kind.name,
        action_type=action_type,
        queue=kind.queue,
        config={},
        input_schema=None,
        retry=kind.default_retry,
        given_retry=None,
        timeout_seconds=60.0,
        max_concurrency=None,
        enabled=True,
        secret_config=None,
    )


def choose_run_retry(spec: ActionSpec, trigger_retry: Mapping[str, Any] | None) -> RetryPolicy:
    """The policy of a run: the trigger's as a whole, else the action's, else the kind's.

    Raises:
        InvalidRetry: ``trigger_retry`` is not a policy.
    """
    default = _read_default_retry(spec.action_type)
    return choose_retry(trigger_retry, spec.given_retry, default=default)


def check_input(spec: ActionSpec, input: Mapping[str, Any]) -> None:  # noqa: A002 - the contract's word
    """Let an input through that the kind and the action accept.

    Raises:
        InputRefused: with one error per place, pointers into the input.
    """
    kind = find_kind(spec.action_type)
    schemas = [spec.input_schema, None if kind is None else kind.input_schema]
    errors: list[FieldError] = []
    for schema in schemas:
        if schema is not None and schema != _ANY_OBJECT:
            errors += [error for error in find_schema_errors(schema, input) if error not in errors]
    if kind is not None and not errors:
        errors += _find_input_problems(kind, input)
    if errors:
        raise InputRefused("The action refuses this input.", errors=errors)


def _find_input_problems(kind: Kind, given: Mapping[str, Any]) -> list[FieldError]:
    # Not isinstance(kind, ChecksInput): of a protocol that costs more than all the rest.
    check: Callable[[Mapping[str, Any]], list[FieldError]] | None = getattr(
        kind, "check_input", None
    )
    return [] if check is None else check(given)


def _choose_queue(action_type: str) -> QueueName:
    kind = find_kind(action_type)
    # The kind's distribution may be gone: its runs then fail one by one, and hold up no batch.
    return "network" if kind is None else kind.queue


def _read_default_retry(action_type: str) -> RetryPolicy:
    kind = find_kind(action_type)
    return DEFAULT_RETRY if kind is None else kind.default_retry

"""What an action's fields must be: every problem found, with a JSON pointer into the body."""

from collections.abc import Callable, Mapping
from typing import Any

from actions.kinds import find_kind
from actions.kinds.base import ChecksConfig, ChecksSecrets, Kind
from actions.models import Action
from actions.rules.json_values import find_storage_problem
from actions.rules.retry import InvalidRetry, parse_retry
from actions.rules.schemas import check_schema, find_schema_errors
from actions.rules.templates import find_template_problems
from workspaces.rules.problems import FieldError, Unprocessable

MAX_CONFIG_BYTES = 256 * 1024
MAX_SCHEMA_BYTES = 64 * 1024
MAX_SECRETS_BYTES = 64 * 1024


def check_fields(fields: Mapping[str, Any], *, current: Action | None) -> None:
    """Let the fields of a creation (``current`` None) or an update through.

    Raises:
        Unprocessable: one error per place, pointers into the body.
    """
    action_type = fields.get("action_type") if current is None else current.action_type
    kind = find_kind(str(action_type))
    errors = _find_type_errors(fields, kind=kind, current=current)
    checks: dict[str, Callable[[Any, Kind | None], list[FieldError]]] = {
        "config": _find_config_errors,
        "input_schema": _find_input_schema_errors,
        "retry": _find_retry_errors,
        "secret_config": _find_secret_errors,
    }
    for name, find_errors in checks.items():
        # A new action's config is checked also when it is not given: the kind may require members.
        if name in fields or (name == "config" and current is None):
            value = fields.get(name, {} if name == "config" else None)
            errors += [_move_below(name, error) for error in find_errors(value, kind)]
    if errors:
        raise Unprocessable("The action is not valid.", errors=errors)


def _find_type_errors(
    fields: Mapping[str, Any], *, kind: Kind | None, current: Action | None
) -> list[FieldError]:
    if current is None:
        if kind is None:
            detail = "There is no such action type; GET …/action-types lists them."
            return [FieldError("/action_type", "unknown_action_type", detail)]
    elif fields.get("action_type", current.action_type) != current.action_type:
        return [
            FieldError("/action_type", "immutable", "An action keeps its type; create another one.")
        ]
    return []


def _find_config_errors(config: Any, kind: Kind | None) -> list[FieldError]:
    problem = find_storage_problem(config, max_bytes=MAX_CONFIG_BYTES)
    if problem is not None:
        return [FieldError("", "invalid", problem)]
    errors = [
        FieldError(problem.pointer, "invalid_template", problem.detail)
        for problem in find_template_problems(config)
    ]
    if kind is None:
        return errors
    schema_errors = find_schema_errors(kind.config_schema, config)
    if not schema_errors and isinstance(kind, ChecksConfig):
        return errors + kind.check_config(config)
    return errors + schema_errors


def _find_input_schema_errors(schema: Any, _: Kind | None) -> list[FieldError]:
    if schema is None:
        return []
    problem = find_storage_problem(schema, max_bytes=MAX_SCHEMA_BYTES)
    return [FieldError("", "invalid", problem)] if problem is not None else check_schema(schema)


def _find_retry_errors(retry: Any, _: Kind | None) -> list[FieldError]:
    if retry is None:
        return []
    try:
        parse_retry(retry)
    except InvalidRetry as error:
        return [
            FieldError(f"/{error.member}" if error.member else "", "invalid_retry", error.detail)
        ]
    return []


def _find_secret_errors(secrets: Any, kind: Kind | None) -> list[FieldError]:
    if secrets is None or kind is None:
        return []
    problem = find_storage_problem(secrets, max_bytes=MAX_SECRETS_BYTES)
    if problem is not None:
        return [FieldError("", "invalid", problem)]
    if isinstance(kind, ChecksSecrets):
        return kind.check_secrets(secrets)
    return (
        [FieldError("", "not_accepted", "Actions of this type take no secrets.")] if secrets else []
    )


def _move_below(name: str, error: FieldError) -> FieldError:
    return FieldError(f"/{name}{error.pointer}", error.code, error.detail)

"""The meaning of a destination's fields, checked at save so that no delivery fails for it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from actions.rules.schemas import check_schema
from events.rules.globs import is_event_pattern
from webhooks.providers import CONFIGS, build_config
from webhooks.rules.component_document import seal_authentication
from webhooks.rules.dedupe_keys import check_dedupe
from webhooks.rules.payload import check_mapping
from webhooks.rules.redaction import check_redact
from webhooks.rules.static_response import check_response
from webhooks.rules.transform import check_transform
from webhooks.rules.verification_checks import check_verification
from webhooks.rules.verification_document import choose_preset
from workspaces.rules.problems import FieldError, Unprocessable, refuse_field


def check_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as they are stored: a verification always names its preset.

    Raises:
        Unprocessable: one error per place at fault.
    """
    errors = [
        error
        for name, check in _CHECKS.items()
        if fields.get(name) is not None
        for error in check(fields[name])
    ]
    if errors:
        raise Unprocessable(" ".join(error.detail for error in errors[:3]), errors=errors)
    if "verification" not in fields:
        return dict(fields)
    document = fields["verification"]
    document = {"preset": choose_preset(document), **document}
    return {**fields, "verification": seal_authentication(document)}


def refuse_other_secrets(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """A change of the scheme would keep a secret that is of another kind.

    Raises:
        Unprocessable: it is.
    """
    before, after = build_config(old), build_config(new)
    kinds = ("scheme", "secret_encoding", "secret_prefix")
    if any(getattr(before, name) != getattr(after, name) for name in kinds):
        detail = "The present secret is of another kind; make another destination instead."
        raise refuse_field("/verification", code="secret_of_another_kind", detail=detail)


def _check_event_types(patterns: Sequence[str]) -> list[FieldError]:
    detail = "1-128 letters, digits or any of . _ - : / and *."
    return [
        FieldError(f"/accepted_event_types/{index}", "invalid", detail)
        for index, pattern in enumerate(patterns)
        if not is_event_pattern(pattern)
    ]


def _check_verification(document: Mapping[str, Any]) -> list[FieldError]:
    return check_verification(document, presets=CONFIGS)


def _check_input_schema(schema: Any) -> list[FieldError]:
    return [
        FieldError(f"/input_schema{error.pointer}", error.code, error.detail)
        for error in check_schema(schema)
    ]


_CHECKS: dict[str, Callable[[Any], list[FieldError]]] = {
    "accepted_event_types": _check_event_types,
    "dedupe": check_dedupe,
    "field_mapping": check_mapping,
    "input_schema": _check_input_schema,
    "output_transform": check_transform,
    "redact": check_redact,
    "response": check_response,
    "verification": _check_verification,
}

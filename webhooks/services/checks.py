"""The meaning of a destination's fields, checked at save so that no delivery fails for it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from events.rules.globs import is_event_pattern
from webhooks.providers import CONFIGS
from webhooks.rules.payload import check_mapping
from webhooks.rules.verification_checks import check_verification
from webhooks.rules.verification_document import choose_preset
from workspaces.rules.problems import FieldError, Unprocessable


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
    return {**fields, "verification": {"preset": choose_preset(document), **document}}


def _check_event_types(patterns: Sequence[str]) -> list[FieldError]:
    detail = "1-128 letters, digits or any of . _ - : / and *."
    return [
        FieldError(f"/accepted_event_types/{index}", "invalid", detail)
        for index, pattern in enumerate(patterns)
        if not is_event_pattern(pattern)
    ]


def _check_verification(document: Mapping[str, Any]) -> list[FieldError]:
    return check_verification(document, presets=CONFIGS)


_CHECKS: dict[str, Callable[[Any], list[FieldError]]] = {
    "accepted_event_types": _check_event_types,
    "field_mapping": check_mapping,
    "verification": _check_verification,
}

"""The meaning of a destination's fields, checked at save so that no delivery fails for it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from actions.rules.schemas import check_schema
from events.rules.globs import is_event_pattern
from webhooks.providers import CONFIGS, build_config, find_provider
from webhooks.rules.body_options import (
    NAMES,
    BodyOptions,
    check_body_format,
    check_options,
    check_paths,
    list_secret_paths,
    override_options,
)
from webhooks.rules.component_document import NothingToKeep, keep_values, seal_authentication
from webhooks.rules.dedupe_keys import check_dedupe
from webhooks.rules.payload import check_mapping
from webhooks.rules.redaction import check_redact
from webhooks.rules.static_response import check_response
from webhooks.rules.transform import check_transform
from webhooks.rules.verification import VerificationConfig
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


def settle_fields(fields: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """Checked fields as they go into a row whose present values are ``kept``, none for a new one.

    What is said of bodies and equals the preset is the preset's (null); headers that keep their
    value have it; where the secret stands in the body, it is redacted.

    Raises:
        Unprocessable: the fields do not go with each other, or with what is kept.
    """
    settled = dict(fields)
    if "verification" in fields:
        settled["verification"] = _keep_headers(fields["verification"], kept)
    whole = {**kept, **settled}
    verification = whole["verification"]
    preset, config = find_provider(verification).body_options, build_config(verification)
    _refuse_together(whole, override_options(preset, whole), config)
    for name in NAMES:
        if name in fields and fields[name] == preset.as_json()[name]:
            settled[name] = None
    redact = whole.get("redact") or []
    hidden = [path for path in list_secret_paths(config) if path not in redact]
    return {**settled, "redact": [*redact, *hidden]} if hidden else settled


def _keep_headers(document: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return keep_values(document, kept.get("verification") or {})
    except NothingToKeep as error:
        pointer = f"/verification/authentication/headers/{error.index}"
        detail = "There is no header of this name whose value could be kept."
        raise refuse_field(pointer, code="nothing_to_keep", detail=detail) from None


def _refuse_together(
    whole: Mapping[str, Any], options: BodyOptions, config: VerificationConfig
) -> None:
    # The preset's own paths are left out where they read what may not count.
    errors = [] if whole.get("event_type_paths") is None else check_options(options, config)
    dedupe = whole.get("dedupe")
    if config.body_unsigned and dedupe is not None and dedupe["key"] is None:
        detail = "Nobody signs these bodies: what is signed must at least not come twice."
        errors = [*errors, FieldError("/dedupe/key", "required", detail)]
    if errors:
        raise Unprocessable(" ".join(error.detail for error in errors[:3]), errors=errors)


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
    "body_format": check_body_format,
    "dedupe": check_dedupe,
    "event_type_paths": check_paths,
    "field_mapping": check_mapping,
    "input_schema": _check_input_schema,
    "output_transform": check_transform,
    "redact": check_redact,
    "response": check_response,
    "verification": _check_verification,
}

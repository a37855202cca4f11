"""What a genuine request says: parsed, of a wanted type, checked, transformed and mapped."""

from collections.abc import Mapping
from typing import Any

from actions.rules.paths import MISSING
from actions.rules.schemas import find_schema_errors
from events.rules.globs import is_event_type
from webhooks.rules.event_types import read_event_type
from webhooks.rules.payload import is_accepted, map_fields
from webhooks.rules.sources import read_payload
from webhooks.rules.transform import TransformFailed, apply_transform
from webhooks.services.arrivals import Arrival
from webhooks.services.ledger import Knock
from workspaces.rules.json_text import MalformedJson, parse_json
from workspaces.rules.problems import BadRequest, FieldError, ServiceError, Unprocessable


class Rejection(Exception):
    """A step refuses: ``cause`` is for the owner, ``error`` for the caller."""

    def __init__(self, cause: str, error: ServiceError, *, event_type: str | None = None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.error = error
        self.event_type = event_type


class Unwanted(Exception):
    """An event type that the destination ignores instead of refusing it."""

    def __init__(self, event_type: str | None) -> None:
        super().__init__(event_type)
        self.event_type = event_type


def understand_request(knock: Knock) -> Arrival:
    """Parse the body, read its type and take from it what the input needs.

    Raises:
        Rejection: it is not what the destination takes.
        Unwanted: the destination ignores its event type.
    """
    provider = knock.target.read_provider()
    payload = _parse(knock.request.body, provider.body_format)
    options = knock.target.options
    event_type = read_event_type(payload, provider.event_type_paths, headers=knock.request.headers)
    has_good_type = event_type is not None and is_event_type(event_type)
    if not is_accepted(event_type, knock.target.accepted_event_types):
        if options.on_unaccepted_event == "ignore":
            raise Unwanted(event_type if has_good_type else None)
        detail = "The destination does not accept this event type."
        error = Unprocessable(detail, errors=[FieldError("", "event_type_not_accepted", detail)])
        raise Rejection(
            "event_type_not_accepted", error, event_type=event_type if has_good_type else None
        )
    _check_schema(options.input_schema, payload, event_type)
    payload = _transform(options.output_transform, payload, event_type)
    mapped = map_fields(payload, knock.target.field_mapping)
    if event_type is not None and not has_good_type:
        mapped.notes.append("The payload's event type is no event type.")
        event_type = None
    return Arrival(knock=knock, payload=payload, event_type=event_type, mapped=mapped)


def _parse(body: bytes, body_format: str) -> Any:
    if body_format == "form":
        return _parse_form(body)
    try:
        return parse_json(body)
    except MalformedJson as error:
        problem = BadRequest(str(error), errors=[FieldError("", error.code, str(error))])
        raise Rejection("unparsable", problem) from None


def _parse_form(body: bytes) -> Any:
    payload = read_payload(body, "form")
    if payload is MISSING:
        detail = "The body is no form."
        raise Rejection("unparsable", BadRequest(detail, errors=[FieldError("", "syntax", detail)]))
    return payload


def _check_schema(schema: Mapping[str, Any] | None, payload: Any, event_type: str | None) -> None:
    errors = [] if schema is None else find_schema_errors(schema, payload)
    if errors:
        detail = "; ".join(f"{error.pointer or '/'}: {error.detail}" for error in errors[:3])
        error = Unprocessable(f"The payload breaks the input_schema: {detail}", errors=errors)
        raise Rejection("schema_invalid", error, event_type=event_type)


def _transform(transform: Mapping[str, Any] | None, payload: Any, event_type: str | None) -> Any:
    try:
        return apply_transform(transform, payload)
    except TransformFailed as failure:
        detail = f"The output_transform does not work on this payload: {failure}"
        error = Unprocessable(detail, errors=[FieldError("", "transform_failed", detail)])
        raise Rejection("transform_failed", error, event_type=event_type) from None

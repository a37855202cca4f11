"""What a genuine request says: parsed, of a wanted type, checked, transformed and mapped."""

from collections.abc import Mapping
from typing import Any

from actions.rules.schemas import find_schema_errors
from events.rules.globs import is_event_type
from webhooks.rules.bodies import JSON, parse_request
from webhooks.rules.event_types import choose_element_paths, read_event_type
from webhooks.rules.payload import is_accepted, map_fields
from webhooks.rules.transform import TransformFailed, apply_transform
from webhooks.services.arrivals import Arrival
from webhooks.services.ledger import Knock
from workspaces.rules.json_text import MalformedJson
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


def parse_payload(knock: Knock) -> Any:
    """The body in the destination's format, or the parameters of a GET.

    Raises:
        Rejection: it is not of that format.
    """
    try:
        return parse_request(knock.request, _choose_format(knock))
    except MalformedJson as error:
        problem = BadRequest(str(error), errors=[FieldError("", error.code, str(error))])
        raise Rejection("unparsable", problem) from None


def understand_payload(knock: Knock, payload: Any, *, is_element: bool = False) -> Arrival:
    """What a payload, or one element of a batch, comes to.

    Raises:
        Rejection: it is not what the destination takes.
        Unwanted: the destination ignores its event type.
    """
    options = knock.target.options
    event_type = _read_type(knock, payload, is_element=is_element)
    has_good_type = event_type is not None and is_event_type(event_type)
    if not is_accepted(event_type, knock.target.accepted_event_types):
        raise _refuse_type(knock, event_type if has_good_type else None)
    _check_schema(options.input_schema, payload, event_type)
    payload = _transform(options.output_transform, payload, event_type)
    mapped = map_fields(payload, knock.target.field_mapping)
    if event_type is not None and not has_good_type:
        mapped.notes.append("The payload's event type is no event type.")
        event_type = None
    return Arrival(knock=knock, payload=payload, event_type=event_type, mapped=mapped)


def _choose_format(knock: Knock) -> str:
    config = knock.target.config
    is_twilio = config is not None and config.url_form == "twilio"
    # Twilio signs the digest of a body that is no form, in the URL.
    if is_twilio and "bodySHA256=" in knock.request.query:
        return JSON
    return knock.target.body_options.body_format


def _read_type(knock: Knock, payload: Any, *, is_element: bool) -> str | None:
    paths = knock.target.event_type_paths
    if is_element:
        paths = choose_element_paths(paths)
    return read_event_type(payload, paths, headers=knock.request.headers)


def _refuse_type(knock: Knock, event_type: str | None) -> Rejection | Unwanted:
    if knock.target.body_options.on_unaccepted_event == "ignore":
        return Unwanted(event_type)
    detail = "The destination does not accept this event type."
    error = Unprocessable(detail, errors=[FieldError("", "event_type_not_accepted", detail)])
    return Rejection("event_type_not_accepted", error, event_type=event_type)


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

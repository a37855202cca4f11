"""Bodies: JSON and nothing else, whole, of a known length."""

from collections.abc import Iterable, Mapping
from typing import IO, Any, NoReturn

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from workspaces.rules.json_text import MalformedJson, parse_json
from workspaces.rules.problems import (
    BadRequest,
    FieldError,
    LengthRequired,
    Unprocessable,
    escape_pointer,
)

# Well-formed JSON all the same: a value that no field takes, so 422 as for any other.
_VALUES_NOT_TAKEN = frozenset({"number_out_of_range", "unstorable_text"})


class StrictJSONParser(JSONParser):
    """Strict JSON (see ``parse_json``). The body's length is bounded by Django while it is read."""

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            return parse_json(stream.read())
        except MalformedJson as error:
            _refuse_body(error)


class JsonNegotiation(DefaultContentNegotiation):
    """Answers are JSON whatever ``Accept`` says: there is nothing else to choose from."""

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type or "application/json"


def refuse_chunked(request: Request) -> None:
    """Refuse a body that does not say its length: DRF would take it for an empty one.

    Raises:
        LengthRequired: the request has no Content-Length but a Transfer-Encoding.
    """
    if request.META.get("HTTP_TRANSFER_ENCODING") and not request.META.get("CONTENT_LENGTH"):
        raise LengthRequired("Send the body with a Content-Length, not chunked.")


def _refuse_body(error: MalformedJson) -> NoReturn:
    kind = Unprocessable if error.code in _VALUES_NOT_TAKEN else BadRequest
    pointer = "" if error.member is None else f"/{escape_pointer(error.member)}"
    raise kind(str(error), errors=[FieldError(pointer, error.code, str(error))]) from None

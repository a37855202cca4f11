"""Bodies as values: a destination says in which format its sender writes them."""

import re
from typing import Any
from urllib.parse import parse_qsl

from webhooks.rules.received import ReceivedRequest
from workspaces.rules.json_text import MalformedJson, parse_json

JSON, FORM, TEXT_JSON = "json", "form", "text_json"
# JSON, else a form: for senders of both, where the body is not what decides.
ANY = "any"
FORMATS = (JSON, FORM, TEXT_JSON)
FORM_JSON = "form_json:"
MAX_FIELDS = 1000
_MARK = b"\xef\xbb\xbf"
_FORM_JSON = re.compile(r"form_json:[A-Za-z0-9_.\-\[\]]{1,64}")


def is_body_format(text: Any) -> bool:
    """``json``, ``form``, ``text_json`` or ``form_json:<field>``?"""
    return isinstance(text, str) and (text in FORMATS or bool(_FORM_JSON.fullmatch(text)))


def parse_request(request: ReceivedRequest, body_format: str) -> Any:
    """What a request brings: its body, or the parameters of a GET, which has none. Parsed once per
    format; whoever gets it leaves it as it is.

    Raises:
        MalformedJson: as `parse_body`.
    """
    if body_format not in request.parsed:
        is_query = request.method == "GET" and not request.body
        request.parsed[body_format] = (
            _parse_form(request.query) if is_query else parse_body(request.body, body_format)
        )
    return request.parsed[body_format]


def parse_body(body: bytes, body_format: str) -> Any:
    """The value that a body holds; a form is an object of texts, of which a name's first counts.

    ``text_json`` is JSON that was sent as a text: after a byte-order mark, or as a JSON string.

    Raises:
        MalformedJson: the body is not of the format.
    """
    if body_format == FORM:
        return _parse_form(body)
    if body_format.startswith(FORM_JSON):
        return _parse_field(body, body_format.removeprefix(FORM_JSON))
    if body_format == TEXT_JSON:
        return _parse_text(body)
    if body_format == ANY:
        return _parse_any(body)
    return parse_json(body)


def parse_fields(text: str | bytes) -> list[tuple[str, str]] | None:
    """The fields of a form or a query in their order; None where it is not UTF-8 or too much."""
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
        return parse_qsl(
            decoded, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError:
        return None


def _parse_form(text: str | bytes) -> dict[str, str]:
    fields = parse_fields(text)
    if fields is None:
        raise MalformedJson("syntax", "The body is no form.")
    if any("\x00" in name or "\x00" in value for name, value in fields):
        raise MalformedJson("unstorable_text", "The form holds a NUL character.")
    return dict(reversed(fields))


def _parse_field(body: bytes, name: str) -> Any:
    value = _parse_form(body).get(name)
    if value is None:
        raise MalformedJson("syntax", f"The form has no field {name}.")
    return parse_json(value.encode())


def _parse_text(body: bytes) -> Any:
    value = parse_json(body.removeprefix(_MARK))
    return parse_json(value.encode()) if isinstance(value, str) else value


def _parse_any(body: bytes) -> Any:
    try:
        return parse_json(body)
    except MalformedJson:
        return _parse_form(body)

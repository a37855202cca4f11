"""Where in a request a value stands: ``header:Name|Alias``, ``body:path``, ``query:name`` or
``signature:key`` (an item of the signature itself).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from actions.rules.paths import MISSING, InvalidPath, find_path, parse_path
from webhooks.rules.bodies import parse_body, parse_fields, parse_request
from webhooks.rules.received import ReceivedRequest
from workspaces.rules.json_text import MalformedJson

HEADER, BODY, QUERY, SIGNATURE = "header", "body", "query", "signature"
MAX_ALIASES = 8
_MAX_NAME = 256


class InvalidSource(ValueError):
    """Not a source; the message says what one looks like."""


@dataclass(frozen=True, slots=True)
class Source:
    """``names`` are alternatives of which the first present one counts; headers in lower case."""

    kind: str
    names: tuple[str, ...]


def parse_source(text: str) -> Source:
    """The source that a text such as ``header:X-Signature|Svix-Signature`` names.

    Raises:
        InvalidSource: it names none.
    """
    kind, separator, rest = text.partition(":")
    if not separator or not rest or kind not in {HEADER, BODY, QUERY, SIGNATURE}:
        raise InvalidSource("Write header:Name, body:path, query:name or signature:key.")
    if len(rest) > _MAX_NAME:
        raise InvalidSource(f"A name has at most {_MAX_NAME} characters.")
    if kind == HEADER:
        return Source(kind, _split_headers(rest))
    if kind == BODY:
        try:
            parse_path(rest)
        except InvalidPath as error:
            raise InvalidSource(str(error)) from None
    return Source(kind, (rest,))


def _split_headers(text: str) -> tuple[str, ...]:
    names = tuple(name.lower() for name in text.split("|"))
    if len(names) > MAX_ALIASES or not all(_is_header_name(name) for name in names):
        raise InvalidSource("Header names are letters, digits and dashes, aliases after a bar.")
    return names


def _is_header_name(name: str) -> bool:
    return name.isascii() and name.replace("-", "").replace("_", "").isalnum()


class Parts:
    """A request's parts, parsed when first asked for; whatever is malformed is not there."""

    def __init__(self, request: ReceivedRequest, *, body_format: str = "json") -> None:
        self.request = request
        self._body_format = body_format

    def read(self, source: Source | None) -> str | None:
        """The text at a source of a header, query or body; None where there is none."""
        if source is None:
            return None
        if source.kind == HEADER:
            headers = self.request.headers
            return next((headers[name] for name in source.names if name in headers), None)
        if source.kind == QUERY:
            return self._query.get(source.names[0])
        if source.kind == BODY:
            return render_scalar(self.find(source.names[0]))
        return None

    def find(self, path: str) -> Any:
        """What the payload holds at a path, else ``MISSING``."""
        return find_path(self.payload, path)

    @cached_property
    def payload(self) -> Any:
        """The body as its format says, or a GET's parameters; ``MISSING`` where it is something
        else.
        """
        try:
            return parse_request(self.request, self._body_format)
        except MalformedJson:
            return MISSING

    @cached_property
    def _query(self) -> Mapping[str, str]:
        # The first of a name counts, as it does for the senders that sign it.
        return dict(reversed(parse_fields(self.request.query) or []))


def read_payload(body: bytes, body_format: str) -> Any:
    """A body as its format says; ``MISSING`` for what is something else."""
    try:
        return parse_body(body, body_format)
    except MalformedJson:
        return MISSING


def render_scalar(value: Any) -> str | None:
    """A text as it is, a whole number in digits; None for everything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None

"""Signatures described by components, as other products' APIs have it: each part of what is signed
is a literal, a header or something of the body, joined with a separator.
"""

import hashlib
import hmac
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jmespath
import re2
from jmespath.exceptions import JMESPathError

from actions.rules.paths import MISSING
from webhooks.rules.sources import HEADER, Parts, Source

MAX_PATTERN_LENGTH = 256
MAX_EXPRESSION_LENGTH = 256
WHOLE_BODY = "@"


@dataclass(frozen=True, slots=True)
class HeaderCheck:
    """A header whose value has this SHA-256."""

    name: str
    digest: bytes

    @classmethod
    def from_value(cls, name: str, value: str) -> "HeaderCheck":
        return cls(name.lower(), hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """``kind`` is ``literal``, ``header``, ``query`` or ``body``; ``key`` is a header's or query
    parameter's name, or JMESPath into the body, whose absence means the raw bytes.
    """

    kind: str
    key: str | None = None
    value: str = ""
    pattern: str | None = None
    is_required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentForm:
    """Where the signature is, and what it covers."""

    signature: Component
    prefix: str = ""
    components: tuple[Component, ...] = ()
    separator: str = ""
    is_empty_body_allowed: bool = True
    is_normalized: bool = False


def read_component_signature(form: ComponentForm, parts: Parts) -> str | None:
    """The signature's text without its prefix; None where it or its prefix is missing."""
    text = _read_text(form.signature, parts)
    if text is None or not text.startswith(form.prefix):
        return None
    return _extract(form.signature.pattern, text.removeprefix(form.prefix))


def join_components(form: ComponentForm, parts: Parts) -> bytes | None:
    """What is signed; None where a required part of it is missing."""
    if not form.is_empty_body_allowed and not parts.request.body:
        return None
    pieces = []
    for component in form.components:
        piece = _read_piece(component, parts)
        if piece is None and component.is_required:
            return None
        pieces.append(piece or b"")
    joined = form.separator.encode().join(pieces)
    return _normalize(joined) if form.is_normalized else joined


def check_authentication(checks: tuple[HeaderCheck, ...], parts: Parts) -> str | None:
    """The cause when one of the headers is missing or another; all of them are compared."""
    is_missing, is_equal = False, True
    for check in checks:
        given = parts.read(Source(HEADER, (check.name,)))
        is_missing |= given is None
        digest = hashlib.sha256((given or "").encode("utf-8", "surrogatepass")).digest()
        is_equal &= hmac.compare_digest(digest, check.digest)
    if is_missing:
        return "signature_missing"
    return None if is_equal else "token_mismatch"


@lru_cache(maxsize=256)
def compile_pattern(pattern: str) -> Any:
    """A pattern of linear time with exactly one group or more.

    Raises:
        ValueError: it is none.
    """
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise ValueError(f"A pattern has at most {MAX_PATTERN_LENGTH} characters.")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        compiled = re2.compile(pattern, options)
    except (re2.error, UnicodeError) as error:
        raise ValueError("This is no pattern of linear time (RE2).") from error
    if compiled.groups < 1:
        raise ValueError("A pattern holds one group (…): what it catches counts.")
    return compiled


@lru_cache(maxsize=256)
def compile_expression(expression: str) -> Any:
    """A JMESPath expression.

    Raises:
        ValueError: it is none.
    """
    if len(expression) > MAX_EXPRESSION_LENGTH:
        raise ValueError(f"An expression has at most {MAX_EXPRESSION_LENGTH} characters.")
    try:
        return jmespath.compile(expression)
    except (JMESPathError, RecursionError) as error:
        raise ValueError("This is no JMESPath expression.") from error


def _read_piece(component: Component, parts: Parts) -> bytes | None:
    if component.kind == "body" and component.key in {None, WHOLE_BODY}:
        if component.pattern is None:
            return parts.request.body
        return _encode(_extract(component.pattern, _decode(parts.request.body)))
    text = component.value if component.kind == "literal" else _read_text(component, parts)
    return _encode(_extract(component.pattern, text))


def _read_text(component: Component, parts: Parts) -> str | None:
    if component.kind != "body":
        return parts.read(Source(component.kind, (component.key or "",)))
    if component.key in {None, WHOLE_BODY}:
        return _decode(parts.request.body)
    if parts.payload is MISSING:
        return None
    try:
        return _render(compile_expression(component.key or "").search(parts.payload))
    except (JMESPathError, ValueError, TypeError, RecursionError):
        return None


def _render(value: Any) -> str | None:
    """A scalar as JSON writes it, a text without its quotes; None for null and the rest."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value)
    return str(value) if isinstance(value, str | int) else None


def _extract(pattern: str | None, text: str | None) -> str | None:
    if pattern is None or text is None:
        return text
    # Bytes, because re2 reads UTF-8: a lone surrogate must not raise here.
    match = compile_pattern(pattern).search(text.encode("utf-8", "replace").decode())
    return (match.group(1) or None) if match else None


def _decode(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _encode(text: str | None) -> bytes | None:
    return None if text is None else text.encode("utf-8", "replace")


def _normalize(joined: bytes) -> bytes:
    text = _decode(joined)
    return joined if text is None else unicodedata.normalize("NFC", text).encode()

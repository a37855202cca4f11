"""HTTP requests and answers as text: headers that can be sent, bodies that can be kept, secrets
left out.
"""

import json
import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from workspaces.rules.json_text import MalformedJson, parse_json

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,128}")
_UNSENDABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_CHARSET = re.compile(r"charset\s*=\s*\"?([A-Za-z0-9_\-]+)", re.IGNORECASE)
# Decoders that read any bytes as text; whatever else is claimed is read as UTF-8.
_CHARSETS = {"iso-8859-1", "latin-1", "latin1", "us-ascii", "windows-1252"}
# These frame the message or the connection: the client alone sets them.
_RESERVED = {
    "connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te",
    "trailer", "transfer-encoding", "upgrade",
}  # fmt: skip
_SHOWN_HEADERS = (
    "cache-control", "content-encoding", "content-language", "content-length", "content-type",
    "date", "etag", "last-modified", "location", "ratelimit", "retry-after", "x-correlation-id",
    "x-request-id",
)  # fmt: skip
_MAX_SHOWN_LENGTH = 1024
_SHORTEST_SECRET = 4


class InvalidHeader(ValueError):
    """A header that cannot be sent; the message names it, never its value."""


def find_header_name_problem(name: str) -> str | None:
    """Why a request may not carry a header of this name; None when it may."""
    if not _NAME.fullmatch(name):
        return "Not a header name."
    if name.lower() in _RESERVED:
        return f"{name} is set by the client itself."
    return None


def build_headers(*layers: Mapping[str, Any]) -> dict[str, str]:
    """One set of headers: later layers win, names compared without case. A value of None sends no
    header.

    Raises:
        InvalidHeader: a name that may not be sent, or a value that is not one line of text.
    """
    headers: dict[str, tuple[str, str]] = {}
    for layer in layers:
        for name, value in layer.items():
            problem = find_header_name_problem(name)
            if problem is not None:
                raise InvalidHeader(f"{name[:128]!r}: {problem}")
            headers.pop(name.lower(), None)
            if value is not None:
                headers[name.lower()] = (name, _write_header_value(name, value))
    return dict(headers.values())


def _write_header_value(name: str, value: Any) -> str:
    if not isinstance(value, str | int | float):
        raise InvalidHeader(f"The value of {name} is neither text nor a number.")
    text = value if isinstance(value, str) else json.dumps(value)
    if _UNSENDABLE.search(text) or _UNPRINTABLE.search(text):
        raise InvalidHeader(f"The value of {name} holds a line break or another control character.")
    return text.strip()


def build_body(body: Any) -> tuple[bytes | None, str | None]:
    """The bytes of a rendered body and their content type: text as it is, anything else as JSON,
    null as none.
    """
    if body is None:
        return None, None
    if isinstance(body, str):
        return body.encode("utf-8", "replace"), "text/plain; charset=utf-8"
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace"), "application/json"


def read_body(
    raw: bytes,
    *,
    headers: Mapping[str, str],
    is_truncated: bool,
    max_bytes: int,
    secrets: Iterable[str],
) -> tuple[Any, bool]:
    """An answer's body as it may be kept, and whether it is only its beginning: JSON where it is,
    else text.

    Secrets that the target echoes are masked.
    """
    content, is_cut = _decompress(
        raw, encoding=headers.get("content-encoding", ""), max_bytes=max_bytes
    )
    is_cut = is_cut or is_truncated
    content_type = headers.get("content-type", "")
    text = mask_secrets(_decode(content, content_type=content_type), secrets=secrets)
    if not text:
        return None, is_cut
    if not is_cut and ("json" in content_type.lower() or text.lstrip()[:1] in ("{", "[")):
        try:
            return parse_json(text.encode()), False
        except (MalformedJson, UnicodeEncodeError):
            pass
    return _UNPRINTABLE.sub("\ufffd", text), is_cut


def pick_headers(headers: Mapping[str, str], *, secrets: Iterable[str]) -> dict[str, str]:
    """The headers of an answer that are worth keeping, in lower case."""
    masked = list(secrets)
    return {
        name: _UNPRINTABLE.sub("\ufffd", mask_secrets(headers[name], secrets=masked))[
            :_MAX_SHOWN_LENGTH
        ]
        for name in _SHOWN_HEADERS
        if name in headers
    }


def mask_secrets(text: str, *, secrets: Iterable[str]) -> str:
    """The text with every secret of it replaced by ``***``; very short ones are not worth the
    damage.
    """
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***")
    return text


def _decompress(raw: bytes, *, encoding: str, max_bytes: int) -> tuple[bytes, bool]:
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        return raw, False
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        # Bounded: 64 KiB can unpack to 64 MiB.
        content = unpacker.decompress(raw, max_bytes)
    except zlib.error:
        return raw, False
    return content, bool(unpacker.unconsumed_tail)


def _decode(content: bytes, *, content_type: str) -> str:
    claimed = _CHARSET.search(content_type)
    charset = claimed[1].lower() if claimed and claimed[1].lower() in _CHARSETS else "utf-8"
    return content.decode(charset, "replace")

"""From an action's rendered config and its secrets to the bytes of one request."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from actions.kinds.base import ActionCall, Failed
from actions.rules.http_messages import InvalidHeader, build_body, build_headers
from actions.rules.signatures import decode_signing_secret, sign_message

_METHODS_WITH_BODY = {"POST", "PUT", "PATCH"}
_INVALID_URL = "invalid_url"
# Names (international ones in their ASCII form), IPv4 and IPv6 addresses.
_HOST = re.compile(rb"[A-Za-z0-9._:-]+")
_ONLY_HTTP = "Only http and https URLs can be sent to."


class InvalidRequest(Exception):
    """What was rendered cannot be sent, however often."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.failure = Failed(code, message, retryable=False)


@dataclass(frozen=True)
class PreparedRequest:
    """One request, complete but for the connection."""

    method: str
    url: httpx.URL
    headers: dict[str, str]
    body: bytes | None

    def describe_target(self) -> str:
        """Method, scheme, host and path: what may be shown. A query may hold anything."""
        return f"{self.method} {self.url.copy_with(query=None, fragment=None)}"

    def encode_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers as they are sent, the host's first."""
        own = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        return [(b"Host", self.url.netloc), *own]


def build_request(call: ActionCall) -> PreparedRequest:
    """The request that an attempt sends, signed when the secrets hold a signing secret.

    Raises:
        InvalidRequest: what was rendered makes none.
    """
    config, secrets = call.config, call.secrets
    method = str(config.get("method") or "POST")
    url = _build_url(config)
    body, content_type = build_body(config.get("body"))
    if body is None and method in _METHODS_WITH_BODY:
        body = b""
    try:
        headers = build_headers(
            {
                "User-Agent": "Clockhook",
                "Accept": "*/*",
                "Accept-Encoding": "identity",
                "Content-Type": content_type,
            },
            _read_object(config, "headers"),
            _read_object(secrets, "headers"),
            {"Idempotency-Key": str(call.run_id), **_sign(call, body or b"")},
        )
    except InvalidHeader as error:
        raise InvalidRequest("invalid_header", str(error)) from None
    return PreparedRequest(method=method, url=url, headers=headers, body=body)


def _build_url(config: Mapping[str, Any]) -> httpx.URL:
    text = config.get("url")
    if not isinstance(text, str):
        raise InvalidRequest(_INVALID_URL, "The rendered URL is not text.")
    url = _parse_url(text)
    query = {
        name: _list_values(name, value) for name, value in _read_object(config, "query").items()
    }
    if not any(query.values()):
        return url
    try:
        return url.copy_merge_params(query)
    except (httpx.InvalidURL, ValueError):
        raise InvalidRequest("invalid_query", "The rendered query cannot be written.") from None


def _list_values(name: str, value: Any) -> list[str | int | float]:
    values = value if isinstance(value, list) else [value]
    if any(isinstance(item, dict | list) for item in values):
        raise InvalidRequest("invalid_query", f"The value of {name} is neither text nor a number.")
    return [item for item in values if item is not None]


def _sign(call: ActionCall, body: bytes) -> dict[str, str]:
    secret = call.secrets.get("signing_secret")
    if not secret:
        return {}
    return sign_message(
        decode_signing_secret(str(secret)),
        message_id=str(call.run_id),
        timestamp=int(call.now.timestamp()),
        body=body,
    )


def _read_object(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = holder.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"invalid_{name}", f"The rendered {name} are not an object.")
    return value


def find_url_problem(template: str) -> str | None:
    """Why the template cannot yield a URL to send to; of what holds placeholders only the literal
    beginning is judged.
    """
    literal, braces, _ = template.partition("{{")
    scheme, separator, _ = literal.partition("://")
    if braces:
        is_bad = bool(separator) and scheme.lower() not in ("http", "https")
        return _ONLY_HTTP if is_bad else None
    try:
        _parse_url(template)
    except InvalidRequest as error:
        return str(error)
    return None


def _parse_url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
        host, port = url.raw_host, url.port
    except (httpx.InvalidURL, ValueError, TypeError):
        raise InvalidRequest(_INVALID_URL, "Not a valid URL.") from None
    if url.scheme not in ("http", "https"):
        raise InvalidRequest(_INVALID_URL, _ONLY_HTTP)
    if not host:
        raise InvalidRequest(_INVALID_URL, "The URL has no host.")
    if not _HOST.fullmatch(host) or port == 0 or (port or 0) > 65_535:
        raise InvalidRequest(_INVALID_URL, "The URL's host or port is not valid.")
    if url.userinfo:
        raise InvalidRequest(
            _INVALID_URL, "A URL may not carry a user or password; use a secret header."
        )
    return url

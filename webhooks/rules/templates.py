"""The bytes that a signature covers: a template of the request's parts, joined as bytes."""

import hashlib
import hmac
import re
from functools import lru_cache
from urllib.parse import parse_qs, urlsplit, urlunsplit

from webhooks.rules.bodies import parse_fields
from webhooks.rules.received import ReceivedRequest

PLACEHOLDERS = ("body", "timestamp", "id", "method", "url", "form_sorted")
URL_FORMS = ("exact", "hubspot", "twilio")
_PLACEHOLDER = re.compile(r"\{(" + "|".join(PLACEHOLDERS) + r")\}")
# What HubSpot decodes before it signs, and nothing else.
_HUBSPOT_ESCAPE = re.compile(r"%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)
_DEFAULT_PORTS = {"https": 443, "http": 80}


@lru_cache(maxsize=256)
def split_template(template: str) -> tuple[tuple[str, bool], ...]:
    """The pieces in their order, each with whether it is a placeholder's name."""
    # re.split puts what the group caught at the odd places.
    parts = _PLACEHOLDER.split(template)
    return tuple((part, bool(index % 2)) for index, part in enumerate(parts) if part)


def list_placeholders(template: str) -> list[str]:
    """The names of the placeholders, in their order."""
    return [part for part, is_placeholder in split_template(template) if is_placeholder]


def render_messages(
    template: str, request: ReceivedRequest, *, timestamp: str, delivery_id: str, url_form: str
) -> list[bytes]:
    """What may have been signed: one message, two where the sender's URL is not certain.

    Empty where the template asks for what the request does not have.
    """
    names = {part for part, is_placeholder in split_template(template) if is_placeholder}
    if "url" not in names:
        values = {
            "body": request.body,
            "timestamp": _encode(timestamp),
            "id": _encode(delivery_id),
            "method": _encode(request.method),
        }
        return [_join(template, values)]
    form = sort_form(request) if "form_sorted" in names else b""
    if form is None:
        return []
    return [
        _join(
            template,
            {
                "body": request.body,
                "timestamp": _encode(timestamp),
                "id": _encode(delivery_id),
                "method": _encode(request.method),
                "url": _encode(url),
                "form_sorted": form,
            },
        )
        for url in list_urls(request.url, url_form)
    ]


def list_urls(url: str, url_form: str) -> list[str]:
    """The forms in which a sender may have signed the URL."""
    if url_form == "hubspot":
        return [_HUBSPOT_ESCAPE.sub(lambda match: chr(int(match[1], 16)), url)]
    if url_form == "twilio":
        return _list_ports(url)
    return [url]


def sort_form(request: ReceivedRequest) -> bytes | None:
    """A form's fields by name, each name followed by its value, without separators (Twilio).

    A URL with ``bodySHA256`` stands for another kind of body, whose digest it must hold. None where
    neither is so: then nothing vouches for the body.
    """
    digests = _find_body_digests(request.url)
    if digests:
        actual = hashlib.sha256(request.body).hexdigest().encode()
        is_equal = hmac.compare_digest(actual, digests[0].encode("utf-8", "replace"))
        return b"" if is_equal else None
    if not request.body:
        return b""
    # A piece without its "=" could be split otherwise and spell the same text.
    if any(b"=" not in piece for piece in request.body.split(b"&")):
        return None
    fields = parse_fields(request.body)
    if fields is None:
        return None
    return "".join(name + value for name, value in sorted(set(fields))).encode()


def _find_body_digests(url: str) -> list[str]:
    try:
        return parse_qs(urlsplit(url).query, max_num_fields=1000).get("bodySHA256", [])
    except ValueError:
        return []


def _list_ports(url: str) -> list[str]:
    """The URL without and with its port: Twilio signs either."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return [url]
    user, at, host = parts.netloc.rpartition("@")
    bare = host[: -len(f":{port}")] if port is not None and host.endswith(f":{port}") else host
    shown = port or _DEFAULT_PORTS.get(parts.scheme, 80)
    return [
        urlunsplit(parts._replace(netloc=user + at + bare)),
        urlunsplit(parts._replace(netloc=f"{user}{at}{bare}:{shown}")),
    ]


def _join(template: str, values: dict[str, bytes]) -> bytes:
    return b"".join(
        values[part] if is_placeholder else part.encode()
        for part, is_placeholder in split_template(template)
    )


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "replace")

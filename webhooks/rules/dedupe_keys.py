"""A destination's own ``dedupe``: what names a delivery, and how long the name is remembered."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from actions.rules.paths import InvalidPath, parse_path
from webhooks.rules.received import ReceivedRequest
from webhooks.rules.sources import Parts, render_scalar
from workspaces.rules.problems import FieldError

DEFAULT_WINDOW_HOURS = 192
MAX_WINDOW_HOURS = 720
DIGEST = "digest"
_HEADER = re.compile(r"header:([!#$%&'*+.^_`|~0-9A-Za-z-]{1,128})")


def check_dedupe(dedupe: Any) -> list[FieldError]:
    """What is wrong with a ``dedupe``, with pointers below ``/dedupe``; empty when nothing is."""
    if not isinstance(dedupe, Mapping) or "key" not in dedupe:
        detail = 'Write {"key": "header:X-Delivery" or "body:id" or "digest" or null}.'
        return [FieldError("/dedupe", "invalid", detail)]
    errors = [
        FieldError(f"/dedupe/{name}", "unknown_field", "There is no such field.")
        for name in dedupe
        if name not in ("key", "window_hours")
    ]
    hours = dedupe.get("window_hours", DEFAULT_WINDOW_HOURS)
    if isinstance(hours, bool) or not isinstance(hours, int) or not 1 <= hours <= MAX_WINDOW_HOURS:
        detail = f"This is a whole number from 1 to {MAX_WINDOW_HOURS}."
        errors.append(FieldError("/dedupe/window_hours", "out_of_range", detail))
    return [*errors, *_check_key(dedupe["key"])]


def find_key(
    dedupe: Mapping[str, Any], request: ReceivedRequest, *, body_format: str = "json"
) -> str | None:
    """The delivery's name in this request, None where it has none."""
    source = dedupe["key"]
    if source is None:
        return None
    if source == DIGEST:
        return digest_request(request)
    kind, _, name = source.partition(":")
    if kind == "header":
        return request.headers.get(name.lower()) or None
    return render_scalar(Parts(request, body_format=body_format).find(name)) or None


def digest_request(request: ReceivedRequest) -> str:
    """SHA-256 of what was sent: the raw body, or the parameters of a GET without one."""
    is_in_query = request.method == "GET" and not request.body
    sent = request.query.encode("utf-8", "surrogatepass") if is_in_query else request.body
    return f"sha256:{hashlib.sha256(sent).hexdigest()}"


def _check_key(key: Any) -> list[FieldError]:
    if key is None or key == DIGEST:
        return []
    if isinstance(key, str) and _HEADER.fullmatch(key):
        return []
    if isinstance(key, str) and key.startswith("body:"):
        try:
            parse_path(key.removeprefix("body:"))
        except InvalidPath as error:
            return [FieldError("/dedupe/key", "invalid_path", str(error))]
        return []
    detail = "This is header:<name>, body:<path>, digest or null."
    return [FieldError("/dedupe/key", "invalid", detail)]

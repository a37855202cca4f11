"""A destination's own answer to what it took, for senders that insist on one."""

from collections.abc import Mapping
from typing import Any

from workspaces.rules.problems import FieldError

MAX_BODY_LENGTH = 16 * 1024
DEFAULT_CONTENT_TYPE = "text/plain"
# None that a browser would run: the answer comes from the API's own address.
CONTENT_TYPES = ("text/plain", "application/json", "application/xml", "text/xml")


def check_response(response: Any) -> list[FieldError]:
    """What is wrong with a ``response``, with pointers below ``/response``; empty when nothing
    is.
    """
    if not isinstance(response, Mapping) or not response:
        detail = 'Write {"status": 200, "content_type": "text/plain", "body": "ok"}.'
        return [FieldError("/response", "invalid", detail)]
    errors = [
        FieldError(f"/response/{name}", "unknown_field", "There is no such field.")
        for name in response
        if name not in ("status", "content_type", "body")
    ]
    status = response.get("status", 200)
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 299:
        errors.append(FieldError("/response/status", "out_of_range", "This is 200 to 299."))
    if response.get("content_type", DEFAULT_CONTENT_TYPE) not in CONTENT_TYPES:
        detail = f"This is one of {', '.join(CONTENT_TYPES)}."
        errors.append(FieldError("/response/content_type", "invalid_choice", detail))
    body = response.get("body", "")
    if not isinstance(body, str) or len(body.encode("utf-8", "replace")) > MAX_BODY_LENGTH:
        detail = f"This is a text of at most {MAX_BODY_LENGTH} bytes."
        errors.append(FieldError("/response/body", "invalid", detail))
    return errors

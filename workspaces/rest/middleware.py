"""One id per request: in the answer, in the log, in every problem."""

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from structlog.contextvars import bind_contextvars, clear_contextvars

from workspaces.services import new_id

# Visible ASCII: what comes in goes into logs and headers as it is.
_ACCEPTED = re.compile(r"[\x21-\x7e]{1,128}")


def begin_request(given: str) -> str:
    """The caller's id of a request if it is a good one, else a new one; log lines carry it."""
    request_id = given if _ACCEPTED.fullmatch(given) else str(new_id())
    # Threads serve one request after the other: what the last one bound must go.
    clear_contextvars()
    bind_contextvars(request_id=request_id)
    return request_id


class RequestIdMiddleware:
    """Takes the caller's ``X-Request-ID`` or makes one; ``request.request_id`` holds it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = begin_request(request.META.get("HTTP_X_REQUEST_ID", ""))
        request.request_id = request_id  # type: ignore[attr-defined]
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response

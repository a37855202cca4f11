"""The public door on WSGI itself: what Django's middleware does for browsers costs a webhook more
than its verification.
"""

import re
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication

from django.core.handlers.wsgi import get_path_info, get_script_name

from config.postgres.resting import lay_connection_down, take_connection_up
from webhooks.receiver import Reply, receive_environ
from workspaces.rest.middleware import begin_request

_HOOK = re.compile(r"/v1/(?:([^/]+)/)?hooks/([^/]+)")


def build_application(site: WSGIApplication) -> WSGIApplication:
    """Requests to the public door are answered here, all others by ``site``."""

    def answer(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        found = _HOOK.fullmatch(environ["PATH_INFO"])
        if found is None:
            return site(environ, start_response)
        return _receive(environ, start_response, workspace_id=found[1], destination_id=found[2])

    return answer


def _receive(
    environ: dict[str, Any],
    start_response: Callable[..., Any],
    *,
    workspace_id: str | None,
    destination_id: str,
) -> Iterable[bytes]:
    request_id = begin_request(environ.get("HTTP_X_REQUEST_ID", ""))
    take_connection_up()
    try:
        reply = receive_environ(
            environ,
            path=f"{get_script_name(environ)}{get_path_info(environ)}",
            request_id=request_id,
            workspace_id=workspace_id,
            destination_id=destination_id,
        )
    finally:
        lay_connection_down()
    status = f"{reply.status} {HTTPStatus(reply.status).phrase}"
    start_response(status, _list_headers(reply, request_id))
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [reply.body]


def _list_headers(reply: Reply, request_id: str) -> list[tuple[str, str]]:
    return [
        *reply.headers.items(),
        ("Content-Type", reply.content_type),
        ("Content-Length", str(len(reply.body))),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Request-ID", request_id),
    ]

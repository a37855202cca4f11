"""The public door: ``POST /v1/hooks/{destination_id}``, also below ``/v1/{workspace_id}``.

The raw bytes of a WSGI environment: no parser, no form, no middleware reads the body before it is
verified.
"""

import datetime as dt
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse
from django.views.decorators.csrf import csrf_exempt

from webhooks.rules.challenges import Answer
from webhooks.rules.received import ReceivedRequest, build_url
from webhooks.rules.static_response import DEFAULT_CONTENT_TYPE
from webhooks.services import DatabaseAway, PostOnly, Receipt, receive_delivery
from workspaces.rules.problems import BadRequest, InternalError, ServiceError, build_problem

log = structlog.get_logger(__name__)

MAX_BODY_BYTES = 1024 * 1024
_PIECE_BYTES = 64 * 1024
_METHODS = ("POST", "GET", "HEAD")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the sender gets."""

    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


@csrf_exempt
def receive(
    request: WSGIRequest, *, destination_id: str, workspace_id: str | None = None
) -> HttpResponse:
    """The door as a view of Django's, for whatever does not come in by `config.hooks`."""
    reply = receive_environ(
        request.environ,
        path=request.path,
        request_id=str(getattr(request, "request_id", "")),
        workspace_id=workspace_id,
        destination_id=destination_id,
    )
    return HttpResponse(
        reply.body, status=reply.status, content_type=reply.content_type, headers=reply.headers
    )


def receive_environ(
    environ: dict[str, Any],
    *,
    path: str,
    request_id: str,
    workspace_id: str | None,
    destination_id: str,
) -> Reply:
    """Answer one request of a sender. Nothing but the answers of the contract ever leaves here."""
    started = time.perf_counter()
    try:
        if environ["REQUEST_METHOD"] not in _METHODS:
            raise PostOnly
        receipt = receive_delivery(
            _read_request(environ, path=path),
            workspace_id=workspace_id,
            destination_id=destination_id,
            now=dt.datetime.now(dt.UTC),
            started=started,
        )
    except ServiceError as error:
        return _render_problem(error, path=path, request_id=request_id)
    except (OperationalError, InterfaceError) as error:
        log.warning("database_away", error=str(error))
        return _render_problem(DatabaseAway(), path=path, request_id=request_id)
    except Exception:
        # The last word to a stranger is a problem, not a page.
        log.exception("receiver_failed", destination_id=destination_id)
        failure = InternalError("Something went wrong on our side.")
        return _render_problem(failure, path=path, request_id=request_id)
    if isinstance(receipt, Answer):
        return Reply(
            status=receipt.status, body=_encode(receipt.render()), content_type=receipt.content_type
        )
    return _render_receipt(receipt)


def _read_request(environ: dict[str, Any], *, path: str) -> ReceivedRequest:
    query, method = environ.get("QUERY_STRING", ""), environ["REQUEST_METHOD"]
    body, size = (b"", 0) if method != "POST" else _read_body(environ)
    return ReceivedRequest(
        method=method,
        path=path,
        query=query,
        url=build_url(settings.CLOCKHOOK_PUBLIC_URL, path, query),
        headers=_read_headers(environ),
        body=body,
        size=size,
        is_oversized=size > MAX_BODY_BYTES,
        address=environ.get("REMOTE_ADDR", ""),
    )


def _read_body(environ: dict[str, Any]) -> tuple[bytes, int]:
    """The body and how much of it was read: counted here, whatever Content-Length says.

    More than the limit is not kept, and reading stops there.
    """
    left = _find_length(environ)
    pieces, size = [], 0
    while left > 0 and size <= MAX_BODY_BYTES:
        try:
            piece = environ["wsgi.input"].read(min(_PIECE_BYTES, left))
        except OSError:
            raise BadRequest("The body broke off.") from None
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
        left -= len(piece)
    return (b"" if size > MAX_BODY_BYTES else b"".join(pieces)), size


def _find_length(environ: dict[str, Any]) -> int:
    """How much may be read: as much as was announced, one byte past the limit where nothing was.

    A server that decodes chunks ends the stream itself; one that does not must not be read past the
    announced end. Without a length and without chunks there is no body.
    """
    text = environ.get("CONTENT_LENGTH") or ""
    if text.isascii() and text.isdigit():
        return int(text[:20])
    return MAX_BODY_BYTES + 1 if environ.get("HTTP_TRANSFER_ENCODING") else 0


def _read_headers(environ: dict[str, Any]) -> dict[str, str]:
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    if environ.get("CONTENT_TYPE"):
        headers["content-type"] = environ["CONTENT_TYPE"]
    return headers


def _render_receipt(receipt: Receipt) -> Reply:
    own = receipt.response
    if own is None:
        body = json.dumps(receipt.as_json()).encode()
        return Reply(status=200, body=body, content_type="application/json")
    return Reply(
        status=own.get("status", 200),
        body=_encode(own.get("body", "")),
        content_type=own.get("content_type", DEFAULT_CONTENT_TYPE),
    )


def _encode(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _render_problem(error: ServiceError, *, path: str, request_id: str) -> Reply:
    problem = build_problem(error, instance=path, request_id=request_id)
    return Reply(
        status=error.status,
        body=json.dumps(problem).encode(),
        content_type="application/problem+json",
        headers=error.headers,
    )

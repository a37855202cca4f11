"""The public door: ``POST /v1/hooks/{destination_id}``, also below ``/v1/{workspace_id}``.

A plain Django view on the raw bytes: no parser, no form, no middleware reads the body before it is
verified.
"""

import datetime as dt
import json
import time
from typing import Any

import structlog
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse
from django.views.decorators.csrf import csrf_exempt

from webhooks.rules.challenges import Answer
from webhooks.rules.received import ReceivedRequest
from webhooks.rules.static_response import DEFAULT_CONTENT_TYPE
from webhooks.services import DatabaseAway, PostOnly, Receipt, receive_delivery
from workspaces.rules.problems import BadRequest, InternalError, ServiceError, build_problem

log = structlog.get_logger(__name__)

MAX_BODY_BYTES = 1024 * 1024
_PIECE_BYTES = 64 * 1024
_METHODS = ("POST", "GET", "HEAD")


@csrf_exempt
def receive(
    request: WSGIRequest, *, destination_id: str, workspace_id: str | None = None
) -> HttpResponse:
    """Answer one request of a sender. Nothing but the answers of the contract ever leaves here."""
    started = time.perf_counter()
    try:
        if request.method not in _METHODS:
            raise PostOnly
        receipt = receive_delivery(
            _read_request(request),
            workspace_id=workspace_id,
            destination_id=destination_id,
            now=dt.datetime.now(dt.UTC),
            started=started,
        )
    except ServiceError as error:
        return _render_problem(request, error)
    except (OperationalError, InterfaceError) as error:
        log.warning("database_away", error=str(error))
        return _render_problem(request, DatabaseAway())
    except Exception:
        # The last word to a stranger is a problem, not a page.
        log.exception("receiver_failed", destination_id=destination_id)
        return _render_problem(request, InternalError("Something went wrong on our side."))
    if isinstance(receipt, Answer):
        return HttpResponse(
            receipt.render(), status=receipt.status, content_type=receipt.content_type
        )
    return _render_receipt(receipt)


def _read_request(request: WSGIRequest) -> ReceivedRequest:
    environ = request.environ
    query = environ.get("QUERY_STRING", "")
    body, size = (b"", 0) if request.method != "POST" else _read_body(environ)
    return ReceivedRequest(
        method=request.method or "",
        path=request.path,
        query=query,
        url=f"{settings.CLOCKHOOK_PUBLIC_URL}{request.path}{query and '?' + query}",
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


def _render_receipt(receipt: Receipt) -> HttpResponse:
    own = receipt.response
    if own is None:
        return HttpResponse(json.dumps(receipt.as_json()), content_type="application/json")
    return HttpResponse(
        own.get("body", ""),
        status=own.get("status", 200),
        content_type=own.get("content_type", DEFAULT_CONTENT_TYPE),
    )


def _render_problem(request: WSGIRequest, error: ServiceError) -> HttpResponse:
    problem = build_problem(
        error, instance=request.path, request_id=str(getattr(request, "request_id", ""))
    )
    return HttpResponse(
        json.dumps(problem),
        status=error.status,
        headers=error.headers,
        content_type="application/problem+json",
    )

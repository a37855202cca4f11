"""Every error of the API becomes one shape: problem+json."""

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

import psycopg
from django.core import exceptions as django_exceptions
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.views import defaults
from rest_framework import exceptions as drf
from rest_framework.response import Response

from workspaces.rules import problems
from workspaces.rules.problems import FieldError, ServiceError, build_problem, escape_pointer

logger = logging.getLogger(__name__)

PROBLEM_TYPE = "application/problem+json"
# Pages for people; all other paths are the API's.
_BROWSER_PATHS = ("/admin/", "/static/")
_UNREACHABLE = (OperationalError, InterfaceError, psycopg.OperationalError)

_Translation = tuple[type[Exception] | tuple[type[Exception], ...], Callable[[Any], ServiceError]]


def render_exception(exc: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's exception handler."""
    error = translate_exception(exc)
    request = context["request"]
    body = build_problem(error, instance=request.path, request_id=read_request_id(request))
    return Response(body, status=error.status, headers=error.headers, content_type=PROBLEM_TYPE)


def translate_exception(exc: BaseException | None) -> ServiceError:
    """The error to show for ``exc``. What nobody anticipated is logged and shown as a plain 500."""
    if isinstance(exc, ServiceError) and exc.status != HTTPStatus.INTERNAL_SERVER_ERROR:
        return exc
    for kinds, translate in _TRANSLATIONS:
        if isinstance(exc, kinds):
            return translate(exc)
    logger.error("The request ended in an unexpected error", exc_info=exc)
    return problems.InternalError("Something went wrong on our side. Name the request_id to us.")


def read_request_id(request: Any) -> str:
    """The id that the middleware gave to this request (Django's or DRF's)."""
    return str(getattr(request, "request_id", ""))


def render_bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400."""
    if request.path.startswith(_BROWSER_PATHS):
        return defaults.bad_request(request, exception)
    return render_problem(request, translate_exception(exception))


def render_forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler403."""
    if request.path.startswith(_BROWSER_PATHS):
        return defaults.permission_denied(request, exception)
    return render_problem(request, translate_exception(exception))


def render_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    if request.path.startswith(_BROWSER_PATHS):
        return defaults.page_not_found(request, exception)
    return render_problem(request, problems.NotFound("There is nothing at this path."))


def render_server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500."""
    if request.path.startswith(_BROWSER_PATHS):
        return defaults.server_error(request)
    return render_problem(request, translate_exception(sys.exception()))


def render_problem(request: HttpRequest, error: ServiceError) -> HttpResponse:
    """The problem as a plain Django answer."""
    body = build_problem(error, instance=request.path, request_id=read_request_id(request))
    return JsonResponse(body, status=error.status, headers=error.headers, content_type=PROBLEM_TYPE)


def _translate_invalid(exc: drf.ValidationError) -> ServiceError:
    errors = list(_walk_detail(exc.detail, ""))
    first = errors[0] if errors else FieldError("", "invalid", "The request is not valid.")
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    place = f"{first.pointer}: " if first.pointer else ""
    return problems.Unprocessable(f"{place}{first.detail}{more}", errors=errors)


def _walk_detail(detail: Any, pointer: str) -> Iterator[FieldError]:
    if isinstance(detail, drf.ErrorDetail):
        yield FieldError(pointer, detail.code or "invalid", str(detail))
    elif isinstance(detail, Mapping):
        for name, inner in detail.items():
            is_own = name == "non_field_errors"
            yield from _walk_detail(
                inner, pointer if is_own else f"{pointer}/{escape_pointer(str(name))}"
            )
    else:
        for index, inner in enumerate(detail):
            is_leaf = isinstance(inner, drf.ErrorDetail)
            yield from _walk_detail(inner, pointer if is_leaf else f"{pointer}/{index}")


def _translate_unreachable(exc: Exception) -> ServiceError:
    logger.warning("Postgres did not answer: %s", exc)
    return problems.ServiceUnavailable(
        "The database does not answer. Try again in a moment.", retry_after_seconds=1
    )


def _translate_other(exc: drf.APIException) -> ServiceError:
    error = ServiceError(str(exc.detail))
    status = HTTPStatus(exc.status_code)
    error.status, error.title, error.code = status, status.phrase, status.name.lower()
    return error


_TRANSLATIONS: tuple[_Translation, ...] = (
    (drf.ValidationError, _translate_invalid),
    (
        (drf.NotAuthenticated, drf.AuthenticationFailed),
        lambda exc: problems.Unauthorized(str(exc.detail)),
    ),
    (drf.PermissionDenied, lambda exc: problems.Forbidden(str(exc.detail))),
    (drf.NotFound, lambda exc: problems.NotFound(str(exc.detail))),
    (drf.MethodNotAllowed, lambda exc: problems.MethodNotAllowed(str(exc.detail))),
    (drf.ParseError, lambda exc: problems.BadRequest(str(exc.detail))),
    (
        drf.UnsupportedMediaType,
        lambda _: problems.UnsupportedMediaType("Send the body as Content-Type: application/json."),
    ),
    (
        drf.Throttled,
        lambda exc: problems.TooManyRequests(str(exc.detail), retry_after_seconds=exc.wait),
    ),
    (drf.APIException, _translate_other),
    (Http404, lambda _: problems.NotFound("There is no such thing.")),
    (django_exceptions.PermissionDenied, lambda _: problems.Forbidden("This is not allowed.")),
    (
        django_exceptions.RequestDataTooBig,
        lambda _: problems.PayloadTooLarge("The body is larger than 1 MiB."),
    ),
    (
        (django_exceptions.SuspiciousOperation, django_exceptions.BadRequest, UnreadablePostError),
        lambda _: problems.BadRequest("The request is malformed."),
    ),
    (_UNREACHABLE, _translate_unreachable),
)

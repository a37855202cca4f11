"""Errors that callers may see, and the one shape they are shown in (RFC 9457)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field; ``pointer`` is a JSON pointer (``/name`` for a parameter)."""

    pointer: str
    code: str
    detail: str


class ServiceError(Exception):
    """An anticipated refusal. Rooms subclass the classes below beside what raises them.

    ``detail`` and ``members`` (extra members of the problem) are shown to the caller as they are.
    """

    code = "internal_server_error"
    status = 500
    title = "Internal Server Error"

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        members: Mapping[str, object] | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.members = dict(members or {})
        self.retry_after_seconds = retry_after_seconds

    @property
    def headers(self) -> dict[str, str]:
        """The answer's own headers: whole seconds of ``Retry-After``, never rounded down."""
        if self.retry_after_seconds is None:
            return {}
        return {"Retry-After": str(max(0, math.ceil(self.retry_after_seconds)))}


class BadRequest(ServiceError):
    code, status, title = "bad_request", 400, "Bad Request"


class Unauthorized(ServiceError):
    code, status, title = "unauthorized", 401, "Unauthorized"

    @property
    def headers(self) -> dict[str, str]:
        return {**super().headers, "WWW-Authenticate": "Bearer"}


class PaymentRequired(ServiceError):
    code, status, title = "payment_required", 402, "Payment Required"


class Forbidden(ServiceError):
    code, status, title = "forbidden", 403, "Forbidden"


class NotFound(ServiceError):
    code, status, title = "not_found", 404, "Not Found"


class MethodNotAllowed(ServiceError):
    code, status, title = "method_not_allowed", 405, "Method Not Allowed"


class Conflict(ServiceError):
    code, status, title = "conflict", 409, "Conflict"


class BodyUnread(ServiceError):
    """A body was refused unread: the server drops the connection then, and the client is told, lest
    it send its next request into the void.
    """

    @property
    def headers(self) -> dict[str, str]:
        return {**super().headers, "Connection": "close"}


class LengthRequired(BodyUnread):
    code, status, title = "length_required", 411, "Length Required"


class PayloadTooLarge(BodyUnread):
    code, status, title = "payload_too_large", 413, "Content Too Large"


class UnsupportedMediaType(ServiceError):
    code, status, title = "unsupported_media_type", 415, "Unsupported Media Type"


class Unprocessable(ServiceError):
    code, status, title = "unprocessable_entity", 422, "Unprocessable Content"


class TooManyRequests(ServiceError):
    code, status, title = "too_many_requests", 429, "Too Many Requests"


class InternalError(ServiceError):
    code, status, title = "internal_server_error", 500, "Internal Server Error"


class ServiceUnavailable(ServiceError):
    code, status, title = "service_unavailable", 503, "Service Unavailable"


def build_problem(error: ServiceError, *, instance: str, request_id: str) -> dict[str, Any]:
    """The ``application/problem+json`` body of ``error``; ``instance`` is the request's path."""
    return {
        # The error's own members come first, so that none of them can hide a standard one.
        **error.members,
        "type": f"urn:clockhook:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": instance,
        "code": error.code,
        "request_id": request_id,
        "errors": [asdict(field_error) for field_error in error.errors],
        "error": {"code": error.code, "message": error.detail},
    }


def escape_pointer(token: str) -> str:
    """One reference token of a JSON pointer (RFC 6901)."""
    return token.replace("~", "~0").replace("/", "~1")


def refuse_field(pointer: str, *, code: str, detail: str) -> Unprocessable:
    """The refusal of exactly one field or query parameter; the caller raises it."""
    return Unprocessable(detail, errors=[FieldError(pointer, code, detail)])

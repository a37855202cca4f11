"""Sends one HTTP request and keeps the answer."""

import time
from collections.abc import Mapping
from typing import Any

from actions.kinds.base import ActionCall, Completed, Failed, Outcome, QueueName
from actions.kinds.guarded_http import MAX_BODY_BYTES, Answer, send_request
from actions.kinds.guarded_network import ExchangeFailed
from actions.kinds.outgoing import InvalidRequest, PreparedRequest, build_request, find_url_problem
from actions.rules.http_answers import DEFAULT_SUCCESS, is_retryable, is_success, parse_retry_after
from actions.rules.http_messages import (
    InvalidHeader,
    build_headers,
    find_header_name_problem,
    mask_secrets,
    pick_headers,
    read_body,
)
from actions.rules.retry import DEFAULT_RETRY, RetryPolicy
from actions.rules.signatures import decode_signing_secret
from workspaces.rules.problems import FieldError, escape_pointer

_MAX_URL_LENGTH = 8192
_MAX_SNIPPET = 300
_SCALAR = {"type": ["string", "number", "boolean", "null"]}


class HttpRequest:
    """One request per attempt, signed when a signing secret is set; redirects are answers, never
    followed.
    """

    name = "HTTP request"
    description = "Sends an HTTP request built from templates and keeps the answer."
    queue: QueueName = "network"
    default_retry: RetryPolicy = DEFAULT_RETRY
    config_schema: Mapping[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["url"],
        "properties": {
            "method": {
                "enum": ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"],
                "default": "POST",
            },
            "url": {
                "type": "string",
                "minLength": 1,
                "maxLength": _MAX_URL_LENGTH,
                "description": "http or https. A template.",
            },
            "headers": {
                "type": "object",
                "maxProperties": 64,
                "additionalProperties": _SCALAR,
                "description": "Values are templates; null sends no such header.",
            },
            "query": {
                "type": "object",
                "maxProperties": 64,
                "additionalProperties": {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}]},
                "description": "Added to the URL's own. Values are templates; null adds nothing.",
            },
            "body": {"description": "Text is sent as it is, anything else as JSON. A template."},
            "success_statuses": {
                "type": "array",
                "minItems": 1,
                "maxItems": 64,
                "items": {
                    "anyOf": [
                        {"type": "integer", "minimum": 100, "maximum": 599},
                        {"type": "string", "pattern": "^[1-5]([xX]{2}|[0-9]{2})$"},
                    ]
                },
                "default": list(DEFAULT_SUCCESS),
                "description": 'Statuses that count as success, such as 200 or "2xx".',
            },
        },
    }
    input_schema: Mapping[str, Any] = {"type": "object"}
    uses_database = False

    def check_config(self, config: Mapping[str, Any]) -> list[FieldError]:
        problem = find_url_problem(config["url"])
        errors = [FieldError("/url", "invalid_url", problem)] if problem else []
        return errors + _find_header_problems(config.get("headers") or {})

    def check_secrets(self, secrets: Mapping[str, Any]) -> list[FieldError]:
        errors = [
            FieldError(
                f"/{escape_pointer(name)}", "unknown_field", "Known are signing_secret and headers."
            )
            for name in secrets
            if name not in ("signing_secret", "headers")
        ]
        if secrets.get("signing_secret") is not None:
            try:
                decode_signing_secret(str(secrets["signing_secret"]))
            except ValueError as error:
                errors.append(FieldError("/signing_secret", "invalid", str(error)))
        headers = secrets.get("headers") or {}
        if not isinstance(headers, Mapping):
            return [*errors, FieldError("/headers", "type", "Must be an object.")]
        return errors + _find_header_problems(headers, is_strict=True)

    def describe(self, call: ActionCall) -> dict[str, Any]:
        try:
            request = build_request(call)
        except InvalidRequest as error:
            return {"problem": error.failure.message}
        hidden = {name.lower() for name in call.secrets.get("headers") or {}} | {
            "webhook-signature"
        }
        return {
            "problem": None,
            "method": request.method,
            "url": str(request.url),
            "headers": {
                name: "***" if name.lower() in hidden else value
                for name, value in request.headers.items()
            },
            "body": None if request.body is None else request.body.decode(),
            "success_statuses": call.config.get("success_statuses") or list(DEFAULT_SUCCESS),
        }

    def perform(self, call: ActionCall) -> Outcome:
        started = time.monotonic()
        try:
            request = build_request(call)
            answer = send_request(
                method=request.method,
                url=request.url,
                headers=request.encode_headers(),
                body=request.body,
                timeout_seconds=call.timeout_seconds,
                cancelled=call.cancelled,
            )
        except InvalidRequest as error:
            return error.failure
        except ExchangeFailed as error:
            return Failed(error.code, str(error), retryable=error.is_retryable)
        duration_ms = round((time.monotonic() - started) * 1000)
        return _judge(call, request, answer, duration_ms=duration_ms)


def _judge(
    call: ActionCall, request: PreparedRequest, answer: Answer, *, duration_ms: int
) -> Outcome:
    secrets = _list_secret_texts(call.secrets)
    body, is_truncated = read_body(
        answer.body,
        headers=answer.headers,
        is_truncated=answer.is_truncated,
        max_bytes=MAX_BODY_BYTES,
        secrets=secrets,
    )
    if not is_success(
        answer.status, success_statuses=call.config.get("success_statuses") or DEFAULT_SUCCESS
    ):
        return Failed(
            f"http_{answer.status}",
            _describe_refusal(request, answer, body=body, secrets=secrets),
            retryable=is_retryable(answer.status),
            retry_after_seconds=parse_retry_after(answer.headers.get("retry-after"), now=call.now),
        )
    return Completed(
        {
            "status": answer.status,
            "headers": pick_headers(answer.headers, secrets=secrets),
            "body": body,
            "truncated": is_truncated,
            "duration_ms": duration_ms,
        }
    )


def _describe_refusal(
    request: PreparedRequest, answer: Answer, *, body: Any, secrets: list[str]
) -> str:
    snippet = "" if body is None else f": {str(body)[:_MAX_SNIPPET]}"
    text = (
        f"{request.describe_target()} was answered {answer.status} {answer.reason}".rstrip()
        + snippet
    )
    return mask_secrets(text, secrets=secrets)


def _find_header_problems(
    headers: Mapping[str, Any], *, is_strict: bool = False
) -> list[FieldError]:
    errors = []
    for name, value in headers.items():
        pointer = f"/headers/{escape_pointer(name)}"
        problem = find_header_name_problem(name)
        if problem is None and is_strict:
            try:
                build_headers({name: value})
            except InvalidHeader as error:
                problem = str(error)
        if problem is not None:
            errors.append(FieldError(pointer, "invalid_header", problem))
    return errors


def _list_secret_texts(secrets: Mapping[str, Any]) -> list[str]:
    headers = secrets.get("headers") or {}
    return [str(value) for value in headers.values()] + [str(secrets.get("signing_secret") or "")]

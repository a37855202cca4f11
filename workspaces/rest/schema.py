"""The OpenAPI document: what drf-spectacular cannot see, and words for view authors."""

import functools
import json
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers

from workspaces.rest.errors import PROBLEM_TYPE

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])
_Serializer = type[serializers.Serializer[Any]]

_WORKSPACE_PREFIX = "/v1/{workspace_id}/"
_VERBS = {"get": "get", "post": "create", "put": "replace", "patch": "update", "delete": "delete"}


_field_error = inline_serializer(
    "FieldError",
    {
        "pointer": serializers.CharField(),
        "code": serializers.CharField(),
        "detail": serializers.CharField(),
    },
    many=True,
)
_short_error = inline_serializer(
    "ShortError", {"code": serializers.CharField(), "message": serializers.CharField()}
)
_PROBLEM = inline_serializer(
    "Problem",
    {
        **{
            name: serializers.CharField()
            for name in ("type", "title", "detail", "instance", "code", "request_id")
        },
        "status": serializers.IntegerField(),
        "errors": _field_error,
        "error": _short_error,
    },
)


class ClockhookSchema(AutoSchema):
    """Adds the problem to every operation, ids as UUIDs, and operation ids that stay."""

    def get_operation_id(self) -> str:
        """``triggers_list``, ``triggers_pause``, ``triggers_get``; ``all_…`` across workspaces."""
        is_scoped = self.path.startswith((_WORKSPACE_PREFIX, "/v1/workspaces"))
        steps = [
            step for step in self.path.removeprefix("/v1/").split("/") if not step.startswith("{")
        ]
        if not is_scoped:
            steps.insert(0, "all")
        verb = _VERBS[self.method.lower()]
        ends_with_name = not self.path.endswith("}")
        is_plural = steps[-1].endswith("s")
        if self.method == "GET" and ends_with_name and is_plural:
            verb = "list"
        # POST …/pause is a verb of its own; POST …/triggers makes one.
        is_verb = self.method == "POST" and ends_with_name and not is_plural
        return "_".join([*steps, *([] if is_verb else [verb])]).replace("-", "_")

    def get_tags(self) -> list[str]:
        path = self.path.removeprefix(_WORKSPACE_PREFIX).removeprefix("/v1/")
        return [path.split("/")[0]]

    def _resolve_path_parameters(self, variables: Sequence[str]) -> list[dict[str, Any]]:
        return [
            {
                "in": "path",
                "name": name,
                "required": True,
                "schema": {"type": "string"} | ({"format": "uuid"} if name.endswith("_id") else {}),
            }
            for name in variables
        ]

    def _get_response_bodies(
        self, direction: Literal["request", "response"] = "response"
    ) -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction)
        problem = self._get_response_for_code(  # type: ignore[no-untyped-call]
            _PROBLEM, "default", [PROBLEM_TYPE]
        )
        return {**bodies, "default": {**problem, "description": "Any error."}}


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "workspaces.rest.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class StaffSessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "workspaces.rest.authentication.StaffSessionAuthentication"
    name = "staffSession"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}


def describe_parameter(
    name: str,
    description: str,
    *,
    kind: type = str,
    choices: Sequence[str] | None = None,
    is_time: bool = False,
) -> OpenApiParameter:
    """One optional query parameter."""
    schema = {"type": "string", "format": "date-time"} if is_time else kind
    return OpenApiParameter(name, schema, description=description, enum=choices)


TIME_RANGE_PARAMETERS = (
    describe_parameter("since", "From this time on (RFC 3339); also `from`.", is_time=True),
    describe_parameter("until", "Before this time (RFC 3339); also `to`.", is_time=True),
)


def document(
    summary: str,
    *,
    request: _Serializer | None = None,
    response: _Serializer | serializers.BaseSerializer[Any] | dict[str, Any] | None = None,
    status: int = 200,
    parameters: Sequence[OpenApiParameter] = (),
    operation_id: str | None = None,
) -> Callable[[_Decorated], _Decorated]:
    """Describe one method of a view; without ``response`` its answer has no body."""
    decorator: Callable[[_Decorated], _Decorated] = extend_schema(
        summary=summary,
        request=request,
        responses={status: response},
        parameters=list(parameters),
        operation_id=operation_id,
    )
    return decorator


def document_list(
    serializer: _Serializer,
    *,
    summary: str,
    max_limit: int,
    parameters: Sequence[OpenApiParameter] = (),
) -> Callable[[_Decorated], _Decorated]:
    """Describe a GET whose answer is a page of ``serializer``'s in the list envelope."""
    return document(
        summary,
        response=_wrap_in_envelope(serializer),
        parameters=[*_describe_paging(max_limit), *parameters],
    )


@functools.cache
def _wrap_in_envelope(serializer: _Serializer) -> Any:
    return inline_serializer(
        f"{serializer.__name__.removesuffix('Serializer')}List",
        {
            "items": serializer(many=True),
            "has_more": serializers.BooleanField(),
            "continuation_token": serializers.IntegerField(allow_null=True),
            "next_cursor": serializers.CharField(allow_null=True),
            "total": serializers.IntegerField(allow_null=True),
        },
    )


def _describe_paging(max_limit: int) -> list[OpenApiParameter]:
    limit = {"type": "integer", "minimum": 1, "maximum": max_limit, "default": min(10, max_limit)}
    offset = {"type": "integer", "minimum": 0}
    return [
        OpenApiParameter("limit", limit, description="How many items a page holds."),
        OpenApiParameter("continuation_token", offset, description="The last answer's token."),
        OpenApiParameter("cursor", str, description="The last answer's `next_cursor` instead."),
        OpenApiParameter("include_total", bool, description="Count all items too."),
    ]


@functools.cache
def render_schema() -> bytes:
    """The whole document as JSON; built at the first call of the process, then kept."""
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]
    schema = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return json.dumps(schema, separators=(",", ":")).encode()

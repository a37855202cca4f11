"""Views that do next to nothing, to look at what every view inherits."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path
from psycopg_pool import PoolTimeout
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from config.urls import handler400, handler403, handler404, handler500
from config.urls import urlpatterns as house_patterns
from workspaces.models import Workspace
from workspaces.rest.fields import (
    FlagField,
    InstantField,
    NumberField,
    ObjectField,
    TextField,
    WholeNumberField,
)
from workspaces.rest.pagination import paginate
from workspaces.rest.parameters import (
    read_choice,
    read_choices,
    read_flag,
    read_text,
    read_time_range,
    read_uuid,
)
from workspaces.rest.serializers import StrictSerializer, validate_body
from workspaces.rest.views import OperatorView, WorkspaceView
from workspaces.rules.problems import Conflict, InternalError, TooManyRequests
from workspaces.rules.times import render_time

__all__ = ["handler400", "handler403", "handler404", "handler500"]

FAULTS: dict[str, Exception] = {
    "operational": OperationalError("connection refused"),
    "interface": InterfaceError("connection already closed"),
    "pool": PoolTimeout("couldn't get a connection after 1.00 sec"),
    "conflict": Conflict("Not now.", members={"status": 200, "hint": "later"}),
    "throttled": TooManyRequests("Slowly.", retry_after_seconds=1.2),
    "internal": InternalError("the secret of the house"),
    "bug": KeyError("the secret of the house"),
    "suspicious": SuspiciousOperation("odd"),
    "denied": PermissionDenied("no"),
    "unauthenticated": exceptions.NotAuthenticated(),
    "unacceptable": exceptions.NotAcceptable(),
    "drf_throttled": exceptions.Throttled(wait=0.5),
}


class InnerSerializer(StrictSerializer):
    count = WholeNumberField(min_value=1)


class ProbeSerializer(StrictSerializer):
    name = TextField(max_length=5)
    is_on = FlagField(required=False)
    share = NumberField(required=False, max_value=1)
    at = InstantField(required=False)
    labels = ObjectField(child=TextField(), required=False)
    inner = InnerSerializer(many=True, required=False)

    class Meta:
        read_only_names = ("id",)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("name") == "never":
            raise serializers.ValidationError("Never.", code="never")
        return attrs


class ProbeView(WorkspaceView):
    scopes: ClassVar = {"GET": "runs:read", "POST": "runs:write"}

    def get(self, request: Request, workspace_id: str) -> Response:
        return Response({"caller": str(self.caller), "workspace": str(self.workspace.pk)})

    def post(self, request: Request, workspace_id: str) -> Response:
        return Response({"body": request.data})

    def delete(self, request: Request, workspace_id: str) -> Response:
        raise AssertionError("A method without a scope is forbidden to all.")


class BodyView(ProbeView):
    def post(self, request: Request, workspace_id: str) -> Response:
        return Response(sorted(validate_body(ProbeSerializer, request)))


class FaultView(ProbeView):
    def get(self, request: Request, workspace_id: str) -> Response:
        raise FAULTS[request.query_params["fault"]]


class ParameterView(ProbeView):
    def get(self, request: Request, workspace_id: str) -> Response:
        span = read_time_range(request)
        return Response(
            {
                "flag": read_flag(request, "flag"),
                "uuid": read_uuid(request, "uuid"),
                "choice": read_choice(request, "choice", ("a", "b")),
                "choices": read_choices(request, "choices", ("a", "b", "c")),
                "text": read_text(request, "text", max_length=5),
                "since": render_time(span.since),
                "until": render_time(span.until),
            }
        )


class PageView(OperatorView):
    def get(self, request: Request) -> Response:
        workspaces = Workspace.objects.order_by("name")
        return paginate(request, workspaces, render_page=_render_names, max_limit=20)


def break_plainly(fault: Exception) -> Callable[[HttpRequest], HttpResponse]:
    def view(request: HttpRequest) -> HttpResponse:
        raise fault

    return view


def _render_names(rows: list[Workspace]) -> list[dict[str, Any]]:
    return [{"id": str(row.pk), "name": row.name} for row in rows]


urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/pages", PageView.as_view()),
    path("v1/<str:workspace_id>/probe", ProbeView.as_view()),
    path("v1/<str:workspace_id>/body", BodyView.as_view()),
    path("v1/<str:workspace_id>/fault", FaultView.as_view()),
    path("v1/<str:workspace_id>/parameters", ParameterView.as_view()),
    *(path(f"plain/{name}", break_plainly(fault)) for name, fault in FAULTS.items()),
    path("admin/broken", break_plainly(KeyError("no"))),
    path("admin/denied", break_plainly(PermissionDenied("no"))),
    path("admin/odd", break_plainly(SuspiciousOperation("no"))),
    *house_patterns,
]

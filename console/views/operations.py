"""Bulk operations by HTTP: ask for one, watch it, stop it."""

from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from console.rules.operations import KINDS, render_estimate, render_operation
from console.serializers import OperationBodySerializer, OperationSerializer
from console.services import operations as services
from console.services.bulk import BULK_KINDS
from workspaces.rest.pagination import paginate
from workspaces.rest.parameters import read_choice, read_path_id
from workspaces.rest.schema import describe_parameter, document, document_list
from workspaces.rest.serializers import validate_body
from workspaces.rest.views import WorkspaceView
from workspaces.rules.problems import Forbidden

MAX_LIMIT = 100


class OperationsView(WorkspaceView):
    """``/v1/{workspace_id}/operations``"""

    # Replays need another scope of their own: the kind says which.
    scopes: ClassVar[Mapping[str, str]] = {"GET": "runs:read", "POST": "runs:write"}

    @document_list(
        OperationSerializer,
        summary="List bulk operations, newest first",
        max_limit=MAX_LIMIT,
        parameters=[describe_parameter("kind", "Of this kind.", choices=KINDS)],
    )
    def get(self, request: Request, workspace_id: str) -> Response:
        """A page of the workspace's operations."""
        found = services.list_operations(
            self.workspace.pk, kind=read_choice(request, "kind", KINDS)
        )
        return paginate(request, found, render_page=_render_page, max_limit=MAX_LIMIT)

    @document(
        "Do something to everything that a filter finds; a dry run only counts (200)",
        request=OperationBodySerializer,
        response=OperationSerializer,
        status=202,
    )
    def post(self, request: Request, workspace_id: str) -> Response:
        """Accept the work, or estimate it."""
        body = validate_body(OperationBodySerializer, request)
        kind, filters = body["kind"], body["filter"]
        scope = BULK_KINDS[kind].scope
        if not self.caller.has_scope(scope):
            raise Forbidden(f"This needs the scope {scope}.")
        if body["dry_run"]:
            total = services.estimate_operation(
                workspace_id=self.workspace.pk, kind=kind, filters=filters
            )
            stored = services.store_filters(filters)
            return Response(render_estimate(kind=kind, filters=stored, total=total))
        operation = services.create_operation(
            workspace_id=self.workspace.pk,
            kind=kind,
            filters=filters,
            caller=self.caller,
            now=self.now,
        )
        return Response(render_operation(operation), status=202)


class OperationView(WorkspaceView):
    """``/v1/{workspace_id}/operations/{operation_id}``"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "runs:read"}

    @document("Get a bulk operation with its progress", response=OperationSerializer)
    def get(self, request: Request, workspace_id: str, operation_id: str) -> Response:
        """One operation."""
        operation = services.find_operation(
            workspace_id=self.workspace.pk,
            operation_id=read_path_id(operation_id, name="operation"),
        )
        return Response(render_operation(operation))


class CancelOperationView(WorkspaceView):
    """``/v1/{workspace_id}/operations/{operation_id}/cancel``"""

    scopes: ClassVar[Mapping[str, str]] = {"POST": "runs:write"}

    @document("Stop a bulk operation where it is", response=OperationSerializer)
    def post(self, request: Request, workspace_id: str, operation_id: str) -> Response:
        """What was done stays done."""
        operation = services.cancel_operation(
            workspace_id=self.workspace.pk,
            operation_id=read_path_id(operation_id, name="operation"),
            now=self.now,
        )
        return Response(render_operation(operation))


def _render_page(operations: list[Any]) -> list[dict[str, Any]]:
    return [render_operation(operation) for operation in operations]

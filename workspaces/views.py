"""The operator's API: workspaces and their keys."""

from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from workspaces.models import ApiKey, Workspace
from workspaces.rest.pagination import paginate
from workspaces.rest.parameters import read_flag, read_path_id, read_text
from workspaces.rest.schema import describe_parameter, document, document_list
from workspaces.rest.serializers import validate_body
from workspaces.rest.views import OperatorView, WorkspaceView
from workspaces.rules.times import render_time
from workspaces.serializers import (
    ApiKeySerializer,
    MintedApiKeySerializer,
    NewApiKeySerializer,
    NewWorkspaceSerializer,
    WorkspaceBodySerializer,
    WorkspaceSerializer,
)
from workspaces.services import (
    create_api_key,
    create_workspace,
    delete_workspace,
    find_api_key,
    find_workspace,
    list_api_keys,
    list_workspaces,
    revoke_api_key,
    update_workspace,
)

MAX_LIMIT = 100
_KEY_SCOPES = dict.fromkeys(("GET", "POST", "DELETE"), "workspace:admin")


class WorkspaceListView(OperatorView):
    @document_list(
        WorkspaceSerializer,
        summary="List workspaces",
        max_limit=MAX_LIMIT,
        parameters=[
            describe_parameter("slug", "Exactly this slug."),
            describe_parameter("archived", "Archived ones only, or none of them.", kind=bool),
        ],
    )
    def get(self, request: Request) -> Response:
        workspaces = list_workspaces(
            slug=read_text(request, "slug"), is_archived=read_flag(request, "archived")
        )
        return paginate(request, workspaces, render_page=_render_workspaces, max_limit=MAX_LIMIT)

    @document(
        "Create a workspace",
        request=NewWorkspaceSerializer,
        response=WorkspaceSerializer,
        status=201,
    )
    def post(self, request: Request) -> Response:
        workspace = create_workspace(**validate_body(NewWorkspaceSerializer, request))
        return Response(render_workspace(workspace), status=201)


class WorkspaceDetailView(OperatorView):
    @document("Read a workspace", response=WorkspaceSerializer)
    def get(self, request: Request, workspace_id: str) -> Response:
        return Response(render_workspace(find_workspace(workspace_id)))

    @document(
        "Change, archive or restore a workspace",
        request=WorkspaceBodySerializer,
        response=WorkspaceSerializer,
    )
    def patch(self, request: Request, workspace_id: str) -> Response:
        changes = validate_body(WorkspaceBodySerializer, request, partial=True)
        workspace = update_workspace(
            workspace_id=read_path_id(workspace_id, name="workspace"),
            changes=changes,
            now=self.now,
        )
        return Response(render_workspace(workspace))

    @document(
        "Change, archive or restore a workspace; takes any subset",
        request=WorkspaceBodySerializer,
        response=WorkspaceSerializer,
    )
    def put(self, request: Request, workspace_id: str) -> Response:
        return self.patch(request, workspace_id)

    @document("Delete a workspace that has no history", status=204)
    def delete(self, request: Request, workspace_id: str) -> Response:
        delete_workspace(workspace_id=read_path_id(workspace_id, name="workspace"))
        return Response(status=204)


class ApiKeyListView(WorkspaceView):
    scopes: ClassVar[Mapping[str, str]] = _KEY_SCOPES

    @document_list(ApiKeySerializer, summary="List a workspace's API keys", max_limit=MAX_LIMIT)
    def get(self, request: Request, workspace_id: str) -> Response:
        keys = list_api_keys(self.workspace.pk)
        return paginate(request, keys, render_page=_render_api_keys, max_limit=MAX_LIMIT)

    @document(
        "Create an API key; `key` is in this answer only",
        request=NewApiKeySerializer,
        response=MintedApiKeySerializer,
        status=201,
    )
    def post(self, request: Request, workspace_id: str) -> Response:
        body = validate_body(NewApiKeySerializer, request)
        key, plain = create_api_key(
            workspace_id=self.workspace.pk, caller=self.caller, now=self.now, **body
        )
        return Response({**render_api_key(key), "key": plain}, status=201)


class ApiKeyDetailView(WorkspaceView):
    scopes: ClassVar[Mapping[str, str]] = _KEY_SCOPES
    # A key that leaked can be ended whatever became of its workspace.
    is_open_when_archived = True

    @document("Read an API key", response=ApiKeySerializer)
    def get(self, request: Request, workspace_id: str, key_id: str) -> Response:
        key = find_api_key(
            workspace_id=self.workspace.pk, key_id=read_path_id(key_id, name="API key")
        )
        return Response(render_api_key(key))

    @document("Revoke an API key, at once and for good", status=204)
    def delete(self, request: Request, workspace_id: str, key_id: str) -> Response:
        revoke_api_key(
            workspace_id=self.workspace.pk,
            key_id=read_path_id(key_id, name="API key"),
            now=self.now,
        )
        return Response(status=204)


def render_workspace(workspace: Workspace) -> dict[str, Any]:
    return {
        "id": str(workspace.pk),
        "name": workspace.name,
        "slug": workspace.slug,
        "plan": workspace.plan_id,
        "metadata": workspace.metadata,
        "archived": workspace.archived_at is not None,
        "archived_at": render_time(workspace.archived_at),
        "created_at": render_time(workspace.created_at),
        "updated_at": render_time(workspace.updated_at),
    }


def render_api_key(key: ApiKey) -> dict[str, Any]:
    return {
        "id": str(key.pk),
        "workspace_id": str(key.workspace_id),
        "name": key.name,
        "hint": key.hint,
        "scopes": key.scopes,
        "rate_limit_per_minute": key.rate_limit_per_minute,
        "expires_at": render_time(key.expires_at),
        "revoked_at": render_time(key.revoked_at),
        "last_used_at": render_time(key.last_used_at),
        "created_by": key.created_by,
        "created_at": render_time(key.created_at),
    }


def _render_workspaces(workspaces: list[Workspace]) -> list[dict[str, Any]]:
    return [render_workspace(workspace) for workspace in workspaces]


def _render_api_keys(keys: list[ApiKey]) -> list[dict[str, Any]]:
    return [render_api_key(key) for key in keys]

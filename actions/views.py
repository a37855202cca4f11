"""The API of actions."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from actions.models import Action
from actions.rules.durations import render_duration
from actions.rules.retry import RetryPolicy
from actions.serializers import (
    ActionBodySerializer,
    ActionSerializer,
    ActionTestBodySerializer,
    ActionTestSerializer,
    ActionTypeListSerializer,
)
from actions.services import (
    ActionType,
    Plan,
    Trial,
    create_action,
    delete_action,
    list_action_types,
    list_actions,
    plan_action,
    read_action,
    try_action,
    update_action,
)
from workspaces.rest.pagination import paginate
from workspaces.rest.parameters import read_flag, read_path_id, read_text
from workspaces.rest.schema import describe_parameter, document, document_list
from workspaces.rest.serializers import validate_body
from workspaces.rest.views import WorkspaceView
from workspaces.rules.times import render_time

MAX_LIMIT = 100
_SCOPES = {
    "GET": "actions:read",
    "POST": "actions:write",
    "PUT": "actions:write",
    "PATCH": "actions:write",
    "DELETE": "actions:write",
}


class ActionListView(WorkspaceView):
    scopes: ClassVar[Mapping[str, str]] = _SCOPES

    @document_list(
        ActionSerializer,
        summary="List actions",
        max_limit=MAX_LIMIT,
        parameters=[
            describe_parameter("action_type", "Of this type only."),
            describe_parameter("enabled", "Enabled ones only, or disabled ones.", kind=bool),
            describe_parameter("q", "A part of the name or of the external key."),
        ],
    )
    def get(self, request: Request, workspace_id: str) -> Response:
        actions = list_actions(
            self.workspace.pk,
            action_type=read_text(request, "action_type", max_length=64),
            enabled=read_flag(request, "enabled"),
            query=read_text(request, "q"),
        )
        return paginate(request, actions, render_page=_render_actions, max_limit=MAX_LIMIT)

    @document(
        "Create an action", request=ActionBodySerializer, response=ActionSerializer, status=201
    )
    def post(self, request: Request, workspace_id: str) -> Response:
        action = create_action(
            workspace_id=self.workspace.pk,
            fields=validate_body(ActionBodySerializer, request),
            caller=self.caller,
            now=self.now,
        )
        return Response(render_action(action), status=201)


class ActionDetailView(WorkspaceView):
    scopes: ClassVar[Mapping[str, str]] = _SCOPES

    @document("Read an action", response=ActionSerializer)
    def get(self, request: Request, workspace_id: str, action_id: str) -> Response:
        action = read_action(workspace_id=self.workspace.pk, action_id=_read_id(action_id))
        return Response(render_action(action))

    @document("Change an action", request=ActionBodySerializer, response=ActionSerializer)
    def patch(self, request: Request, workspace_id: str, action_id: str) -> Response:
        action = update_action(
            workspace_id=self.workspace.pk,
            action_id=_read_id(action_id),
            fields=validate_body(ActionBodySerializer, request, partial=True),
            caller=self.caller,
            now=self.now,
        )
        return Response(render_action(action))

    @document(
        "Change an action; takes any subset",
        request=ActionBodySerializer,
        response=ActionSerializer,
    )
    def put(self, request: Request, workspace_id: str, action_id: str) -> Response:
        return self.patch(request, workspace_id, action_id)

    @document("Delete an action that no trigger uses", status=204)
    def delete(self, request: Request, workspace_id: str, action_id: str) -> Response:
        delete_action(
            workspace_id=self.workspace.pk,
            action_id=_read_id(action_id),
            caller=self.caller,
            now=self.now,
        )
        return Response(status=204)


class ActionTestView(WorkspaceView):
    scopes: ClassVar[Mapping[str, str]] = {"POST": "actions:write"}

    @document(
        "Show what an action would do, or do it once; nothing of it is recorded",
        request=ActionTestBodySerializer,
        response=ActionTestSerializer,
    )
    def post(self, request: Request, workspace_id: str, action_id: str) -> Response:
        body = validate_body(ActionTestBodySerializer, request)
        test = plan_action if body.get("dry_run", True) else try_action
        result = test(
            workspace_id=self.workspace.pk,
            action_id=_read_id(action_id),
            input=body.get("input", {}),
            caller=self.caller,
            now=self.now,
        )
        return Response(render_plan(result) if isinstance(result, Plan) else render_trial(result))


class ActionTypeListView(WorkspaceView):
    scopes: ClassVar[Mapping[str, str]] = {"GET": "actions:read"}

    @document("List the types of actions", response=ActionTypeListSerializer)
    def get(self, request: Request, workspace_id: str) -> Response:
        return Response({"items": [render_action_type(kind) for kind in list_action_types()]})


def render_action(action: Action) -> dict[str, Any]:
    return {
        "id": str(action.pk),
        "workspace_id": str(action.workspace_id),
        "name": action.name,
        "description": action.description,
        "external_key": action.external_key,
        "action_type": action.action_type,
        "config": action.config,
        "input_schema": action.input_schema,
        "retry": action.retry,
        "timeout_seconds": action.timeout_seconds,
        "max_concurrency": action.max_concurrency,
        "enabled": action.enabled,
        "secret_config_present": action.secret_config is not None,
        "created_by": action.created_by,
        "created_at": render_time(action.created_at),
        "updated_at": render_time(action.updated_at),
    }


def render_action_type(kind: ActionType) -> dict[str, Any]:
    return {
        "action_type": kind.action_type,
        "name": kind.name,
        "description": kind.description,
        "queue": kind.queue,
        "config_schema": kind.config_schema,
        "input_schema": kind.input_schema,
        "default_retry": render_retry(kind.default_retry),
    }


def render_retry(policy: RetryPolicy) -> dict[str, Any]:
    return {
        "strategy": policy.strategy,
        "max_retries": policy.max_retries,
        "base_delay": render_duration(policy.base_delay_seconds),
        "max_delay": render_duration(policy.max_delay_seconds),
    }


def render_plan(plan: Plan) -> dict[str, Any]:
    return {
        "dry_run": True,
        "action_type": plan.action_type,
        "input": plan.input,
        "config": plan.config,
        "plan": plan.description,
    }


def render_trial(trial: Trial) -> dict[str, Any]:
    return {
        "dry_run": False,
        "action_type": trial.action_type,
        "input": trial.input,
        "outcome": trial.outcome,
        "output": trial.output,
        "error": trial.error,
        "duration_ms": trial.duration_ms,
    }


def _render_actions(actions: list[Action]) -> list[dict[str, Any]]:
    return [render_action(action) for action in actions]


def _read_id(text: str) -> UUID:
    return read_path_id(text, name="action")

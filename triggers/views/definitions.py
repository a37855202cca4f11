"""What triggers are: list, create, read, change, delete; and the workspace's limits."""

from uuid import UUID

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from triggers import services
from triggers.rules.render import render_trigger
from triggers.serializers import LimitsSerializer, TriggerBodySerializer, TriggerSerializer
from triggers.views.clock import ClockedView
from workspaces.rest.pagination import paginate
from workspaces.rest.parameters import (
    read_choice,
    read_flag,
    read_path_id,
    read_text,
    read_uuid,
)
from workspaces.rest.schema import describe_parameter, document, document_list
from workspaces.rest.serializers import validate_body
from workspaces.rest.views import OperatorView, WorkspaceView
from workspaces.services import SYSTEM_SLUG

MAX_LIMIT = 20
_SCOPES = {
    "GET": "triggers:read",
    "POST": "triggers:write",
    "PUT": "triggers:write",
    "PATCH": "triggers:write",
    "DELETE": "triggers:write",
}
_FILTERS = (
    describe_parameter("is_active", "Active ones only, or paused ones.", kind=bool),
    describe_parameter("event_type", "Of exactly this event type."),
    describe_parameter("action_id", "Firing this action."),
    describe_parameter("q", "A part of the name or of the description."),
)


class TriggersView(ClockedView):
    """``/v1/{workspace_id}/triggers``"""

    scopes = _SCOPES

    @document_list(
        TriggerSerializer,
        summary="List triggers, newest first",
        max_limit=MAX_LIMIT,
        parameters=_FILTERS,
    )
    def get(self, request: Request, workspace_id: str) -> Response:
        """A page of the workspace's triggers."""
        triggers = filter_triggers(request, self.workspace.pk)
        return paginate(request, triggers, render_page=render_page, max_limit=MAX_LIMIT)

    @document(
        "Create a trigger", request=TriggerBodySerializer, response=TriggerSerializer, status=201
    )
    def post(self, request: Request, workspace_id: str) -> Response:
        """Create a trigger; its first slot counts from now."""
        trigger = services.create_trigger(
            workspace_id=self.workspace.pk,
            fields=validate_body(TriggerBodySerializer, request),
            caller=self.caller,
            now=self.now,
        )
        return Response(render_row(trigger), status=201)


class TriggerView(ClockedView):
    """``/v1/{workspace_id}/triggers/{trigger_id}``"""

    scopes = _SCOPES

    @document("Get a trigger", response=TriggerSerializer)
    def get(self, request: Request, workspace_id: str, trigger_id: str) -> Response:
        """One trigger."""
        trigger = services.find_trigger(
            workspace_id=self.workspace.pk, trigger_id=read_trigger_id(trigger_id)
        )
        return Response(render_row(trigger))

    @document(
        "Change a trigger; takes any subset",
        request=TriggerBodySerializer,
        response=TriggerSerializer,
    )
    def patch(self, request: Request, workspace_id: str, trigger_id: str) -> Response:
        """Change the given fields; a slot in the past never fires for it."""
        trigger = services.update_trigger(
            workspace_id=self.workspace.pk,
            trigger_id=read_trigger_id(trigger_id),
            fields=validate_body(TriggerBodySerializer, request, partial=True),
            caller=self.caller,
            now=self.now,
        )
        return Response(render_row(trigger))

    @document(
        "Change a trigger; takes any subset",
        request=TriggerBodySerializer,
        response=TriggerSerializer,
    )
    def put(self, request: Request, workspace_id: str, trigger_id: str) -> Response:
        """As PATCH: what is not given stays."""
        return self.patch(request, workspace_id, trigger_id)

    @document("Delete a trigger and its destinations", status=204)
    def delete(self, request: Request, workspace_id: str, trigger_id: str) -> Response:
        """Delete a trigger; what it has fired stays on record."""
        services.delete_trigger(
            workspace_id=self.workspace.pk,
            trigger_id=read_trigger_id(trigger_id),
            caller=self.caller,
            now=self.now,
        )
        return Response(status=204)


class AllTriggersView(OperatorView):
    """``/v1/triggers``"""

    @document_list(
        TriggerSerializer,
        summary="List the triggers of all workspaces, newest first",
        max_limit=MAX_LIMIT,
        parameters=[
            describe_parameter("workspace_id", "Of this workspace."),
            describe_parameter(
                "scope", "Of workspaces, or global.", choices=["workspace", "global"]
            ),
            describe_parameter("source", "By where they come from.", choices=["dynamic", "config"]),
            *_FILTERS,
        ],
    )
    def get(self, request: Request) -> Response:
        """A page of everybody's triggers."""
        triggers = filter_triggers(
            request,
            read_uuid(request, "workspace_id"),
            scope=read_choice(request, "scope", ("workspace", "global")),
            source=read_choice(request, "source", ("dynamic", "config")),
        )
        return paginate(request, triggers, render_page=render_page, max_limit=MAX_LIMIT)


class LimitsView(WorkspaceView):
    """``/v1/{workspace_id}/limits``"""

    scopes = {"GET": "triggers:read"}

    @document(
        "How many triggers the plan holds, and how many there are",
        response=LimitsSerializer,
        operation_id="limits_get",
    )
    def get(self, request: Request, workspace_id: str) -> Response:
        """The plan's bounds and their use."""
        return Response(services.read_limits(self.workspace.pk))


def read_trigger_id(text: str) -> UUID:
    """The id in the path; what is no id gets the 404 of an unknown trigger."""
    return read_path_id(text, name="trigger in this workspace")


def filter_triggers(
    request: Request,
    workspace_id: UUID | None,
    *,
    scope: str | None = None,
    source: str | None = None,
) -> QuerySet[services.Trigger]:
    """The triggers that the query parameters ask for; None is every workspace."""
    return services.list_triggers(
        workspace_id,
        is_active=read_flag(request, "is_active"),
        event_type=read_text(request, "event_type", max_length=128),
        action_id=read_uuid(request, "action_id"),
        text=read_text(request, "q"),
        source=source,
        scope=scope,
    )


def render_page(triggers: list[services.Trigger]) -> list[dict[str, object]]:
    """A page of whole triggers, from rows that were read with their state and workspace."""
    return [render_row(trigger) for trigger in triggers]


def render_row(trigger: services.Trigger) -> dict[str, object]:
    """One trigger that was read with its state and workspace."""
    is_global = trigger.workspace.slug == SYSTEM_SLUG
    return render_trigger(trigger, trigger.schedule_state, is_global=is_global)

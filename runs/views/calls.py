"""Outbound calls: look at them, cancel them."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from actions.rules.outbound_calls import CALL_STATUSES, render_call
from runs import services
from runs.serializers import CancelledCallSerializer, OutboundCallSerializer
from workspaces.rest.pagination import paginate
from workspaces.rest.parameters import read_choices, read_path_id, read_text, read_uuid
from workspaces.rest.schema import describe_parameter, document, document_list
from workspaces.rest.views import WorkspaceView

MAX_LIMIT = 100


class OutboundCallsView(WorkspaceView):
    """``/v1/{workspace_id}/outbound-calls``"""

    scopes = {"GET": "runs:read"}

    @document_list(
        OutboundCallSerializer,
        summary="List outbound calls, newest first",
        max_limit=MAX_LIMIT,
        parameters=[
            describe_parameter(
                "status", f"Any of {', '.join(CALL_STATUSES)}, separated by commas."
            ),
            describe_parameter("trigger_id", "Of this trigger.", kind=UUID),
            describe_parameter("phone_to", "To this number, in E.164."),
        ],
    )
    def get(self, request: Request, workspace_id: str) -> Response:
        """A page of the workspace's calls."""
        calls = services.list_calls(
            self.workspace.pk,
            statuses=read_choices(request, "status", CALL_STATUSES),
            trigger_id=read_uuid(request, "trigger_id"),
            phone_to=read_text(request, "phone_to", max_length=20),
        )
        return paginate(request, calls, render_page=render_calls, max_limit=MAX_LIMIT)


class OutboundCallView(WorkspaceView):
    """``/v1/{workspace_id}/outbound-calls/{call_id}``"""

    scopes = {"GET": "runs:read"}

    @document("Get an outbound call", response=OutboundCallSerializer)
    def get(self, request: Request, workspace_id: str, call_id: str) -> Response:
        """One call."""
        call = services.find_call(
            workspace_id=self.workspace.pk, call_id=read_path_id(call_id, name="outbound call")
        )
        return Response(render_call(call))


class CancelOutboundCallView(WorkspaceView):
    """``/v1/{workspace_id}/outbound-calls/{call_id}/cancel``"""

    scopes = {"POST": "runs:write"}

    @document("Cancel an outbound call that has not ended", response=CancelledCallSerializer)
    def post(self, request: Request, workspace_id: str, call_id: str) -> Response:
        """Cancel a live call; 409 when it has ended."""
        call, previous_status = services.cancel_call(
            workspace_id=self.workspace.pk,
            call_id=read_path_id(call_id, name="outbound call"),
            caller=self.caller,
            now=self.now,
        )
        return Response({**render_call(call), "previous_status": previous_status})


def render_calls(calls: list[services.OutboundCall]) -> list[dict[str, object]]:
    """A page of whole calls."""
    return [render_call(call) for call in calls]

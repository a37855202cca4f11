"""What callers do to triggers: pause, resume, fire."""

from rest_framework.request import Request
from rest_framework.response import Response

from triggers import services
from triggers.serializers import (
    EmptyBodySerializer,
    FireBodySerializer,
    FiredSerializer,
    PauseBodySerializer,
    TriggerSerializer,
)
from triggers.views.clock import ClockedView
from triggers.views.definitions import read_trigger_id, render_row
from workspaces.rest.schema import document
from workspaces.rest.serializers import validate_body
from workspaces.rest.views import WorkspaceView
from workspaces.rules.ids import render_id
from workspaces.rules.problems import Conflict, FieldError


class PauseTriggerView(ClockedView):
    """``/v1/{workspace_id}/triggers/{trigger_id}/pause``"""

    scopes = {"POST": "triggers:write"}

    @document("Pause a trigger", request=PauseBodySerializer, response=TriggerSerializer)
    def post(self, request: Request, workspace_id: str, trigger_id: str) -> Response:
        """No slot fires after this; the schedule stays."""
        body = validate_body(PauseBodySerializer, request)
        trigger = services.pause_trigger(
            workspace_id=self.workspace.pk,
            trigger_id=read_trigger_id(trigger_id),
            reason=body.get("reason"),
            until=body.get("until"),
            caller=self.caller,
            now=self.now,
        )
        return Response(render_row(trigger))


class ResumeTriggerView(ClockedView):
    """``/v1/{workspace_id}/triggers/{trigger_id}/resume``"""

    scopes = {"POST": "triggers:write"}

    @document("Resume a trigger", request=EmptyBodySerializer, response=TriggerSerializer)
    def post(self, request: Request, workspace_id: str, trigger_id: str) -> Response:
        """The next slot counts from now."""
        validate_body(EmptyBodySerializer, request)
        trigger = services.resume_trigger(
            workspace_id=self.workspace.pk,
            trigger_id=read_trigger_id(trigger_id),
            caller=self.caller,
            now=self.now,
        )
        return Response(render_row(trigger))


class FireTriggerView(WorkspaceView):
    """``/v1/{workspace_id}/triggers/{trigger_id}/fire``"""

    scopes = {"POST": "triggers:fire"}

    @document("Fire a trigger now", request=FireBodySerializer, response=FiredSerializer)
    def post(self, request: Request, workspace_id: str, trigger_id: str) -> Response:
        """Whatever its schedule and pause say; 409 when nothing can run, 429 beyond its limit."""
        body = validate_body(FireBodySerializer, request)
        result = services.fire_trigger_by_hand(
            workspace_id=self.workspace.pk,
            trigger_id=read_trigger_id(trigger_id),
            overrides=body.get("input", {}),
            caller=self.caller,
            now=self.now,
            dry_run=body.get("dry_run", False),
        )
        return Response(_render_result(result))


def _render_result(result: services.FireResult) -> dict[str, object]:
    if result.outcome == services.LIMITED:
        raise services.FireLimited(result)
    if result.outcome not in {services.FIRED, "dry_run"}:
        detail = f"Nothing runs: {result.reason or result.outcome}."
        raise Conflict(detail, errors=[FieldError("", result.outcome, detail)])
    return {
        "fired_event_id": render_id(result.fired_event_id),
        "trigger_id": str(result.trigger_id),
        "status": result.outcome,
        "run_id": render_id(result.run_id),
        **({"input": result.input} if result.outcome == "dry_run" else {}),
    }

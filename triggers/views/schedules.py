"""Times to come and times gone by: preview, upcoming runs, explain."""

from rest_framework.request import Request
from rest_framework.response import Response

from triggers import services
from triggers.rules.describe import describe_schedule
from triggers.rules.preview import render_occurrence
from triggers.rules.render import render_slot, render_upcoming_run
from triggers.rules.schedule import is_interval_job
from triggers.serializers.schedules import (
    ExplanationSerializer,
    PreviewBodySerializer,
    PreviewSerializer,
    UpcomingRunsSerializer,
)
from triggers.views.definitions import read_trigger_id
from workspaces.rest.parameters import read_time, read_uuid, read_whole_number
from workspaces.rest.schema import describe_parameter, document
from workspaces.rest.serializers import validate_body
from workspaces.rest.views import WorkspaceView

MAX_UPCOMING = 50
DEFAULT_UPCOMING = 10


class SchedulePreviewView(WorkspaceView):
    """``/v1/{workspace_id}/schedules/preview``"""

    scopes = {"POST": "triggers:read"}

    @document(
        "When a schedule would fire", request=PreviewBodySerializer, response=PreviewSerializer
    )
    def post(self, request: Request, workspace_id: str) -> Response:
        """The next slots in UTC and in local time, with what changes of clocks do to them."""
        body = validate_body(PreviewBodySerializer, request)
        preview = services.preview_schedule(body, now=self.now)
        schedule = preview.plan.schedule
        return Response(
            {
                "items": [render_occurrence(one) for one in preview.occurrences],
                "human_readable": describe_schedule(schedule, preview.plan.timezone),
                "mode": schedule.mode,
                "interval_job": is_interval_job(schedule),
                "warnings": preview.warnings,
            }
        )


class UpcomingRunsView(WorkspaceView):
    """``/v1/{workspace_id}/triggers/upcoming-runs``"""

    scopes = {"GET": "triggers:read"}

    @document(
        "The next runs of all triggers, soonest first",
        response=UpcomingRunsSerializer,
        parameters=[
            describe_parameter("limit", "How many, 1-50; 10 by default.", kind=int),
            describe_parameter("trigger_id", "Of this trigger."),
            describe_parameter("per_trigger", "How many of each trigger, 1-50; 1.", kind=int),
        ],
    )
    def get(self, request: Request, workspace_id: str) -> Response:
        """Merged over the active triggers with a schedule."""
        limit = read_whole_number(request, "limit", lowest=1, highest=MAX_UPCOMING)
        each = read_whole_number(request, "per_trigger", lowest=1, highest=MAX_UPCOMING)
        runs, total = services.list_upcoming_runs(
            workspace_id=self.workspace.pk,
            trigger_id=read_uuid(request, "trigger_id"),
            limit=limit or DEFAULT_UPCOMING,
            per_trigger=each or 1,
        )
        shown = [render_upcoming_run(run.trigger, run.at, run.agent_prompt) for run in runs]
        return Response({"upcoming_runs": shown, "total_count": total})


class ExplainView(WorkspaceView):
    """``/v1/{workspace_id}/triggers/{trigger_id}/explain``"""

    scopes = {"GET": "triggers:read"}

    @document(
        "Why the slot at a time did or did not run",
        response=ExplanationSerializer,
        parameters=[describe_parameter("at", "The time (RFC 3339); required.", is_time=True)],
    )
    def get(self, request: Request, workspace_id: str, trigger_id: str) -> Response:
        """One sentence, a verdict, and the facts behind it."""
        explanation = services.explain_slot(
            workspace_id=self.workspace.pk,
            trigger_id=read_trigger_id(trigger_id),
            at=read_time(request, "at"),
            now=self.now,
        )
        zone = explanation.facts["timezone"]
        return Response(
            {
                "answer": explanation.answer,
                "verdict": explanation.verdict,
                "facts": explanation.facts,
                "nearest_slots": [render_slot(at, zone) for at in explanation.nearest_slots],
            }
        )

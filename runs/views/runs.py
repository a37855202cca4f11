"""Runs: look at them, cancel them, run them again."""

from uuid import UUID

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from events.rules.render import render_event
from runs import services
from runs.rules.render import render_run
from runs.rules.states import STATUSES
from runs.serializers import CancelledRunSerializer, RunEventsSerializer, RunSerializer
from workspaces.rest.pagination import paginate
from workspaces.rest.parameters import (
    read_choice,
    read_choices,
    read_path_id,
    read_text,
    read_time_range,
    read_uuid,
)
from workspaces.rest.schema import (
    TIME_RANGE_PARAMETERS,
    describe_parameter,
    document,
    document_list,
)
from workspaces.rest.views import OperatorView, WorkspaceView
from workspaces.rules.problems import refuse_field

MAX_LIMIT = 100
SCOPES = ("workspace", "global")
_FILTERS = (
    describe_parameter("trigger_id", "Of this trigger.", kind=UUID),
    describe_parameter("action_id", "Of this action.", kind=UUID),
    describe_parameter("status", f"Any of {', '.join(STATUSES)}, separated by commas."),
    describe_parameter("cause", "What caused it, such as `schedule`, `webhook` or `manual`."),
    describe_parameter("chain_id", "Of this chain.", kind=UUID),
    *TIME_RANGE_PARAMETERS,
)


class RunsView(WorkspaceView):
    """``/v1/{workspace_id}/runs``"""

    scopes = {"GET": "runs:read"}

    @document_list(
        RunSerializer, summary="List runs, newest first", max_limit=MAX_LIMIT, parameters=_FILTERS
    )
    def get(self, request: Request, workspace_id: str) -> Response:
        """A page of the workspace's runs."""
        runs = filter_runs(request, self.workspace.pk)
        return paginate(request, runs, render_page=render_page, max_limit=MAX_LIMIT)


class AllRunsView(OperatorView):
    """``/v1/runs``"""

    @document_list(
        RunSerializer,
        summary="List the runs of all workspaces, newest first",
        max_limit=MAX_LIMIT,
        parameters=[
            describe_parameter("workspace_id", "Of this workspace.", kind=UUID),
            describe_parameter("scope", "Of this scope.", choices=SCOPES),
            *_FILTERS,
        ],
    )
    def get(self, request: Request) -> Response:
        """A page of everybody's runs."""
        scope = read_choice(request, "scope", SCOPES)
        runs = filter_runs(request, read_uuid(request, "workspace_id"), scope=scope)
        return paginate(request, runs, render_page=render_page, max_limit=MAX_LIMIT)


class RunView(WorkspaceView):
    """``/v1/{workspace_id}/runs/{run_id}``"""

    scopes = {"GET": "runs:read"}

    @document("Get a run", response=RunSerializer)
    def get(self, request: Request, workspace_id: str, run_id: str) -> Response:
        """One run."""
        run = services.find_run(
            workspace_id=self.workspace.pk, run_id=read_path_id(run_id, name="run")
        )
        return Response(render_run(run))


class CancelRunView(WorkspaceView):
    """``/v1/{workspace_id}/runs/{run_id}/cancel``"""

    scopes = {"POST": "runs:write"}

    @document("Cancel a run that has not ended", response=CancelledRunSerializer)
    def post(self, request: Request, workspace_id: str, run_id: str) -> Response:
        """Cancel a live run; 409 when it has ended."""
        run, previous_status = services.cancel_run(
            workspace_id=self.workspace.pk,
            run_id=read_path_id(run_id, name="run"),
            caller=self.caller,
            now=self.now,
        )
        return Response({**render_run(run), "previous_status": previous_status})


class RerunView(WorkspaceView):
    """``/v1/{workspace_id}/runs/{run_id}/rerun``"""

    scopes = {"POST": "runs:write"}

    @document("Run it again with the same input", response=RunSerializer, status=202)
    def post(self, request: Request, workspace_id: str, run_id: str) -> Response:
        """Start a new run like this one."""
        run = services.rerun_run(
            workspace_id=self.workspace.pk,
            run_id=read_path_id(run_id, name="run"),
            caller=self.caller,
            now=self.now,
        )
        return Response(render_run(run), status=202)


class RunEventsView(WorkspaceView):
    """``/v1/{workspace_id}/runs/{run_id}/events``"""

    scopes = {"GET": "runs:read"}

    @document("The run's chain of events in order", response=RunEventsSerializer)
    def get(self, request: Request, workspace_id: str, run_id: str) -> Response:
        """The timeline, from ``trigger.fired`` on."""
        events = services.list_run_events(
            workspace_id=self.workspace.pk, run_id=read_path_id(run_id, name="run")
        )
        return Response({"items": [render_event(event) for event in events]})


def filter_runs(
    request: Request, workspace_id: UUID | None, *, scope: str | None = None
) -> QuerySet[services.Run]:
    """The runs that the query parameters ask for; None is every workspace."""
    if "source" in request.query_params:
        # Runs do not know what fired them: ignoring the filter would show too much.
        detail = "Runs have no source; list triggers by source, and their runs by trigger_id."
        raise refuse_field("/source", code="unsupported", detail=detail)
    times = read_time_range(request)
    return services.list_runs(
        workspace_id,
        trigger_id=read_uuid(request, "trigger_id"),
        action_id=read_uuid(request, "action_id"),
        statuses=read_choices(request, "status", STATUSES),
        cause=read_text(request, "cause", max_length=16),
        since=times.since,
        until=times.until,
        chain_id=read_uuid(request, "chain_id"),
        scope=scope,
    )


def render_page(runs: list[services.Run]) -> list[dict[str, object]]:
    """A page of whole runs."""
    return [render_run(run) for run in runs]

"""What triggers did: the events of their chains, and the ledger of their fires."""

from functools import partial

from rest_framework.request import Request
from rest_framework.response import Response

from events.rules.ids import list_windows
from events.rules.render import render_history_event
from events.services import Event
from triggers import services
from triggers.rules.ledger import CAUSES, OUTCOMES
from triggers.rules.render import render_fire
from triggers.serializers import FireSerializer, HistoryEventSerializer
from triggers.views.definitions import read_trigger_id
from workspaces.rest.pagination import paginate
from workspaces.rest.parameters import read_choice, read_time_range
from workspaces.rest.schema import TIME_RANGE_PARAMETERS, describe_parameter, document_list
from workspaces.rest.views import WorkspaceView

MAX_LIMIT = 100


class TriggerRunsView(WorkspaceView):
    """``/v1/{workspace_id}/triggers/{trigger_id}/runs``"""

    scopes = {"GET": "triggers:read"}

    @document_list(
        HistoryEventSerializer,
        summary="List the events of a trigger's chains, newest first",
        max_limit=MAX_LIMIT,
        parameters=TIME_RANGE_PARAMETERS,
    )
    def get(self, request: Request, workspace_id: str, trigger_id: str) -> Response:
        """A page of the trigger's history; its audit events are not among it."""
        times = read_time_range(request)
        events = services.list_trigger_history(
            workspace_id=self.workspace.pk,
            trigger_id=read_trigger_id(trigger_id),
            since=times.since,
            until=times.until,
        )
        return paginate(
            request,
            events,
            render_page=_render_events,
            max_limit=MAX_LIMIT,
            windows=partial(list_windows, now=self.now),
        )


class TriggerFiresView(WorkspaceView):
    """``/v1/{workspace_id}/triggers/{trigger_id}/fires``"""

    scopes = {"GET": "triggers:read"}

    @document_list(
        FireSerializer,
        summary="List a trigger's fires, newest first",
        max_limit=MAX_LIMIT,
        parameters=[
            describe_parameter("outcome", "With this outcome.", choices=OUTCOMES),
            describe_parameter("cause", "By this cause.", choices=CAUSES),
            *TIME_RANGE_PARAMETERS,
        ],
    )
    def get(self, request: Request, workspace_id: str, trigger_id: str) -> Response:
        """A page of the ledger: every slot, delivery and call with its one outcome."""
        times = read_time_range(request)
        fires = services.list_fires(
            workspace_id=self.workspace.pk,
            trigger_id=read_trigger_id(trigger_id),
            outcome=read_choice(request, "outcome", OUTCOMES),
            cause=read_choice(request, "cause", CAUSES),
            since=times.since,
            until=times.until,
        )
        return paginate(request, fires, render_page=_render_fires, max_limit=MAX_LIMIT)


def _render_events(events: list[Event]) -> list[dict[str, object]]:
    return [render_history_event(event) for event in events]


def _render_fires(fires: list[services.Fire]) -> list[dict[str, object]]:
    return [render_fire(fire) for fire in fires]

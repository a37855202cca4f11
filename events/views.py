"""The ledger by HTTP: read it, and publish into it."""

from functools import partial
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from events import services
from events.rules.event import SOURCES, name_source
from events.rules.globs import is_event_pattern
from events.rules.ids import list_windows
from events.rules.render import render_event
from events.serializers import EventSerializer, PublishedEventSerializer
from workspaces.rest.pagination import paginate
from workspaces.rest.parameters import read_choice, read_path_id, read_time_range, read_uuid
from workspaces.rest.schema import (
    TIME_RANGE_PARAMETERS,
    describe_parameter,
    document,
    document_list,
)
from workspaces.rest.serializers import validate_body
from workspaces.rest.views import WorkspaceView
from workspaces.rules.problems import refuse_field

MAX_LIMIT = 100
MAX_PATTERNS = 20
_FILTERS = (
    describe_parameter("event_type", "Event types separated by commas; `*` stands for any text."),
    describe_parameter("source", "Who wrote it.", choices=SOURCES),
    describe_parameter("trigger_id", "Of this trigger.", kind=UUID),
    describe_parameter("destination_id", "Of this webhook destination.", kind=UUID),
    describe_parameter("run_id", "Written by this run.", kind=UUID),
    describe_parameter("chain_id", "Of this chain.", kind=UUID),
    *TIME_RANGE_PARAMETERS,
)


class EventsView(WorkspaceView):
    """``/v1/{workspace_id}/events``"""

    scopes = {"GET": "events:read", "POST": "events:write"}

    @document_list(
        EventSerializer,
        summary="List events, newest first",
        max_limit=MAX_LIMIT,
        parameters=_FILTERS,
    )
    def get(self, request: Request, workspace_id: str) -> Response:
        """A page of the workspace's events.

        `since` (included) and `until` (not included) compare `created_at`, which is the time in an
        event's id, to the millisecond; `effective_at` may lie earlier.
        """
        times = read_time_range(request)
        events = services.list_events(
            self.workspace.pk,
            event_types=read_patterns(request),
            source=read_choice(request, "source", SOURCES),
            trigger_id=read_uuid(request, "trigger_id"),
            destination_id=read_uuid(request, "destination_id"),
            run_id=read_uuid(request, "run_id"),
            chain_id=read_uuid(request, "chain_id"),
            since=times.since,
            until=times.until,
        )
        return paginate(
            request,
            events,
            render_page=render_page,
            max_limit=MAX_LIMIT,
            windows=partial(list_windows, now=self.now),
        )

    @document(
        "Publish an event", request=PublishedEventSerializer, response=EventSerializer, status=201
    )
    def post(self, request: Request, workspace_id: str) -> Response:
        """Publish one event; it begins a chain."""
        body = validate_body(PublishedEventSerializer, request)
        event = services.publish_event(
            workspace_id=self.workspace.pk,
            event_type=body["event_type"],
            source=name_source(self.caller),
            data=body.get("data", {}),
            now=self.now,
        )
        return Response(render_event(event), status=201)


class EventView(WorkspaceView):
    """``/v1/{workspace_id}/events/{event_id}``"""

    scopes = {"GET": "events:read"}

    @document("Get an event", response=EventSerializer)
    def get(self, request: Request, workspace_id: str, event_id: str) -> Response:
        """One event."""
        event = services.find_event(
            workspace_id=self.workspace.pk, event_id=read_path_id(event_id, name="event")
        )
        return Response(render_event(event))


def render_page(events: list[services.Event]) -> list[dict[str, object]]:
    """A page of whole events."""
    return [render_event(event) for event in events]


def read_patterns(request: Request) -> list[str]:
    """The parameter ``event_type``: patterns separated by commas, or given several times."""
    given = ",".join(request.query_params.getlist("event_type"))
    patterns = list(dict.fromkeys(pattern for pattern in given.split(",") if pattern))
    if len(patterns) > MAX_PATTERNS:
        detail = f"At most {MAX_PATTERNS} event types at once."
        raise refuse_field("/event_type", code="too_many", detail=detail)
    if not all(is_event_pattern(pattern) for pattern in patterns):
        detail = "Event types of 1-128 letters, digits or any of . _ - : / and *, between commas."
        raise refuse_field("/event_type", code="invalid", detail=detail)
    return patterns

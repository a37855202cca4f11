"""Backfills: have slots of the past run, a few at a time."""

from rest_framework.request import Request
from rest_framework.response import Response

from triggers import services
from triggers.rules.backfills import render_backfill
from triggers.serializers import EmptyBodySerializer
from triggers.serializers.backfills import BackfillBodySerializer, BackfillSerializer
from triggers.views.clock import ClockedView
from triggers.views.definitions import read_trigger_id
from workspaces.rest.pagination import paginate
from workspaces.rest.parameters import read_path_id
from workspaces.rest.schema import document, document_list
from workspaces.rest.serializers import validate_body

MAX_LIMIT = 100


class BackfillsView(ClockedView):
    """``/v1/{workspace_id}/triggers/{trigger_id}/backfills``"""

    scopes = {"GET": "triggers:read", "POST": "triggers:fire"}

    @document_list(
        BackfillSerializer, summary="List a trigger's backfills, newest first", max_limit=MAX_LIMIT
    )
    def get(self, request: Request, workspace_id: str, trigger_id: str) -> Response:
        """A page of the trigger's backfills."""
        backfills = services.list_backfills(
            workspace_id=self.workspace.pk, trigger_id=read_trigger_id(trigger_id)
        )
        return paginate(request, backfills, render_page=_render_page, max_limit=MAX_LIMIT)

    @document(
        "Run a trigger's slots of the past",
        request=BackfillBodySerializer,
        response=BackfillSerializer,
        status=202,
    )
    def post(self, request: Request, workspace_id: str, trigger_id: str) -> Response:
        """The slots in [from, to), also of a paused trigger; a dry run is 200 with the counts."""
        body = validate_body(BackfillBodySerializer, request)
        is_dry = body.pop("dry_run", False)
        make = services.plan_backfill if is_dry else services.create_backfill
        backfill = make(
            workspace_id=self.workspace.pk,
            trigger_id=read_trigger_id(trigger_id),
            fields=body,
            caller=self.caller,
            now=self.now,
        )
        if is_dry:
            unsaved = {"id": None, "status": "dry_run", "progress": 0.0, "ended_at": None}
            return Response(render_backfill(backfill) | unsaved)
        return Response(render_backfill(backfill), status=202)


class BackfillView(ClockedView):
    """``/v1/{workspace_id}/triggers/{trigger_id}/backfills/{backfill_id}``"""

    scopes = {"GET": "triggers:read"}

    @document("Get a backfill", response=BackfillSerializer)
    def get(
        self, request: Request, workspace_id: str, trigger_id: str, backfill_id: str
    ) -> Response:
        """One backfill with its progress."""
        backfill = services.find_backfill(
            workspace_id=self.workspace.pk,
            trigger_id=read_trigger_id(trigger_id),
            backfill_id=read_path_id(backfill_id, name="backfill of this trigger"),
        )
        return Response(render_backfill(backfill))


class CancelBackfillView(ClockedView):
    """``/v1/{workspace_id}/triggers/{trigger_id}/backfills/{backfill_id}/cancel``"""

    scopes = {"POST": "triggers:fire"}

    @document(
        "Start nothing more of a backfill",
        request=EmptyBodySerializer,
        response=BackfillSerializer,
    )
    def post(
        self, request: Request, workspace_id: str, trigger_id: str, backfill_id: str
    ) -> Response:
        """Runs that it has started go on; 409 when it is over."""
        validate_body(EmptyBodySerializer, request)
        backfill = services.cancel_backfill(
            workspace_id=self.workspace.pk,
            trigger_id=read_trigger_id(trigger_id),
            backfill_id=read_path_id(backfill_id, name="backfill of this trigger"),
            caller=self.caller,
            now=self.now,
        )
        return Response(render_backfill(backfill))


def _render_page(backfills: list[services.Backfill]) -> list[dict[str, object]]:
    return [render_backfill(backfill) for backfill in backfills]

"""Deliveries by HTTP: look at them, replay them."""

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from events.rules.ids import list_windows
from webhooks import services
from webhooks.rules.render import render_delivery
from webhooks.serializers import (
    DeliveryDetailSerializer,
    DeliverySerializer,
    ReplaySerializer,
)
from webhooks.serializers.diagnosis import DeliveryDiagnosisSerializer
from workspaces.rest.pagination import paginate
from workspaces.rest.parameters import (
    read_choices,
    read_path_id,
    read_text,
    read_time_range,
)
from workspaces.rest.schema import (
    TIME_RANGE_PARAMETERS,
    describe_parameter,
    document,
    document_list,
)
from workspaces.rest.views import WorkspaceView

MAX_DELIVERIES = 100
_READ, _WRITE = "destinations:read", "destinations:write"
_DELIVERY_FILTERS = (
    describe_parameter("status", "One or more, separated by commas.", choices=services.STATUSES),
    describe_parameter("cause", "Why it was filtered or rejected."),
    *TIME_RANGE_PARAMETERS,
)


class DestinationDeliveriesView(WorkspaceView):
    """``/v1/{workspace_id}/webhook-destinations/{destination_id}/deliveries``"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": _READ}

    @document_list(
        DeliverySerializer,
        summary="List what reached a webhook destination, accepted or not, newest first",
        max_limit=MAX_DELIVERIES,
        parameters=_DELIVERY_FILTERS,
    )
    def get(self, request: Request, workspace_id: str, destination_id: str) -> Response:
        """A page of the destination's deliveries."""
        destination = services.find_destination(
            workspace_id=self.workspace.pk,
            destination_id=read_path_id(destination_id, name="webhook destination"),
        )
        times = read_time_range(request)
        deliveries = services.list_deliveries(
            workspace_id=self.workspace.pk,
            destination_id=destination.pk,
            statuses=read_choices(request, "status", services.STATUSES),
            cause=read_text(request, "cause", max_length=32),
            since=times.since,
            until=times.until,
        )
        return paginate(
            request,
            deliveries,
            render_page=_render_deliveries,
            max_limit=MAX_DELIVERIES,
            windows=partial(list_windows, now=self.now),
        )


class DeliveryView(WorkspaceView):
    """``/v1/{workspace_id}/deliveries/{delivery_id}``"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": _READ}

    @document("Get a delivery with what it brought", response=DeliveryDetailSerializer)
    def get(self, request: Request, workspace_id: str, delivery_id: str) -> Response:
        """One delivery, with its payload and the run's input."""
        delivery = services.find_delivery(
            workspace_id=self.workspace.pk, delivery_id=read_path_id(delivery_id, name="delivery")
        )
        shown = {
            **render_delivery(delivery),
            "request_payload": services.read_payload(delivery),
            "transformed_payload": delivery.transformed,
            "input": delivery.input,
        }
        is_batch = delivery.elements is not None
        return Response({**shown, "elements": delivery.elements} if is_batch else shown)


class DiagnosisView(WorkspaceView):
    """``/v1/{workspace_id}/deliveries/{delivery_id}/diagnosis``"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": _READ}

    @document(
        "Say why a delivery's signature does not verify, and what would have matched",
        response=DeliveryDiagnosisSerializer,
    )
    def get(self, request: Request, workspace_id: str, delivery_id: str) -> Response:
        """What the signature doctor says; nothing is written and nothing fires."""
        diagnosis = services.diagnose_delivery(
            workspace_id=self.workspace.pk, delivery_id=read_path_id(delivery_id, name="delivery")
        )
        return Response(diagnosis.as_json())


class ReplayView(WorkspaceView):
    """``/v1/{workspace_id}/deliveries/{delivery_id}/replay``"""

    scopes: ClassVar[Mapping[str, str]] = {"POST": _WRITE}

    @document("Fire a delivery again", response=ReplaySerializer)
    def post(self, request: Request, workspace_id: str, delivery_id: str) -> Response:
        """Verify what was refused once more, then fire."""
        replay = services.replay_delivery(
            workspace_id=self.workspace.pk,
            delivery_id=read_path_id(delivery_id, name="delivery"),
            caller=self.caller,
            now=self.now,
        )
        return Response(replay.as_json())


def _render_deliveries(deliveries: list[services.Delivery]) -> list[dict[str, Any]]:
    return [render_delivery(delivery) for delivery in deliveries]

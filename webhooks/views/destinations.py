"""Destinations and their deliveries by HTTP."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from webhooks import services
from webhooks.rules.received import ReceivedRequest, build_url
from webhooks.rules.render import render_destination
from webhooks.serializers import (
    DestinationBodySerializer,
    DestinationSerializer,
    NewDestinationSerializer,
    RotationBodySerializer,
    RotationSerializer,
    TrialBodySerializer,
    TrialSerializer,
)
from workspaces.rest.pagination import paginate
from workspaces.rest.parameters import (
    read_flag,
    read_path_id,
    read_text,
    read_uuid,
)
from workspaces.rest.schema import (
    describe_parameter,
    document,
    document_list,
)
from workspaces.rest.serializers import validate_body
from workspaces.rest.views import WorkspaceView
from workspaces.rules.times import render_time

MAX_DESTINATIONS = 20
_READ, _WRITE = "destinations:read", "destinations:write"
_DESTINATION_FILTERS = (
    describe_parameter("is_active", "Active ones only, or inactive ones.", kind=bool),
    describe_parameter("trigger_id", "Of this trigger."),
    describe_parameter("q", "A part of the name or the description, in any case."),
)


class DestinationsView(WorkspaceView):
    """``/v1/{workspace_id}/webhook-destinations``"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": _READ, "POST": _WRITE}

    @document_list(
        DestinationSerializer,
        summary="List webhook destinations, newest first",
        max_limit=MAX_DESTINATIONS,
        parameters=_DESTINATION_FILTERS,
    )
    def get(self, request: Request, workspace_id: str) -> Response:
        """A page of the workspace's destinations."""
        destinations = services.list_destinations(
            self.workspace.pk,
            is_active=read_flag(request, "is_active"),
            trigger_id=read_uuid(request, "trigger_id"),
            text=read_text(request, "q"),
        )
        return paginate(
            request, destinations, render_page=_render_destinations, max_limit=MAX_DESTINATIONS
        )

    @document(
        "Create a webhook destination; `secret` is in this answer only",
        request=DestinationBodySerializer,
        response=NewDestinationSerializer,
        status=201,
    )
    def post(self, request: Request, workspace_id: str) -> Response:
        """Make a destination; the answer alone holds its secret."""
        destination, secret = services.create_destination(
            workspace_id=self.workspace.pk,
            fields=validate_body(DestinationBodySerializer, request),
            caller=self.caller,
            now=self.now,
        )
        answer = {**_render_destination(destination), "secret": secret}
        return Response(answer | _render_warnings(secret, destination), status=201)


class DestinationView(WorkspaceView):
    """``/v1/{workspace_id}/webhook-destinations/{destination_id}``"""

    scopes: ClassVar[Mapping[str, str]] = {
        "GET": _READ,
        "PUT": _WRITE,
        "PATCH": _WRITE,
        "DELETE": _WRITE,
    }

    @document("Get a webhook destination", response=DestinationSerializer)
    def get(self, request: Request, workspace_id: str, destination_id: str) -> Response:
        """One destination."""
        destination = services.find_destination(
            workspace_id=self.workspace.pk,
            destination_id=read_path_id(destination_id, name="webhook destination"),
        )
        return Response(_render_destination(destination))

    @document(
        "Change a webhook destination; takes any subset",
        request=DestinationBodySerializer,
        response=DestinationSerializer,
    )
    def patch(self, request: Request, workspace_id: str, destination_id: str) -> Response:
        """Change the given fields."""
        destination = services.update_destination(
            workspace_id=self.workspace.pk,
            destination_id=read_path_id(destination_id, name="webhook destination"),
            fields=validate_body(DestinationBodySerializer, request, partial=True),
            caller=self.caller,
            now=self.now,
        )
        return Response(_render_destination(destination))

    @document(
        "Change a webhook destination; takes any subset, as PATCH does",
        request=DestinationBodySerializer,
        response=DestinationSerializer,
    )
    def put(self, request: Request, workspace_id: str, destination_id: str) -> Response:
        """Change the given fields."""
        return self.patch(request, workspace_id, destination_id)

    @document("Delete a webhook destination", status=204)
    def delete(self, request: Request, workspace_id: str, destination_id: str) -> Response:
        """Delete a destination; its deliveries stay."""
        services.delete_destination(
            workspace_id=self.workspace.pk,
            destination_id=read_path_id(destination_id, name="webhook destination"),
            caller=self.caller,
            now=self.now,
        )
        return Response(status=204)


class SecretRotationView(WorkspaceView):
    """``/v1/{workspace_id}/webhook-destinations/{destination_id}/rotate-secret``"""

    scopes: ClassVar[Mapping[str, str]] = {"POST": _WRITE}

    @document(
        "Give a webhook destination another secret; `secret` is in this answer only",
        request=RotationBodySerializer,
        response=RotationSerializer,
    )
    def post(self, request: Request, workspace_id: str, destination_id: str) -> Response:
        """Rotate; both secrets verify during the overlap."""
        found_id = read_path_id(destination_id, name="webhook destination")
        secret, expires_at = services.rotate_secret(
            workspace_id=self.workspace.pk,
            destination_id=found_id,
            caller=self.caller,
            now=self.now,
            **validate_body(RotationBodySerializer, request),
        )
        destination = services.find_destination(
            workspace_id=self.workspace.pk, destination_id=found_id
        )
        answer = {"secret": secret, "rotation_expires_at": render_time(expires_at)}
        return Response(answer | _render_warnings(secret, destination))


class TrialView(WorkspaceView):
    """``/v1/{workspace_id}/webhook-destinations/{destination_id}/test``"""

    scopes: ClassVar[Mapping[str, str]] = {"POST": _WRITE}

    @document(
        "Try a request step by step; nothing is stored and nothing fires",
        request=TrialBodySerializer,
        response=TrialSerializer,
    )
    def post(self, request: Request, workspace_id: str, destination_id: str) -> Response:
        """What the destination would make of it."""
        body = validate_body(TrialBodySerializer, request)
        target_id = read_path_id(destination_id, name="webhook destination")
        path = f"/v1/{self.workspace.pk}/hooks/{target_id}"
        trial = services.try_request(
            ReceivedRequest(
                method=body["method"].upper(),
                path=path,
                query=body["query"],
                url=build_url(settings.CLOCKHOOK_PUBLIC_URL, path, body["query"]),
                headers={name.lower(): value for name, value in body.get("headers", {}).items()},
                body=body["raw"],
                size=len(body["raw"]),
            ),
            workspace_id=self.workspace.pk,
            destination_id=target_id,
            now=body["received_at"] or self.now,
        )
        return Response(trial.as_json())


def _render_warnings(secret: str, destination: services.Destination) -> dict[str, Any]:
    warnings = services.warn_of_secret(secret, destination.verification)
    return {"warnings": warnings} if warnings else {}


def _render_destination(destination: services.Destination) -> dict[str, Any]:
    # Prefetched, newest first: the one that signs from now on.
    secrets = list(destination.secrets.all())
    return render_destination(
        destination,
        options=services.read_body_options(destination),
        public_url=settings.CLOCKHOOK_PUBLIC_URL,
        secret_hint=secrets[0].hint if secrets else None,
    )


def _render_destinations(destinations: list[services.Destination]) -> list[dict[str, Any]]:
    return [_render_destination(destination) for destination in destinations]

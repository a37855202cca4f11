"""What can fire a trigger."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from webhooks import services
from webhooks.serializers import (
    ProviderSerializer,
)
from workspaces.rest.schema import (
    document,
)
from workspaces.rest.views import WorkspaceView


class ProvidersView(WorkspaceView):
    """``/v1/{workspace_id}/providers``"""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "triggers:read"}

    @document("What can fire a trigger", response=ProviderSerializer(many=True))
    def get(self, request: Request, workspace_id: str) -> Response:
        """The schedule, events, and each webhook preset."""
        return Response([asdict(provider) for provider in services.list_providers()])

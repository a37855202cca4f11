"""What every view of the API starts from."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.views import APIView

from workspaces.models import Workspace
from workspaces.rest.authentication import read_admission
from workspaces.rest.parsers import JsonNegotiation, refuse_chunked
from workspaces.rules.callers import OPERATOR_SCOPE, Caller
from workspaces.rules.ids import parse_id
from workspaces.rules.problems import NotFound
from workspaces.services import Admission, Rate, find_workspace, refuse_archived, take_token


class ApiView(APIView):
    """A view for authenticated callers. Once a handler runs, ``caller`` and ``now`` are set.

    ``scopes`` names the scope that each method needs, as in ``{"GET": "runs:read"}``; HEAD goes
    with GET, and a handler without a scope is forbidden to all.
    """

    scopes: ClassVar[Mapping[str, str]] = {}
    content_negotiation_class = JsonNegotiation
    admission: Admission
    caller: Caller
    now: dt.datetime
    rate: Rate | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        refuse_chunked(request)
        self.now = dt.datetime.now(dt.UTC)
        self.admission = read_admission(request)
        self.caller = self.admission.caller
        self.rate = self._take_token()

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(request, response, *args, **kwargs)
        for name, value in (self.rate.headers if self.rate else {}).items():
            answer.headers.setdefault(name, value)
        return answer

    def _take_token(self) -> Rate | None:
        """Of the key's bucket; staff and the system have none."""
        if self.caller.kind != "key":
            return None
        own = self.admission.rate_limit_per_minute
        limit = settings.CLOCKHOOK_KEY_RATE_LIMIT_PER_MINUTE if own is None else own
        return take_token("key", self.caller.id, per_minute=limit)


class WorkspaceView(ApiView):
    """A view below ``/v1/<str:workspace_id>/``; ``workspace`` is set, and the caller may be there.

    Another workspace than the caller's, an unknown one and garbage are the same 404. An archived
    workspace can be read, but refuses every other method with 409, unless the view says otherwise.
    """

    is_open_when_archived: ClassVar[bool] = False
    workspace: Workspace

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.workspace = _find_own_workspace(self.admission, str(kwargs["workspace_id"]))
        if request.method not in SAFE_METHODS and not self.is_open_when_archived:
            refuse_archived(self.workspace)


class OperatorView(ApiView):
    """A view for operators and staff alone, whatever the method."""

    scopes: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("GET", "POST", "PUT", "PATCH", "DELETE"), OPERATOR_SCOPE
    )


def _find_own_workspace(admission: Admission, workspace_id: str) -> Workspace:
    if admission.workspace is None:
        return find_workspace(workspace_id)
    # The key's query brought its workspace along: no other one needs looking up.
    if parse_id(workspace_id) != admission.workspace.pk:
        raise NotFound("There is no such workspace.")
    return admission.workspace

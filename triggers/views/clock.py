"""What changes a trigger is dated by the clock that fires it."""

from typing import Any

from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from workspaces.rest.views import WorkspaceView
from workspaces.services import read_now


class ClockedView(WorkspaceView):
    """``now`` is Postgres' wherever something changes: slots count from there, and on a host whose
    clock is slow they would count from what has fired already.
    """

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method not in SAFE_METHODS:
            self.now = read_now()

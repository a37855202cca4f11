"""May this caller use this method of this view?"""

from collections.abc import Mapping

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from workspaces.rest.authentication import read_admission
from workspaces.rules.problems import Forbidden


class HasScope(BasePermission):
    """The view's ``scopes`` name the scope that each of its methods needs; unnamed is forbidden."""

    def has_permission(self, request: Request, view: object) -> bool:
        admission = read_admission(request)
        method = request.method or ""
        if method == "OPTIONS" or not hasattr(view, method.lower()):
            # Nothing to protect: what the view lacks ends as 405, after this.
            return True
        scope = _find_scope(view, method)
        if scope is None or not admission.caller.has_scope(scope):
            raise Forbidden(f"This needs the scope {scope or 'of nobody'}.")
        return True


def _find_scope(view: object, method: str) -> str | None:
    scopes: Mapping[str, str] = getattr(view, "scopes", {})
    return scopes.get("GET" if method == "HEAD" else method)

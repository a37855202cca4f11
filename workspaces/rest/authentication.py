"""Who sends a request: a bearer key, or a signed-in member of staff."""

import datetime as dt

from django.contrib.auth.base_user import AbstractBaseUser
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from workspaces.rules.callers import OPERATOR_SCOPE, Caller
from workspaces.rules.problems import Unauthorized
from workspaces.services import Admission, admit_key


def read_admission(request: Request) -> Admission:
    """What an authenticator left on the request.

    Raises:
        Unauthorized: nobody is known to have sent it.
    """
    admission: object = request.auth
    if not isinstance(admission, Admission):
        raise Unauthorized("Send an API key as Authorization: Bearer <key>.")
    return admission


class ApiKeyAuthentication(BaseAuthentication):
    """``Authorization: Bearer <api key>``; leaves an ``Admission`` in ``request.auth``."""

    def authenticate(self, request: Request) -> tuple[None, Admission] | None:
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if not header:
            return None
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthorized("Send the API key as Authorization: Bearer <key>.")
        admission = admit_key(token.strip(), now=dt.datetime.now(dt.UTC))
        if admission is None:
            # One answer for all: whether a key once existed is nobody's business.
            raise Unauthorized("The API key is unknown, expired or revoked.")
        return None, admission

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class StaffSessionAuthentication(SessionAuthentication):
    """Django's session cookie of active staff, who act in every workspace; CSRF is enforced."""

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser, Admission] | None:
        user = getattr(request._request, "user", None)  # noqa: SLF001 - DRF's only way to Django's
        if user is None or not user.is_active or not user.is_staff:
            return None
        self.enforce_csrf(request)
        caller = Caller(
            kind="user",
            id=str(user.pk),
            workspace_id=None,
            scopes=frozenset({OPERATOR_SCOPE}),
            is_operator=True,
        )
        return user, Admission(caller, None, None)

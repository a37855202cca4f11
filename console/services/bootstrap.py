"""The first workspace, the first login and keys for whoever sits at the machine itself.

What is done here needs no key: the right to it is the right to read the data folder.
"""

import http.client
import os
import secrets
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import OperationalError, connection, transaction

from workspaces import services as workspaces

ADMIN_USERNAME = "admin"
_WORKSPACE_SLUG = "default"
_CREATED_BY = "system:bootstrap"
_LIVENESS_SECONDS = 5.0
# Our own address: a proxy from the environment has no business with it.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# A seed and a bootstrap at the same time make one workspace; the number only has to be ours alone.
_LOCK = 0x636C6F636B05


class NoStackError(Exception):
    """There is no stack to hand out access to; the text says so in one sentence."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may do what where; ``api_key`` is new, ``admin_password`` None where nobody kept it."""

    workspace_id: UUID
    api_key: str | None
    admin_username: str
    admin_password: str | None


def seed_first_workspace(*, password_file: Path) -> Access:
    """Make the workspace ``default`` and the user ``admin`` unless they are there.

    A key comes with the workspace only when that was made here and now.
    """
    home = _open_home(password_file)
    return Access(
        workspace_id=home.workspace_id,
        api_key=_mint_key(home.workspace_id, name="First key") if home.is_new else None,
        admin_username=ADMIN_USERNAME,
        admin_password=home.admin_password,
    )


def grant_access(*, base_url: str, password_file: Path, is_operator: bool) -> Access:
    """A new key: for all of the workspace ``default``, or an operator's; neither has a rate limit.

    Raises:
        NoStackError: nobody answers at ``base_url``, or its database does not.
    """
    refuse_silence(base_url)
    try:
        home = _open_home(password_file)
        return Access(
            workspace_id=home.workspace_id,
            api_key=_mint_key(None if is_operator else home.workspace_id, name="Bootstrap"),
            admin_username=ADMIN_USERNAME,
            admin_password=home.admin_password,
        )
    except OperationalError as error:
        raise NoStackError(
            f"{base_url} answers, but its database does not: {str(error).splitlines()[0]}"
        ) from error


def refuse_silence(base_url: str) -> None:
    """Let only a stack through that answers.

    Raises:
        NoStackError: nobody answers at ``base_url``.
    """
    try:
        with _OPENER.open(f"{base_url}/healthz", timeout=_LIVENESS_SECONDS):
            return
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise NoStackError(
            f"No Clockhook answers at {base_url}: start it with `make run` first."
        ) from error


@dataclass(frozen=True, kw_only=True)
class _Home:
    workspace_id: UUID
    is_new: bool
    admin_password: str | None


@transaction.atomic
def _open_home(password_file: Path) -> _Home:
    """The first workspace and the admin, made where they are missing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    found = workspaces.list_workspaces(slug=_WORKSPACE_SLUG).first()
    workspace = found or workspaces.create_workspace(name="Default", slug=_WORKSPACE_SLUG)
    return _Home(
        workspace_id=workspace.pk,
        is_new=found is None,
        admin_password=_ensure_admin(password_file),
    )


def _mint_key(workspace_id: UUID | None, *, name: str) -> str:
    _, plain = workspaces.mint_api_key(
        workspace_id=workspace_id,
        name=name,
        scopes=["operator"] if workspace_id is None else ["*"],
        created_by=_CREATED_BY,
        rate_limit_per_minute=0,
    )
    return plain


def _ensure_admin(password_file: Path) -> str | None:
    """The admin's password as the data folder keeps it; a missing user is made with it."""
    users = get_user_model().objects
    if not users.filter(username=ADMIN_USERNAME).exists():
        # Kept before it is needed: a password that nobody kept would lock everybody out.
        _keep_password(password_file)
        users.create_superuser(ADMIN_USERNAME, password=password_file.read_text().strip())
    return password_file.read_text().strip() if password_file.exists() else None


def _keep_password(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{secrets.token_urlsafe(18)}\n")

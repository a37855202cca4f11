"""Workspaces: made, changed, archived, deleted while nothing happened in them."""

import datetime as dt
import secrets
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, models, transaction
from django.utils.text import slugify

from workspaces.models import Plan, Workspace
from workspaces.rules.ids import parse_id
from workspaces.rules.problems import Conflict, FieldError, NotFound, refuse_field
from workspaces.services.records import has_records

# Holds what belongs to nobody's workspace; seeded by a migration, never removed.
SYSTEM_SLUG = "system"
_SLUG_LENGTH = 64


class WorkspaceHasHistory(Conflict):
    """Something was recorded in the workspace: it is archived, never deleted."""


class SlugTaken(Conflict):
    """Another workspace has this slug."""


def find_workspace(workspace_id: UUID | str) -> Workspace:
    """The workspace, archived or not.

    Raises:
        NotFound: there is none, or the text is not a UUID.
    """
    key = workspace_id if isinstance(workspace_id, UUID) else parse_id(workspace_id)
    workspace = Workspace.objects.filter(pk=key).first() if key else None
    if workspace is None:
        raise NotFound("There is no such workspace.")
    return workspace


def list_workspaces(
    *, slug: str | None = None, is_archived: bool | None = None
) -> models.QuerySet[Workspace]:
    """All of them, archived ones too, by any of the filters."""
    workspaces = Workspace.objects.all()
    if slug is not None:
        workspaces = workspaces.filter(slug=slug)
    if is_archived is not None:
        workspaces = workspaces.filter(archived_at__isnull=not is_archived)
    return workspaces


def find_archived(workspace_ids: Iterable[UUID]) -> set[UUID]:
    """Those of these workspaces that are archived."""
    return set(
        Workspace.objects.filter(pk__in=set(workspace_ids), archived_at__isnull=False).values_list(
            "pk", flat=True
        )
    )


def create_workspace(
    *,
    name: str,
    slug: str | None = None,
    plan: str = "enterprise",
    metadata: Mapping[str, Any] | None = None,
) -> Workspace:
    """Make a workspace; without a slug, one is derived from the name.

    Raises:
        SlugTaken: another workspace has the slug.
        Unprocessable: there is no such plan.
    """
    _refuse_unknown_plan(plan)
    derived = slugify(name)[: _SLUG_LENGTH - 9].strip("-") or "workspace"
    workspace = Workspace(
        name=name, slug=slug or derived, plan_id=plan, metadata=dict(metadata or {})
    )
    try:
        _save(workspace, is_new=True)
    except SlugTaken:
        if slug is not None:
            raise
        workspace.slug = f"{derived}-{secrets.token_hex(4)}"
        _save(workspace, is_new=True)
    workspace.refresh_from_db()
    return workspace


@transaction.atomic
def update_workspace(
    *, workspace_id: UUID, changes: Mapping[str, Any], now: dt.datetime
) -> Workspace:
    """Change any of ``name``, ``slug``, ``plan``, ``metadata``, ``archived`` (a flag).

    Raises:
        NotFound, SlugTaken, Unprocessable: as above.
        Conflict: the system's workspace keeps its slug and is never archived.
    """
    workspace = _lock_workspace(workspace_id)
    if changes.get("slug", workspace.slug) != workspace.slug or changes.get("archived"):
        _refuse_system(workspace)
    if "plan" in changes:
        _refuse_unknown_plan(changes["plan"])
        workspace.plan_id = changes["plan"]
    if "archived" in changes:
        workspace.archived_at = (workspace.archived_at or now) if changes["archived"] else None
    for name in ("name", "slug", "metadata"):
        if name in changes:
            setattr(workspace, name, changes[name])
    workspace.updated_at = now
    _save(workspace, is_new=False)
    return workspace


@transaction.atomic
def delete_workspace(*, workspace_id: UUID) -> None:
    """Remove a workspace, and its keys, in which nothing was ever recorded.

    Raises:
        NotFound: there is no such workspace.
        WorkspaceHasHistory: archive it instead.
        Conflict: it is the system's.
    """
    # The full lock holds back any row that is about to refer to the workspace.
    workspace = _lock_workspace(workspace_id)
    _refuse_system(workspace)
    if has_records(workspace.pk):
        raise WorkspaceHasHistory(
            "This workspace has a history, so it cannot be deleted. "
            'Archive it instead: PATCH {"archived": true}.',
            errors=[FieldError("", "has_history", "The workspace has records.")],
        )
    workspace.delete()


def refuse_archived(workspace: Workspace) -> None:
    """Refuse a change inside an archived workspace.

    Raises:
        Conflict: it is archived.
    """
    if workspace.archived_at is not None:
        raise Conflict(
            "This workspace is archived; it can only be read.",
            errors=[FieldError("", "workspace_archived", "The workspace is archived.")],
        )


def _lock_workspace(workspace_id: UUID) -> Workspace:
    workspace = Workspace.objects.select_for_update().filter(pk=workspace_id).first()
    if workspace is None:
        raise NotFound("There is no such workspace.")
    return workspace


def _save(workspace: Workspace, *, is_new: bool) -> None:
    try:
        with transaction.atomic():
            workspace.save(force_insert=is_new)
    except IntegrityError as error:
        if "workspaces_workspace_slug" not in str(error):
            raise
        raise SlugTaken(
            f"Another workspace has the slug {workspace.slug}.",
            errors=[FieldError("/slug", "taken", "Another workspace has this slug.")],
        ) from None


def _refuse_system(workspace: Workspace) -> None:
    if workspace.slug == SYSTEM_SLUG:
        raise Conflict(
            "The system's own workspace can be neither archived, deleted nor given another slug."
        )


def _refuse_unknown_plan(slug: str) -> None:
    if not Plan.objects.filter(pk=slug).exists():
        raise refuse_field("/plan", code="unknown_plan", detail=f"There is no plan {slug}.")

"""Actions made, changed and deleted. Each change appends a revision, without the secrets."""

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, models, transaction

from actions.models import Action
from actions.services.checks import check_fields
from actions.services.specs import ActionNotFound
from workspaces.rules.callers import Caller
from workspaces.rules.problems import Conflict, FieldError
from workspaces.services import SealedColumn, encrypt_secret, lock_limits, record_revision

_REVISION_KIND = "action"
# What a version of the workspace remembers of an action; no secrets.
_DOCUMENT_FIELDS = (
    "name",
    "description",
    "external_key",
    "action_type",
    "config",
    "input_schema",
    "retry",
    "timeout_seconds",
    "max_concurrency",
    "enabled",
)
_NAMED_AT_MOST = 10


class ExternalKeyTaken(Conflict):
    """Another action of the workspace has this ``external_key``."""

    def __init__(self) -> None:
        detail = "Another action of this workspace has this external_key."
        super().__init__(detail, errors=[FieldError("/external_key", "not_unique", detail)])


class ActionInUse(Conflict):
    """Something still refers to the action; it is named."""

    def __init__(self, users: Iterable[models.Model]) -> None:
        rows = sorted(users, key=str)
        named = ", ".join(f"{row} ({row.pk})" for row in rows[:_NAMED_AT_MOST])
        more = f" and {len(rows) - _NAMED_AT_MOST} more" if len(rows) > _NAMED_AT_MOST else ""
        super().__init__(
            f"{len(rows)} triggers use this action: {named}{more}.",
            errors=[FieldError("", "in_use", f"{row} ({row.pk})") for row in rows[:_NAMED_AT_MOST]],
        )


def create_action(
    *, workspace_id: UUID, fields: Mapping[str, Any], caller: Caller, now: dt.datetime
) -> Action:
    """Make an action of ``name``, ``action_type`` and any of its other fields.

    Raises:
        Unprocessable: a field is not what it must be; one error per place.
        ExternalKeyTaken: the ``external_key`` is in use.
    """
    check_fields(fields, current=None)
    row = Action(workspace_id=workspace_id, created_by=str(caller), created_at=now)
    with transaction.atomic():
        _assign(row, fields)
        _save(row, is_new=True)
        _record(row, created_by=caller)
    return read_action(workspace_id=workspace_id, action_id=row.pk)


def update_action(
    *,
    workspace_id: UUID,
    action_id: UUID,
    fields: Mapping[str, Any],
    caller: Caller,
    now: dt.datetime,
) -> Action:
    """Change the given fields; one that is not given keeps its value, ``secret_config`` too.

    Raises:
        ActionNotFound, Unprocessable, ExternalKeyTaken: as above.
    """
    with transaction.atomic():
        row = _lock_action(workspace_id=workspace_id, action_id=action_id, is_to_go=False)
        check_fields(fields, current=row)
        previous_key = _read_key(row)
        row.updated_at = now
        if _assign(row, fields):
            _save(row, is_new=False)
            if _read_key(row) != previous_key:
                _record_end(workspace_id, previous_key, created_by=caller)
            _record(row, created_by=caller)
    return row


def delete_action(*, workspace_id: UUID, action_id: UUID, caller: Caller, now: dt.datetime) -> None:
    """Delete an action that nothing uses. Its runs stay as history.

    Raises:
        ActionNotFound: there is none.
        ActionInUse: triggers refer to it.
    """
    with transaction.atomic():
        row = _lock_action(workspace_id=workspace_id, action_id=action_id, is_to_go=True)
        key = _read_key(row)
        try:
            row.delete()
        except models.ProtectedError as error:
            raise ActionInUse(error.protected_objects) from None
        _record_end(workspace_id, key, created_by=caller)


def read_action(*, workspace_id: UUID, action_id: UUID) -> Action:
    """The row, for showing it.

    Raises:
        ActionNotFound: the workspace has none of that id.
    """
    row = Action.objects.filter(workspace_id=workspace_id, pk=action_id).first()
    if row is None:
        raise ActionNotFound("There is no such action.")
    return row


def list_actions(
    workspace_id: UUID,
    *,
    action_type: str | None = None,
    enabled: bool | None = None,
    query: str | None = None,
) -> models.QuerySet[Action]:
    """The workspace's actions; ``query`` is a part of a name or an external key, in any case."""
    rows = Action.objects.filter(workspace_id=workspace_id)
    if action_type is not None:
        rows = rows.filter(action_type=action_type)
    if enabled is not None:
        rows = rows.filter(enabled=enabled)
    if query:
        rows = rows.filter(
            models.Q(name__icontains=query) | models.Q(external_key__icontains=query)
        )
    return rows


def _lock_action(*, workspace_id: UUID, action_id: UUID, is_to_go: bool) -> Action:
    # The workspace first, as everywhere: a trigger that is being made holds it when its commit asks
    # for its action. Only a row that is to go needs the full lock, which holds such a commit back.
    lock_limits(workspace_id)
    rows = Action.objects.select_for_update(no_key=not is_to_go)
    row = rows.filter(workspace_id=workspace_id, pk=action_id).first()
    if row is None:
        raise ActionNotFound("There is no such action.")
    return row


def _assign(row: Action, fields: Mapping[str, Any]) -> bool:
    """Put checked fields on the row; tells whether any of them changed."""
    changed = False
    for name in _DOCUMENT_FIELDS:
        if name in fields and _differ(getattr(row, name), fields[name]):
            setattr(row, name, fields[name])
            changed = True
    if "secret_config" in fields:
        secrets = fields["secret_config"]
        row.secret_config = encrypt_secret(json.dumps(secrets)) if secrets else None
        changed = True
    return changed


def _differ(old: Any, new: Any) -> bool:
    # Python holds 1 and True to be equal, also deep inside; JSON does not.
    return json.dumps(old, sort_keys=True) != json.dumps(new, sort_keys=True)


def _save(row: Action, *, is_new: bool) -> None:
    try:
        with transaction.atomic():
            row.save(force_insert=is_new)
    except IntegrityError as error:
        if "actions_action_external_key_unique" not in str(error):
            raise
        raise ExternalKeyTaken from None


def _read_key(row: Action) -> str:
    return row.external_key or str(row.pk)


def _record(row: Action, *, created_by: Caller) -> None:
    record_revision(
        workspace_id=row.workspace_id,
        kind=_REVISION_KIND,
        external_key=_read_key(row),
        document={name: getattr(row, name) for name in _DOCUMENT_FIELDS},
        created_by=str(created_by),
    )


def _record_end(workspace_id: UUID, key: str, *, created_by: Caller) -> None:
    record_revision(
        workspace_id=workspace_id,
        kind=_REVISION_KIND,
        external_key=key,
        document=None,
        created_by=str(created_by),
    )


def list_sealed_columns() -> list[SealedColumn]:
    """Where this room keeps what is encrypted."""
    return [SealedColumn("actions", Action.objects.all(), "secret_config")]

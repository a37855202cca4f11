"""Destinations made, changed and deleted. Each change appends a revision, without secrets."""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Prefetch, Q, QuerySet
from psycopg import Error

from triggers.services import TriggerNotFound, find_trigger
from webhooks.models import Destination, DestinationSecret
from webhooks.providers import PROVIDERS
from webhooks.rules.body_options import NAMES, BodyOptions, override_options
from webhooks.rules.verification import DEFAULT_PRESET
from webhooks.rules.verification_document import choose_preset
from webhooks.services.checks import check_fields, refuse_other_secrets, settle_fields
from webhooks.services.secrets import add_secret, choose_secret
from workspaces.rules.callers import Caller
from workspaces.rules.problems import Conflict, FieldError, NotFound, Unprocessable, refuse_field
from workspaces.services import lock_limits, record_revision, refuse_over_limit

_REVISION_KIND = "destination"
# What a version of the workspace remembers of a destination, beside its trigger; no secrets.
_DOCUMENT_FIELDS = (
    "name",
    "description",
    "external_key",
    "is_active",
    "accepted_event_types",
    "field_mapping",
    "retry_attempts",
    "verification",
    "input_schema",
    "output_transform",
    "dedupe",
    "response",
    "redact",
    "rate_limit_per_minute",
    *NAMES,
)


class DestinationNotFound(NotFound):
    """No such destination in this workspace."""

    def __init__(self) -> None:
        super().__init__("There is no such webhook destination.")


class ExternalKeyTaken(Conflict):
    """Another destination of the workspace has this ``external_key``."""

    def __init__(self) -> None:
        detail = "Another destination of this workspace has this external_key."
        super().__init__(detail, errors=[FieldError("/external_key", "not_unique", detail)])


class DestinationFromConfig(Conflict):
    """The destination comes from configuration, which alone may change it."""

    def __init__(self) -> None:
        super().__init__("This destination comes from configuration: only is_active is open here.")


def create_destination(
    *, workspace_id: UUID, fields: Mapping[str, Any], caller: Caller, now: dt.datetime
) -> tuple[Destination, str]:
    """Make a destination of ``name``, ``trigger_id`` and any of its other fields.

    Returns it with its secret in plain, which nobody can read again: the given ``secret``, else a
    new one.

    Raises:
        Unprocessable: a field is not what it must be.
        TriggerLimitExceeded: the plan holds no more webhook triggers.
        ExternalKeyTaken: the ``external_key`` is in use.
    """
    given = {name: value for name, value in fields.items() if name != "secret"}
    given = settle_fields(check_fields({"verification": {}, **given}), {})
    secret = choose_secret(fields.get("secret"), given["verification"])
    try:
        with transaction.atomic():
            _refuse_trigger(workspace_id=workspace_id, trigger_id=given["trigger_id"])
            row = Destination(
                workspace_id=workspace_id, created_by=str(caller), created_at=now, **given
            )
            _save(row, is_new=True)
            add_secret(row.pk, secret, given["verification"])
            _record(row, created_by=caller)
    except IntegrityError as error:
        # The trigger was deleted meanwhile; its foreign key is checked at the commit.
        if not _breaks(error, "webhooks_destination_trigger_id"):
            raise
        raise _refuse_unknown_trigger() from None
    return find_destination(workspace_id=workspace_id, destination_id=row.pk), secret


def update_destination(
    *,
    workspace_id: UUID,
    destination_id: UUID,
    fields: Mapping[str, Any],
    caller: Caller,
    now: dt.datetime,
) -> Destination:
    """Change the given fields; one that is not given keeps its value.

    Raises:
        DestinationNotFound, Unprocessable, ExternalKeyTaken: as above; also for another trigger.
        DestinationFromConfig: another field than ``is_active`` of such a destination.
    """
    fields = check_fields(fields)
    with transaction.atomic():
        row = lock_destination(workspace_id=workspace_id, destination_id=destination_id)
        _refuse_fixed(row, fields)
        fields = settle_fields(fields, {name: getattr(row, name) for name in _DOCUMENT_FIELDS})
        previous_key = _read_key(row)
        changed = {
            name
            for name in _DOCUMENT_FIELDS
            if name in fields and _differ(getattr(row, name), fields[name])
        }
        if "verification" in changed:
            refuse_other_secrets(row.verification, fields["verification"])
        if row.source == "config" and changed - {"is_active"}:
            raise DestinationFromConfig
        for name in changed:
            setattr(row, name, fields[name])
        if changed:
            _save(row, is_new=False)
            if _read_key(row) != previous_key:
                _record_end(workspace_id, previous_key, created_by=caller)
            _record(row, created_by=caller)
    return find_destination(workspace_id=workspace_id, destination_id=destination_id)


def delete_destination(
    *, workspace_id: UUID, destination_id: UUID, caller: Caller, now: dt.datetime
) -> None:
    """Delete a destination with its secrets; its deliveries stay as history.

    Raises:
        DestinationNotFound: there is none.
        DestinationFromConfig: it comes from configuration.
    """
    with transaction.atomic():
        row = lock_destination(workspace_id=workspace_id, destination_id=destination_id)
        if row.source == "config":
            raise DestinationFromConfig
        key = _read_key(row)
        row.delete()
        _record_end(workspace_id, key, created_by=caller)


def find_destination(*, workspace_id: UUID, destination_id: UUID) -> Destination:
    """One destination with its secrets, newest first.

    Raises:
        DestinationNotFound: the workspace has none of that id.
    """
    row = list_destinations(workspace_id).filter(pk=destination_id).first()
    if row is None:
        raise DestinationNotFound
    return row


def list_destinations(
    workspace_id: UUID,
    *,
    is_active: bool | None = None,
    trigger_id: UUID | None = None,
    text: str | None = None,
) -> QuerySet[Destination]:
    """The workspace's destinations with their secrets; ``text``: in name or description."""
    newest_first = DestinationSecret.objects.order_by("-id")
    rows = Destination.objects.filter(workspace_id=workspace_id)
    rows = rows.prefetch_related(Prefetch("secrets", queryset=newest_first))
    if is_active is not None:
        rows = rows.filter(is_active=is_active)
    if trigger_id is not None:
        rows = rows.filter(trigger_id=trigger_id)
    if text:
        rows = rows.filter(Q(name__icontains=text) | Q(description__icontains=text))
    return rows


def read_body_options(row: Destination) -> BodyOptions:
    """How its sender writes bodies: as the destination says, else as its preset does."""
    stated = {name: getattr(row, name) for name in NAMES}
    # A later version may have left a preset that this one does not know.
    provider = PROVIDERS.get(choose_preset(row.verification), PROVIDERS[DEFAULT_PRESET])
    return override_options(provider.body_options, stated)


def lock_destination(*, workspace_id: UUID, destination_id: UUID) -> Destination:
    """The row, locked against other changes; deliveries go on.

    Raises:
        DestinationNotFound: the workspace has none of that id.
    """
    locked = Destination.objects.select_for_update(no_key=True)
    row = locked.filter(workspace_id=workspace_id, pk=destination_id).first()
    if row is None:
        raise DestinationNotFound
    return row


def _refuse_trigger(*, workspace_id: UUID, trigger_id: UUID) -> None:
    """Refuse a foreign trigger, and one that would be one webhook trigger too many."""
    try:
        find_trigger(workspace_id=workspace_id, trigger_id=trigger_id)
    except TriggerNotFound:
        raise _refuse_unknown_trigger() from None
    limits = lock_limits(workspace_id)
    triggers = Destination.objects.filter(workspace_id=workspace_id).values("trigger_id")
    if not triggers.filter(trigger_id=trigger_id).exists():
        refuse_over_limit(
            limits=limits, trigger_type="webhook", current_count=triggers.distinct().count()
        )


def _refuse_unknown_trigger() -> Unprocessable:
    detail = "There is no such trigger in this workspace."
    return refuse_field("/trigger_id", code="does_not_exist", detail=detail)


def _refuse_fixed(row: Destination, fields: Mapping[str, Any]) -> None:
    if fields.get("trigger_id", row.trigger_id) != row.trigger_id:
        detail = "A destination keeps its trigger; make another destination instead."
        raise refuse_field("/trigger_id", code="immutable", detail=detail)
    if "secret" in fields:
        detail = "A secret is changed by rotate-secret."
        raise refuse_field("/secret", code="immutable", detail=detail)


def _differ(old: Any, new: Any) -> bool:
    # Python holds 1 and True to be equal, also deep inside; JSON does not.
    return json.dumps(old, sort_keys=True) != json.dumps(new, sort_keys=True)


def _save(row: Destination, *, is_new: bool) -> None:
    try:
        # A savepoint: the refusal must not spoil the caller's transaction.
        with transaction.atomic():
            row.save(force_insert=is_new)
    except IntegrityError as error:
        if not _breaks(error, "webhooks_destination_external_key_unique"):
            raise
        raise ExternalKeyTaken from None


def _breaks(error: IntegrityError, constraint: str) -> bool:
    """Is it the constraint whose name begins so? Django gives foreign keys a suffix."""
    cause = error.__cause__
    return isinstance(cause, Error) and (cause.diag.constraint_name or "").startswith(constraint)


def _read_key(row: Destination) -> str:
    return row.external_key or str(row.pk)


def _record(row: Destination, *, created_by: Caller) -> None:
    document = {name: getattr(row, name) for name in _DOCUMENT_FIELDS}
    record_revision(
        workspace_id=row.workspace_id,
        kind=_REVISION_KIND,
        external_key=_read_key(row),
        document={**document, "trigger_id": str(row.trigger_id)},
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

"""Bulk operations: asked for, advanced in small commits, cancelled.

An item and the operation's position are written in one commit, so that a process that dies in
between does no item twice and leaves none out.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from console.models import Operation
from console.rules.operations import CANCELLED, COMPLETED, RUNNING
from console.services.bulk import BULK_KINDS
from workspaces.rules.callers import Caller
from workspaces.rules.problems import Conflict, FieldError, NotFound, ServiceError, refuse_field
from workspaces.rules.times import parse_time, render_time

MAX_ITEMS = 100_000
BATCH_SIZE = 20
MAX_FAILURES = 20
_TIMES = ("since", "until")


def estimate_operation(*, workspace_id: UUID, kind: str, filters: Mapping[str, Any]) -> int:
    """How many items the operation would touch.

    Raises:
        Unprocessable: more than one operation may have.
    """
    total = BULK_KINDS[kind].find(workspace_id, filters).order_by()[: MAX_ITEMS + 1].count()
    if total > MAX_ITEMS:
        detail = f"The filter finds more than {MAX_ITEMS} items; narrow it down."
        raise refuse_field("/filter", code="too_many", detail=detail)
    return total


def create_operation(
    *, workspace_id: UUID, kind: str, filters: Mapping[str, Any], caller: Caller, now: dt.datetime
) -> Operation:
    """Ask for ``kind`` over everything that ``filters`` find now; Beat's tasks do it.

    Raises:
        Unprocessable: the filter finds too much.
    """
    total = estimate_operation(workspace_id=workspace_id, kind=kind, filters=filters)
    found = BULK_KINDS[kind].find(workspace_id, filters)
    newest = found.order_by("-id").values_list("id", flat=True).first()
    return Operation.objects.create(
        workspace_id=workspace_id,
        kind=kind,
        filter=store_filters(filters),
        status=RUNNING if total else COMPLETED,
        total_count=total,
        last_item_id=newest,
        created_by=str(caller),
        created_at=now,
        advanced_at=now,
        ended_at=None if total else now,
    )


def list_operations(workspace_id: UUID, *, kind: str | None = None) -> QuerySet[Operation]:
    """The workspace's operations."""
    found = Operation.objects.filter(workspace_id=workspace_id)
    return found if kind is None else found.filter(kind=kind)


def find_operation(*, workspace_id: UUID, operation_id: UUID) -> Operation:
    """One operation.

    Raises:
        NotFound: the workspace has none of that id.
    """
    operation = list_operations(workspace_id).filter(id=operation_id).first()
    if operation is None:
        raise NotFound("There is no such operation.")
    return operation


def cancel_operation(*, workspace_id: UUID, operation_id: UUID, now: dt.datetime) -> Operation:
    """Stop an operation: what it did stays done, the rest is left alone.

    Raises:
        NotFound: the workspace has none of that id.
        Conflict: it has ended.
    """
    with transaction.atomic():
        # Waits for the batch in hand, which is counted.
        mine = list_operations(workspace_id).filter(id=operation_id)
        operation = mine.select_for_update(no_key=True).first()
        if operation is None:
            raise NotFound("There is no such operation.")
        if operation.status != RUNNING:
            detail = f"The operation has ended: it is {operation.status}."
            raise Conflict(detail, errors=[FieldError("/status", "operation_ended", detail)])
        operation.status, operation.ended_at = CANCELLED, now
        operation.save(update_fields=["status", "ended_at"])
    return operation


def advance_operations(*, now: dt.datetime, max_batches: int = 200) -> int:
    """Do the next items of whichever operations wait; how many. Any number of processes may."""
    done = 0
    for _ in range(max_batches):
        with transaction.atomic():
            waiting = Operation.objects.filter(status=RUNNING).order_by("advanced_at")
            operation = waiting.select_for_update(skip_locked=True, no_key=True).first()
            if operation is None:
                return done
            done += _advance(operation, now=now)
    return done


def store_filters(filters: Mapping[str, Any]) -> dict[str, Any]:
    """The filters as JSON holds them."""
    return {name: _store(value) for name, value in filters.items() if value is not None}


def _advance(operation: Operation, *, now: dt.datetime) -> int:
    kind = BULK_KINDS[operation.kind]
    items = kind.find(operation.workspace_id, _read_filters(operation.filter))
    items = items.filter(id__lte=operation.last_item_id)
    if operation.position is not None:
        items = items.filter(id__gt=operation.position)
    ids = list(items.order_by("id").values_list("id", flat=True)[:BATCH_SIZE])
    for item_id in ids:
        _apply(operation, item_id, now=now)
    if len(ids) < BATCH_SIZE:
        operation.status, operation.ended_at = COMPLETED, now
    else:
        operation.position = ids[-1]
    # Postgres' order of waiting must differ from batch to batch, whatever ``now`` says.
    operation.advanced_at = max(now, operation.advanced_at + dt.timedelta(microseconds=1))
    operation.save()
    return len(ids)


def _apply(operation: Operation, item_id: UUID, *, now: dt.datetime) -> None:
    kind, _, caller_id = operation.created_by.partition(":")
    caller = Caller(
        kind="user" if kind == "user" else "key",
        id=caller_id,
        workspace_id=operation.workspace_id,
        scopes=frozenset({BULK_KINDS[operation.kind].scope}),
        is_operator=False,
    )
    try:
        with transaction.atomic():
            BULK_KINDS[operation.kind].apply(operation.workspace_id, item_id, caller, now)
    except ServiceError as error:
        operation.failed_count += 1
        if len(operation.failures) < MAX_FAILURES:
            operation.failures.append(
                {"id": str(item_id), "code": error.code, "detail": str(error)}
            )
    else:
        operation.succeeded_count += 1


def _store(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return render_time(value)
    return str(value) if isinstance(value, UUID) else value


def _read_filters(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {name: parse_time(value) if name in _TIMES else value for name, value in stored.items()}

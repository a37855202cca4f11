"""Bulk operations as the API shows them."""

from typing import Any, Protocol

from workspaces.rules.times import render_time

RUNNING, COMPLETED, CANCELLED = "running", "completed", "cancelled"
STATUSES = (RUNNING, COMPLETED, CANCELLED)
KINDS = ("replay", "rerun", "cancel")


class StoredOperation(Protocol):
    """An operation as it was read from the database."""

    id: Any
    workspace_id: Any
    kind: Any
    filter: Any
    status: Any
    total_count: Any
    succeeded_count: Any
    failed_count: Any
    failures: Any
    created_by: Any
    created_at: Any
    ended_at: Any


def render_operation(operation: StoredOperation) -> dict[str, Any]:
    """An operation with its progress: 0 to 1, and 1 only when it is completed."""
    return {
        "id": str(operation.id),
        "workspace_id": str(operation.workspace_id),
        "kind": operation.kind,
        "filter": operation.filter,
        "status": operation.status,
        "progress": _measure_progress(operation),
        "counts": {
            "total": operation.total_count,
            "succeeded": operation.succeeded_count,
            "failed": operation.failed_count,
        },
        "failures": operation.failures,
        "created_by": operation.created_by,
        "created_at": render_time(operation.created_at),
        "ended_at": render_time(operation.ended_at),
    }


def render_estimate(*, kind: str, filters: dict[str, Any], total: int) -> dict[str, Any]:
    """What a dry run found, and did not touch."""
    return {"kind": kind, "filter": filters, "dry_run": True, "counts": {"total": total}}


def _measure_progress(operation: StoredOperation) -> float:
    if operation.status == COMPLETED:
        return 1.0
    done = operation.succeeded_count + operation.failed_count
    # What the filter found may end meanwhile by itself: the total is an estimate.
    return min(0.99, round(done / operation.total_count, 4)) if operation.total_count else 0.0

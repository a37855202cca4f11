"""Backfills: their words, and the order in which their slots are started."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, get_args
from uuid import UUID

from workspaces.rules.times import render_time

Mode = Literal["only_missed", "all"]
Order = Literal["oldest", "newest"]
MODES: tuple[Mode, ...] = get_args(Mode)
ORDERS: tuple[Order, ...] = get_args(Order)

RUNNING, COMPLETED, CANCELLED = "running", "completed", "cancelled"
STATUSES = (RUNNING, COMPLETED, CANCELLED)

MAX_SLOTS = 10_000
MAX_ACTIVE = 100
DEFAULT_MAX_ACTIVE = 5


class StoredBackfill(Protocol):
    """A backfill as it was read."""

    id: UUID
    workspace_id: UUID
    trigger_id: UUID
    from_at: datetime
    to_at: datetime
    mode: str
    order: str
    max_active: int
    status: str
    slot_count: int
    position: int
    active_run_ids: list[UUID]
    skipped_count: int
    refused_count: int
    completed_count: int
    failed_count: int
    cancelled_count: int
    created_by: str
    cancelled_by: str | None
    created_at: datetime
    ended_at: datetime | None


def choose_slots(
    slots: Sequence[datetime], *, fired: Collection[datetime], mode: str, order: str
) -> list[datetime]:
    """Those of the ascending ``slots`` that are to be started, in the order of starting."""
    chosen = [slot for slot in slots if mode == "all" or slot not in fired]
    return chosen if order == "oldest" else chosen[::-1]


def render_backfill(backfill: StoredBackfill) -> dict[str, Any]:
    """The whole backfill with its progress, without the slots themselves."""
    return {
        "id": str(backfill.id),
        "workspace_id": str(backfill.workspace_id),
        "trigger_id": str(backfill.trigger_id),
        "from": render_time(backfill.from_at),
        "to": render_time(backfill.to_at),
        "mode": backfill.mode,
        "order": backfill.order,
        "max_active": backfill.max_active,
        "status": backfill.status,
        "progress": _measure_progress(backfill),
        "counts": _count(backfill),
        "created_by": backfill.created_by,
        "cancelled_by": backfill.cancelled_by,
        "created_at": render_time(backfill.created_at),
        "ended_at": render_time(backfill.ended_at),
    }


def _count(backfill: StoredBackfill) -> dict[str, int]:
    counts = {
        "skipped": backfill.skipped_count,
        "pending": backfill.slot_count - backfill.position,
        "active": len(backfill.active_run_ids),
        "completed": backfill.completed_count,
        "failed": backfill.failed_count,
        "cancelled": backfill.cancelled_count,
        "refused": backfill.refused_count,
    }
    # Every slot of the range is exactly one of these.
    return {"slots": sum(counts.values()), **counts}


def _measure_progress(backfill: StoredBackfill) -> float:
    if backfill.slot_count == 0:
        return 1.0
    done = backfill.position - len(backfill.active_run_ids)
    return round(done / backfill.slot_count, 4)

"""What can be done in bulk: one row per kind of operation."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from runs.services import cancel_run, list_runs, rerun_run
from webhooks.services import list_deliveries, replay_delivery
from workspaces.rules.callers import Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkKind:
    """``find`` lists what the filters mean; ``apply`` does the verb to one of it, and raises a
    ServiceError where it cannot. ``scope`` is what the caller needs.
    """

    scope: str
    find: Callable[[UUID, Mapping[str, Any]], QuerySet[Any]]
    apply: Callable[[UUID, UUID, Caller, dt.datetime], object]


def _find_runs(workspace_id: UUID, filters: Mapping[str, Any]) -> QuerySet[Any]:
    others = {name: value for name, value in filters.items() if name != "status"}
    return list_runs(workspace_id, statuses=filters.get("status", ()), **others)


def _rerun(workspace_id: UUID, run_id: UUID, caller: Caller, now: dt.datetime) -> object:
    return rerun_run(workspace_id=workspace_id, run_id=run_id, caller=caller, now=now)


def _cancel(workspace_id: UUID, run_id: UUID, caller: Caller, now: dt.datetime) -> object:
    return cancel_run(workspace_id=workspace_id, run_id=run_id, caller=caller, now=now)


def _find_deliveries(workspace_id: UUID, filters: Mapping[str, Any]) -> QuerySet[Any]:
    others = {name: value for name, value in filters.items() if name != "status"}
    return list_deliveries(workspace_id=workspace_id, statuses=filters.get("status", []), **others)


def _replay(workspace_id: UUID, delivery_id: UUID, caller: Caller, now: dt.datetime) -> object:
    return replay_delivery(
        workspace_id=workspace_id, delivery_id=delivery_id, caller=caller, now=now
    )


BULK_KINDS: dict[str, BulkKind] = {
    "replay": BulkKind(scope="destinations:write", find=_find_deliveries, apply=_replay),
    "rerun": BulkKind(scope="runs:write", find=_find_runs, apply=_rerun),
    "cancel": BulkKind(scope="runs:write", find=_find_runs, apply=_cancel),
}

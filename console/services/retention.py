"""Retention: every class of history, and how what is older than its days goes."""

import datetime as dt
from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol

import structlog
from django.db import DatabaseError, connection

from actions.services import find_oldest_pending_chain, prune_calls
from console.models import Operation
from console.rules.operations import RUNNING
from events.rules.ids import lowest_id, read_id_time
from events.services import drop_old_partitions
from runs.services import find_oldest_live_chain, prune_runs
from triggers.services import prune_backfills, prune_fires
from webhooks.services import forget_requests
from workspaces.services import delete_in_batches, find_bound

log = structlog.get_logger(__name__)


class Prune(Protocol):
    """Removes what is older, a short transaction at a time; yields after each what went."""

    def __call__(self, *, before: dt.datetime) -> Iterator[object]: ...


def prune_history(*, now: dt.datetime, is_time_up: Callable[[], bool]) -> dict[str, int]:
    """Let go what is older than ``CLOCKHOOK_KEEP_…_DAYS`` until all of it has gone or the time is
    up; how much went of each class. What has not ended stays.

    Any number of processes may do it at once, and it goes on where it was stopped. Call it outside
    a transaction.
    """
    gone: dict[str, int] = {}
    for name, prune in CLASSES.items():
        before = find_bound(name, now=now)
        if before is None or is_time_up():
            continue
        try:
            count = _prune(prune, before=before, is_time_up=is_time_up)
        except DatabaseError:
            # It holds up no other class, and comes again.
            log.exception("history_not_pruned", history=name)
            connection.close()
        else:
            if count:
                gone[name] = count
    return gone


def _prune(prune: Prune, *, before: dt.datetime, is_time_up: Callable[[], bool]) -> int:
    total = 0
    for went in prune(before=before):
        total += went if isinstance(went, int) else 1
        if is_time_up():
            break
    return total


def _prune_operations(*, before: dt.datetime) -> Iterator[int]:
    ended = Operation.objects.filter(id__lt=lowest_id(before)).exclude(status=RUNNING)
    yield from delete_in_batches(ended)


def _drop_events(*, before: dt.datetime) -> Iterator[str]:
    """Whole days, and none since the beginning of a chain that goes on."""
    chains = [find_oldest_live_chain(), find_oldest_pending_chain()]
    begun = [read_id_time(chain) for chain in chains if chain is not None and chain.version == 7]
    oldest = min(begun, default=before)
    if oldest < before:
        log.warning("events_held_by_a_live_chain", since=oldest.isoformat())
    yield from drop_old_partitions(table="events_event", before=min(before, oldest))


# What speaks of something goes before it.
CLASSES: dict[str, Prune] = {
    "requests": forget_requests,
    "deliveries": partial(drop_old_partitions, table="webhooks_delivery"),
    "operations": _prune_operations,
    "backfills": prune_backfills,
    "calls": prune_calls,
    "fires": prune_fires,
    "runs": prune_runs,
    "events": _drop_events,
}

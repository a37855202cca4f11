"""How far back the ledger of fires reaches, and what goes when its time is over."""

import datetime as dt
from collections.abc import Collection, Iterator
from uuid import UUID

from django.db.models import Min

from events.rules.ids import lowest_id
from runs.services import LIVE, read_statuses
from triggers.models import Backfill, Fire
from triggers.rules.backfills import RUNNING
from workspaces.services import delete_in_batches, find_bound, note_pruned, read_pruned_before

_FIRES = "fires"


def prune_fires(*, before: dt.datetime) -> Iterator[int]:
    """Delete the fires that were recorded earlier; yields how many after each batch.

    Fires whose run has not ended stay, and all that a running backfill may ask for.
    """
    asked_for = Backfill.objects.filter(status=RUNNING).aggregate(oldest=Min("from_at"))["oldest"]
    before = before if asked_for is None else min(before, asked_for)
    note_pruned(_FIRES, before=before)
    yield from delete_in_batches(
        Fire.objects.filter(id__lt=lowest_id(before)), spare=_find_unfinished
    )


def prune_backfills(*, before: dt.datetime) -> Iterator[int]:
    """Delete the backfills that are over and were asked for earlier."""
    over = Backfill.objects.filter(id__lt=lowest_id(before)).exclude(status=RUNNING)
    yield from delete_in_batches(over)


def find_ledger_start(*, now: dt.datetime) -> dt.datetime | None:
    """Fires recorded earlier than this are gone or about to go; None: the ledger is whole."""
    bounds = [
        bound
        for bound in (read_pruned_before(_FIRES), find_bound(_FIRES, now=now))
        if bound is not None
    ]
    return max(bounds, default=None)


def _find_unfinished(fire_ids: Collection[UUID]) -> set[UUID]:
    fires = Fire.objects.filter(id__in=fire_ids, run_id__isnull=False)
    run_ids = dict(fires.values_list("id", "run_id"))
    statuses = read_statuses({run_id for run_id in run_ids.values() if run_id is not None})
    return {
        fire_id
        for fire_id, run_id in run_ids.items()
        if run_id is not None and statuses.get(run_id) in LIVE
    }

"""How long history is kept, and deleting what is older without holding up anybody."""

import datetime as dt
from collections.abc import Callable, Collection, Iterator
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from workspaces.models import PrunedHistory

BATCH_SIZE = 5000

_NOTE = """
INSERT INTO workspaces_prunedhistory AS noted (name, before) VALUES (%(name)s, %(before)s)
ON CONFLICT (name) DO UPDATE SET before = EXCLUDED.before WHERE noted.before < EXCLUDED.before
"""


def find_bound(name: str, *, now: dt.datetime) -> dt.datetime | None:
    """What is older than this is not kept, says ``CLOCKHOOK_KEEP_<NAME>_DAYS``; None: all is."""
    days: int = settings.CLOCKHOOK_KEEP_DAYS[name]
    return now - dt.timedelta(days=days) if days else None


def read_pruned_before(name: str) -> dt.datetime | None:
    """What is older than this may have been pruned already; None: nothing was."""
    return PrunedHistory.objects.filter(name=name).values_list("before", flat=True).first()


def note_pruned(name: str, *, before: dt.datetime) -> None:
    """Write down that what is older may be gone, before it goes. It never moves back."""
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, {"name": name, "before": before})


def delete_in_batches(
    rows: QuerySet[Any], *, spare: Callable[[Collection[UUID]], Collection[UUID]] | None = None
) -> Iterator[int]:
    """Delete ``rows`` in the order of their ids, up to 5,000 per transaction; yields after each how
    many went. Rows that somebody holds are passed over, and those whose ids ``spare`` returns.

    Nothing may reference them: what hangs on a row is not looked for in batches.
    """
    after = UUID(int=0)
    while True:
        with transaction.atomic():
            # From behind the last batch: its dead rows, and what was spared, are not walked again.
            batch = rows.filter(id__gt=after).order_by("id").select_for_update(skip_locked=True)
            ids: list[UUID] = list(batch.values_list("id", flat=True)[:BATCH_SIZE])
            going = set(ids) - set(spare(ids) if spare is not None and ids else ())
            # Sorted, as everybody does who takes several rows: nobody waits in a circle.
            rows.filter(id__in=sorted(going)).delete()
        yield len(going)
        if len(ids) < BATCH_SIZE:
            return
        after = ids[-1]

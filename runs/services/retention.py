"""Runs that have ended long ago go; those that have not stay, however old."""

import datetime as dt
from collections.abc import Iterator
from uuid import UUID

from django.db import connection

from events.rules.ids import lowest_id
from runs.models import Run
from runs.rules import states
from workspaces.services import delete_in_batches

# One half for each of the partial indexes on live runs: none of them reads what has ended.
OLDEST_LIVE_CHAIN = """
SELECT chain_id FROM (
    SELECT chain_id FROM runs_run WHERE status IN ('running', 'delegated')
  UNION ALL
    SELECT chain_id FROM runs_run
    WHERE status = 'queued' AND lost_leases = 0 AND waits_for IS NULL
  UNION ALL
    SELECT chain_id FROM runs_run WHERE status = 'queued' AND lost_leases > 0
  UNION ALL
    SELECT chain_id FROM runs_run WHERE status = 'queued' AND waits_for IS NOT NULL
) live ORDER BY chain_id LIMIT 1
"""


def prune_runs(*, before: dt.datetime) -> Iterator[int]:
    """Delete the ended runs that were made earlier; yields how many after each batch."""
    ended = Run.objects.filter(id__lt=lowest_id(before), status__in=sorted(states.TERMINAL))
    yield from delete_in_batches(ended)


def find_oldest_live_chain() -> UUID | None:
    """The earliest chain that a run which has not ended belongs to; None when all have ended."""
    with connection.cursor() as cursor:
        cursor.execute(OLDEST_LIVE_CHAIN)
        row: tuple[UUID] | None = cursor.fetchone()
    return None if row is None else row[0]

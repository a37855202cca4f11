"""What was received byte for byte is kept for a while; the ledger's row of it stays longer."""

import datetime as dt
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from events.rules.ids import lowest_id, read_id_time
from workspaces.services import note_pruned, read_pruned_before

BATCH_SIZE = 5000
_REQUESTS = "requests"

# The bounds are said twice: that is how the planner knows which partitions the update is about.
_FORGET = """
WITH batch AS MATERIALIZED (
    SELECT id FROM webhooks_delivery WHERE id > %(after)s AND id < %(end)s
    ORDER BY id LIMIT %(limit)s
), forgotten AS (
    UPDATE webhooks_delivery d SET body = NULL FROM batch
    WHERE d.id = batch.id AND d.id > %(after)s AND d.id < %(end)s AND d.body IS NOT NULL
    RETURNING 1
)
SELECT (SELECT count(*) FROM batch), (SELECT id FROM batch ORDER BY id DESC LIMIT 1),
    (SELECT count(*) FROM forgotten)
"""


def forget_requests(*, before: dt.datetime) -> Iterator[int]:
    """Delete the requests of deliveries that came earlier; yields how many after each batch.

    It goes on where it stopped the last time, so that nothing is walked twice.
    """
    start = read_pruned_before(_REQUESTS)
    after, end = UUID(int=0) if start is None else lowest_id(start), lowest_id(before)
    while after < end:
        with transaction.atomic(), connection.cursor() as cursor:
            parameters: dict[str, Any] = {"after": after, "end": end, "limit": BATCH_SIZE}
            cursor.execute(_FORGET, parameters)
            seen, last, count = cursor.fetchone()
            is_last = seen < BATCH_SIZE
            note_pruned(_REQUESTS, before=before if is_last else read_id_time(last))
        yield count
        after = end if is_last else last

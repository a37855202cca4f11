"""A backlog, worked off by two claims at once: while one is planned, Postgres writes the other."""

import time
from concurrent.futures import ThreadPoolExecutor

from django.db import connection

from triggers.services.due import DueBatch, fire_due_triggers


def fire_backlog(batches: list[DueBatch], *, seconds: float) -> None:
    """Claim batch after batch until one is not full, or for so many ``seconds``; append each to
    ``batches`` when it has committed.

    What a first full batch leaves is claimed by a thread, too, with a connection of its own that
    is given back at the end. No thread outlives the call, and the errors of both are raised here.
    """
    until = time.monotonic() + seconds
    batches.append(fire_due_triggers())
    if not batches[-1].is_full:
        return
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="claims") as executor:
        other = executor.submit(_claim_beside, batches, until)
        _claim_on(batches, until)
    other.result()


def _claim_on(batches: list[DueBatch], until: float) -> None:
    is_full = True
    while is_full and time.monotonic() < until:
        batch = fire_due_triggers()
        batches.append(batch)
        is_full = batch.is_full


def _claim_beside(batches: list[DueBatch], until: float) -> None:
    try:
        _claim_on(batches, until)
    finally:
        connection.close()

"""What the console has done by the clock, on the default queue `system`."""

import datetime as dt
import time
from typing import Any

import structlog
from celery import shared_task

from console.services import operations, retention

log = structlog.get_logger(__name__)

# Shorter than the time to the next one.
PRUNE_SECONDS = 240.0


@shared_task
def advance_operations(**_: Any) -> None:
    """Do the next items of bulk operations."""
    operations.advance_operations(now=dt.datetime.now(dt.UTC))


@shared_task
def prune_history(**_: Any) -> None:
    """Let go the history whose days are over; what is left after four minutes waits."""
    ends_at = time.monotonic() + PRUNE_SECONDS
    gone = retention.prune_history(
        now=dt.datetime.now(dt.UTC), is_time_up=lambda: time.monotonic() >= ends_at
    )
    if gone:
        log.info("history_pruned", **gone)

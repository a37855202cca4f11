"""What the console has done by the clock, on the default queue `system`."""

import datetime as dt
from typing import Any

from celery import shared_task

from console.services import operations


@shared_task
def advance_operations(**_: Any) -> None:
    """Do the next items of bulk operations."""
    operations.advance_operations(now=dt.datetime.now(dt.UTC))

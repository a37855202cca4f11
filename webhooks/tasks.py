"""What webhooks have done by the clock, on the default queue `system`."""

import datetime as dt
from typing import Any

from celery import shared_task

from webhooks.services import confirm_due_subscriptions
from webhooks.services import prune_dedupe_keys as prune


@shared_task
def confirm_subscriptions(**_: Any) -> None:
    """Visit the addresses that Amazon SNS waits for."""
    confirm_due_subscriptions(now=dt.datetime.now(dt.UTC))


@shared_task
def prune_dedupe_keys(**_: Any) -> None:
    """Forget delivery keys past their time."""
    prune(now=dt.datetime.now(dt.UTC))

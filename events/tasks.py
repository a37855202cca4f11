"""Housekeeping of the ledger, on the default queue `system`."""

import datetime as dt

import structlog
from celery import shared_task

from events import services

logger = structlog.get_logger(__name__)


@shared_task
def create_partitions(**_: object) -> None:
    """Keep thirty days of partitions ahead. Every run mends what an earlier one missed."""
    created = services.create_missing_partitions(today=dt.datetime.now(dt.UTC).date())
    if created:
        logger.info("partitions_created", partitions=created)


@shared_task
def analyze_tables(**_: object) -> None:
    """Refresh the planner's statistics of the partitioned tables."""
    services.analyze_tables()

"""Make the ledger's partitions by hand: what the hourly task does, further ahead if wanted."""

import argparse
import datetime as dt
from typing import Any

from django.core.management.base import BaseCommand

from events import services


def parse_days(text: str) -> int:
    """An argument between 1 and 3,650."""
    days = int(text)
    if not 1 <= days <= 3650:
        raise argparse.ArgumentTypeError("between 1 and 3650 days")
    return days


class Command(BaseCommand):
    help = "Make the missing partitions of events and deliveries."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--days-ahead", type=parse_days, default=30)

    def handle(self, *_args: Any, days_ahead: int, **_options: Any) -> None:
        """Print the names of the new partitions, one a line."""
        today = dt.datetime.now(dt.UTC).date()
        for name in services.create_missing_partitions(today=today, days_ahead=days_ahead):
            self.stdout.write(name)

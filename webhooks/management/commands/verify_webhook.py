"""The signature doctor on the command line: cases in, verdicts out, one JSON object per line."""

import datetime as dt
import json
import sys
from typing import Any

from django.core.management.base import BaseCommand

from webhooks.services import Examination, examine_case, fetch_certificate


class Command(BaseCommand):
    help = "Read cases as JSON lines from standard input and print a verdict for each."
    requires_system_checks = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Print one line per case, whatever is in it; the exit code is 0."""
        for line in sys.stdin.buffer:
            if line.strip():
                self.stdout.write(json.dumps(examine_line(line)))


def examine_line(line: bytes) -> dict[str, Any]:
    """The verdict on one line."""
    try:
        case = json.loads(line)
    except (ValueError, RecursionError):
        broken = Examination(valid=False, cause="config_invalid", detail="The line is not JSON.")
        return broken.as_json()
    try:
        now = dt.datetime.now(dt.UTC)
        return examine_case(case, now=now, fetch=fetch_certificate).as_json()
    except Exception as error:  # noqa: BLE001 - the next case deserves its verdict, too
        failed = Examination(valid=False, cause="internal", detail=type(error).__name__)
        return failed.as_json()

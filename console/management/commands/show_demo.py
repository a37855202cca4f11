"""``make demo``: a few leads at the running stack, and their chains as they grow."""

import argparse
import datetime as dt
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from console.services import demo
from console.services.bootstrap import NoStackError, refuse_silence

_KEY_LASTS = dt.timedelta(hours=1)


class Command(BaseCommand):
    help = "Post leads to the running stack and print their chains; seeds the demo when it lacks."
    requires_system_checks = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--workspace-name", default="demo")
        parser.add_argument("--days", type=int, default=7, help="history, when it is seeded now")
        parser.add_argument("--seconds", type=float, default=120, help="how long to watch at most")

    def handle(
        self, *_args: Any, workspace_name: str, days: int, seconds: float, **_options: Any
    ) -> None:
        """Exit code 1 and one sentence where no stack answers, or a chain has not ended in time."""
        now = timezone.now()
        base_url: str = settings.CLOCKHOOK_BASE_URL
        try:
            refuse_silence(base_url)
            made = demo.seed_demo(workspace_name=workspace_name, days=days, now=now)
            if made.is_new:
                self.stdout.write(f"Made the workspace {made.slug} with {days} days of history.")
            has_ended = demo.show_leads(
                root_url=f"{base_url}/v1/{made.workspace_id}",
                api_key=demo.open_demo(made, name="make demo", expires_at=now + _KEY_LASTS),
                say=self._say,
                seconds=seconds,
            )
        except (NoStackError, demo.NotTheDemo, demo.DemoFailed) as error:
            raise CommandError(str(error)) from error
        if not has_ended:
            raise CommandError(f"Not every chain has ended within {seconds:g} s.")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

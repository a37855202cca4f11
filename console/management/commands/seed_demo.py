"""A workspace to look at: definitions of every sort, and the days that lie behind them."""

import argparse
import dataclasses
import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from console.services import demo


class Command(BaseCommand):
    help = "Make the demonstration's workspace with its history, once; prints what it made."
    requires_system_checks = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--workspace-name", default="demo")
        parser.add_argument("--days", type=int, default=7, help="how much history, 1 to 30")
        parser.add_argument("--json", action="store_true", help="one line of JSON on stdout")

    def handle(
        self, *_args: Any, workspace_name: str, days: int, json: bool, **_options: Any
    ) -> None:
        """A second time it changes nothing; key and secret are shown the first time only."""
        if not 1 <= days <= demo.MAX_DAYS:
            raise CommandError(f"--days is a number from 1 to {demo.MAX_DAYS}.")
        try:
            made = demo.seed_demo(workspace_name=workspace_name, days=days, now=timezone.now())
        except demo.NotTheDemo as error:
            raise CommandError(str(error)) from error
        self.stdout.write(_render_json(made) if json else _render_text(made))


def _render_json(made: demo.Demo) -> str:
    facts = dataclasses.asdict(made)
    return json.dumps(facts | {"workspace_id": str(made.workspace_id), **_name_urls(made)})


def _render_text(made: demo.Demo) -> str:
    lines = [f"workspace    {made.slug} {made.workspace_id}"]
    if not made.is_new:
        return "\n".join([*lines, "It was there already: nothing was changed."])
    lines += [
        f"{name:<12} " + ", ".join(f"{count} {status}" for status, count in counts.items())
        for name, counts in made.made.items()
    ]
    urls = _name_urls(made)
    lines += [
        f"CRM posts to {urls['destination_url']}",
        f"CRM secret   {made.destination_secret}   (shown once)",
        f"API key      {made.api_key}   (shown once)",
    ]
    return "\n".join(lines)


def _name_urls(made: demo.Demo) -> dict[str, str | None]:
    base_url: str = settings.CLOCKHOOK_BASE_URL
    path = made.destination_path
    return {
        "base_url": base_url,
        "destination_url": None if path is None else f"{settings.CLOCKHOOK_PUBLIC_URL}{path}",
    }

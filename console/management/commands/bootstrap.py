"""Access to a running stack for whoever sits at its machine."""

import argparse
import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from console.services import bootstrap


class Command(BaseCommand):
    help = "Mint a key for the running stack and print how to reach it."
    requires_system_checks = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one line of JSON on stdout")
        parser.add_argument(
            "--operator", action="store_true", help="an operator's key instead of a workspace's"
        )

    def handle(self, *_args: Any, json: bool, operator: bool, **_options: Any) -> None:
        """Print the access; exit code 1 and one sentence on stderr where no stack answers."""
        base_url: str = settings.CLOCKHOOK_BASE_URL
        try:
            access = bootstrap.grant_access(
                base_url=base_url,
                password_file=settings.CLOCKHOOK_DATA / "secrets" / "admin_password",
                is_operator=operator,
            )
        except bootstrap.NoStackError as error:
            raise CommandError(str(error)) from error
        facts = {
            "base_url": base_url,
            "workspace_id": str(access.workspace_id),
            "api_key": access.api_key,
            "admin_username": access.admin_username,
            "admin_password": access.admin_password,
            "database_url": settings.DATABASE_URL,
            "redis_url": settings.REDIS_URL,
        }
        self.stdout.write(_render_json(facts) if json else _render_text(facts))


def _render_json(facts: dict[str, str | None]) -> str:
    return json.dumps(facts)


def _render_text(facts: dict[str, str | None]) -> str:
    return "\n".join(f"{name:<15} {value or 'not kept here'}" for name, value in facts.items())

"""What a database needs before the first request: tables, partitions, a workspace, an admin.

The supervisor calls this at every start; an installation of its own calls it at every release.
"""

import datetime as dt
import json
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from console.services.bootstrap import seed_first_workspace
from events.services import create_missing_partitions


class Command(BaseCommand):
    help = "Migrate, make partitions, seed what is missing; prints one line of JSON."
    requires_system_checks = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Every step changes nothing where it was done before.

        ``api_key`` is empty unless the workspace is new; the admin's password stays in its file.
        """
        call_command("migrate", interactive=False, verbosity=0)
        create_missing_partitions(today=dt.datetime.now(dt.UTC).date())
        access = seed_first_workspace(
            password_file=settings.CLOCKHOOK_DATA / "secrets" / "admin_password"
        )
        facts = {
            "workspace_id": str(access.workspace_id),
            "admin_username": access.admin_username,
            "api_key": access.api_key or "",
        }
        self.stdout.write(json.dumps(facts))

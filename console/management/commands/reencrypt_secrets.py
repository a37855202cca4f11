"""After a new encryption key was put in front: bring everything under it, then drop the old one."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from console.services.reencryption import reencrypt_all, take_census
from workspaces.services import Reencryption, list_key_ids


class Command(BaseCommand):
    help = "Encrypt with the first of CLOCKHOOK_ENCRYPTION_KEYS whatever is not under it yet."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--batch-size", type=int, default=100, help="rows per step (100)")
        parser.add_argument("--dry-run", action="store_true", help="only count, by key")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print a line per kind of secret; fails when one of them cannot be read."""
        first, *others = list_key_ids()
        self.stdout.write(f"The first key is {first}; then {', '.join(others) or 'no other'}.")
        if options["dry_run"]:
            self._count()
            return
        if options["batch_size"] < 1:
            raise CommandError("A batch has at least one row.")
        unreadable = 0
        for name, done in reencrypt_all(batch_size=options["batch_size"], report=self._report):
            unreadable += done.unreadable
            self.stdout.write(_describe(name, done))
        if unreadable:
            raise CommandError(
                f"No configured key reads {unreadable} of them: keep looking for it."
            )
        waiting = sum(census.waiting for census in take_census())
        if waiting:
            detail = "restart the processes that still use an old key, then run this again"
            raise CommandError(f"{waiting} were written under another key meanwhile: {detail}.")
        self.stdout.write("Everything is under the first key: the others may be removed.")

    def _count(self) -> None:
        for census in take_census():
            counts = ", ".join(f"{number} under {key}" for key, number in census.by_key.items())
            self.stdout.write(f"{census.name}: {counts or 'none'}; {census.waiting} to do")

    def _report(self, name: str, done: Reencryption) -> None:
        self.stderr.write(_describe(name, done))


def _describe(name: str, done: Reencryption) -> str:
    return f"{name}: {done.reencrypted} re-encrypted, {done.unreadable} unreadable"

"""Making a database ready before the first child starts."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

from config import environment
from config.stack import postgres
from config.stack.children import ChildSpec
from config.stack.errors import StackError
from config.stack.supervisor import Supervisor

_DATABASE_SECONDS = 30.0
_LOCK_SECONDS = 600.0
# Two stacks on one database prepare it in turn; the number only has to be ours alone.
_LOCK = 0x636C6F636B04


@dataclass(frozen=True, kw_only=True)
class Seed:
    """Whom and what a new user needs to know. ``api_key`` is empty unless the database was new."""

    workspace_id: str
    admin_username: str
    api_key: str


def prepare_database(supervisor: Supervisor, env: Mapping[str, str]) -> Seed:
    """Migrate, make partitions and seed: ``manage.py prepare_database``, one stack at a time.

    Raises: StackError, StopRequested.
    """
    url = env["DATABASE_URL"]
    if not supervisor.wait_until(lambda: not postgres.find_fault(url), seconds=_DATABASE_SECONDS):
        raise StackError(f"The database does not answer: {postgres.find_fault(url)}")
    with psycopg.connect(url, autocommit=True) as connection:
        if not supervisor.wait_until(lambda: _lock_database(connection), seconds=_LOCK_SECONDS):
            raise StackError("Another stack has been preparing the same database for too long.")
        answer = supervisor.run_step(
            ChildSpec(
                name="prepare",
                command=[sys.executable, "manage.py", "prepare_database"],
                env=env,
                cwd=environment.CHECKOUT,
            )
        )
    return Seed(**json.loads(answer.splitlines()[-1]))


def _lock_database(connection: psycopg.Connection) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
    return row is not None and bool(row[0])

"""Real Postgres always. The append-only guard against TRUNCATE is taken off the test database alone."""

from collections.abc import Iterator

import pytest
from django.db import connection


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """Nothing to modify: the database's name already carries the worker's."""


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None, django_db_blocker: pytest.FixtureRequest
) -> Iterator[None]:
    """Transactional tests flush by TRUNCATE, which events refuse everywhere else."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'events_event'::regclass"
            )
            for (partition,) in cursor.fetchall():
                cursor.execute(f"DROP TRIGGER append_only_truncate ON {partition}")
    yield

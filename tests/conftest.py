"""Real Postgres always. The guard against TRUNCATE is taken off the test database alone."""

import importlib

import pytest
from django.apps import apps
from django.db import connection
from pytest_django import DjangoDbBlocker

# The Celery app in the settings' shape is the default one, as in every process of the product.
import config.celery  # noqa: F401


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Transactional tests flush by TRUNCATE, which events refuse everywhere else."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " WHERE inhparent = 'events_event'::regclass"
        )
        for (partition,) in cursor.fetchall():
            cursor.execute(f"DROP TRIGGER IF EXISTS append_only_truncate ON {partition}")


@pytest.fixture(autouse=True)
def seeds(request: pytest.FixtureRequest) -> None:
    """The migrations' own rows, which a transactional test before this one has flushed."""
    marker = request.node.get_closest_marker("django_db")
    if marker is not None and marker.kwargs.get("transaction"):
        request.getfixturevalue("transactional_db")
        importlib.import_module("workspaces.migrations.0002_seeds").add_seeds(apps, None)

"""People: alice administers a workspace, bob reads in it, charlie is a stranger."""

import importlib
from dataclasses import dataclass

import pytest
from django.apps import apps
from django.test import Client

from tests.factories import WorkspaceFactory
from tests.workspaces.factories import make_client, make_key
from workspaces.models import Workspace


@pytest.fixture(autouse=True)
def seeds(request: pytest.FixtureRequest) -> None:
    """The migration's rows, which a transactional test before this one has flushed."""
    marker = request.node.get_closest_marker("django_db")
    if marker is None:
        return
    request.getfixturevalue("transactional_db" if marker.kwargs.get("transaction") else "db")
    importlib.import_module("workspaces.migrations.0002_seeds").add_seeds(apps, None)


@dataclass(frozen=True)
class Person:
    workspace: Workspace
    client: Client
    key: str


def _make_person(workspace: Workspace, *scopes: str) -> Person:
    key = make_key(workspace, *scopes)
    return Person(workspace, make_client(key), key)


@pytest.fixture
def alice() -> Person:
    return _make_person(WorkspaceFactory(), "*")


@pytest.fixture
def bob(alice: Person) -> Person:
    return _make_person(alice.workspace, "triggers:read", "runs:read")


@pytest.fixture
def charlie() -> Person:
    return _make_person(WorkspaceFactory(), "*")


@pytest.fixture
def operator() -> Client:
    return make_client(make_key(None, "operator"))

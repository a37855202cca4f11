"""People and a target: alice may do all with actions, bob may read them, charlie is elsewhere."""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.apps import apps
from django.test import Client
from pytest_django import Settings

from tests.actions.sink import Sink, serve_sink
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

    @property
    def url(self) -> str:
        return f"/v1/{self.workspace.pk}/actions"


@pytest.fixture
def alice() -> Person:
    workspace = WorkspaceFactory()
    return Person(workspace, make_client(make_key(workspace, "actions:read", "actions:write")))


@pytest.fixture
def bob(alice: Person) -> Person:
    return Person(alice.workspace, make_client(make_key(alice.workspace, "actions:read")))


@pytest.fixture
def charlie() -> Person:
    workspace = WorkspaceFactory()
    return Person(workspace, make_client(make_key(workspace, "*")))


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A real HTTP server on the loopback interface."""
    with serve_sink() as served:
        yield served


@pytest.fixture
def private_targets(settings: Settings) -> None:
    settings.CLOCKHOOK_ALLOW_PRIVATE_TARGETS = True


@pytest.fixture
def public_targets_only(settings: Settings) -> None:
    settings.CLOCKHOOK_ALLOW_PRIVATE_TARGETS = False

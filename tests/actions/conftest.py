"""People and a target: alice may do all with actions, bob may read them, charlie is elsewhere."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from django.test import Client
from pytest_django import Settings

from actions import kinds
from actions.kinds import load_kinds
from actions.kinds.guarded_http import close_connections
from tests.actions.scripted import Scripted
from tests.actions.sink import Sink, serve_sink
from tests.factories import WorkspaceFactory
from tests.workspaces.factories import make_client, make_key
from workspaces.models import Workspace


@dataclass(frozen=True)
class Person:
    workspace: Workspace
    client: Client

    @property
    def url(self) -> str:
        return f"/v1/{self.workspace.pk}/actions"


@pytest.fixture
def alice() -> Person:
    workspace = WorkspaceFactory.create()
    return Person(workspace, make_client(make_key(workspace, "actions:read", "actions:write")))


@pytest.fixture
def bob(alice: Person) -> Person:
    return Person(alice.workspace, make_client(make_key(alice.workspace, "actions:read")))


@pytest.fixture
def charlie() -> Person:
    workspace = WorkspaceFactory.create()
    return Person(workspace, make_client(make_key(workspace, "*")))


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A real HTTP server on the loopback interface."""
    with serve_sink() as served:
        yield served
        close_connections()


@pytest.fixture
def private_targets(settings: Settings) -> None:
    settings.CLOCKHOOK_ALLOW_PRIVATE_TARGETS = True


@pytest.fixture
def public_targets_only(settings: Settings) -> None:
    settings.CLOCKHOOK_ALLOW_PRIVATE_TARGETS = False


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Scripted], Scripted]]:
    """Makes a kind known as ``scripted`` for the length of the test."""

    def add(kind: Scripted) -> Scripted:
        monkeypatch.setitem(kinds.KINDS, "scripted", kind)
        load_kinds.cache_clear()
        return kind

    yield add
    monkeypatch.undo()
    load_kinds.cache_clear()

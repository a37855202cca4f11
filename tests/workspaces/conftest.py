"""People: alice administers a workspace, bob reads in it, charlie is a stranger."""

from dataclasses import dataclass

import pytest
from django.test import Client

from tests.factories import WorkspaceFactory
from tests.workspaces.factories import make_client, make_key
from workspaces.models import Workspace


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
    return _make_person(WorkspaceFactory.create(), "*")


@pytest.fixture
def bob(alice: Person) -> Person:
    return _make_person(alice.workspace, "triggers:read", "runs:read")


@pytest.fixture
def charlie() -> Person:
    return _make_person(WorkspaceFactory.create(), "*")


@pytest.fixture
def operator() -> Client:
    return make_client(make_key(None, "operator"))

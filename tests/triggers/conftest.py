"""Who calls, in tests of triggers: alice owns, bob reads, charlie is a stranger."""

from dataclasses import dataclass

import pytest
from rest_framework.test import APIClient

from tests.factories import WorkspaceFactory
from tests.workspaces.factories import make_key
from workspaces.models import Workspace
from workspaces.rules.callers import Caller


@pytest.fixture
def caller() -> Caller:
    return Caller(
        kind="key", id="k1", workspace_id=None, scopes=frozenset({"*"}), is_operator=False
    )


@dataclass(frozen=True)
class Person:
    """Someone with a key: ``client`` calls with it, ``url`` is the triggers of the workspace."""

    workspace: Workspace
    client: APIClient

    @property
    def url(self) -> str:
        return f"/v1/{self.workspace.pk}/triggers"


def open_door(workspace: Workspace | None, *scopes: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {make_key(workspace, *scopes)}")
    return client


@pytest.fixture
def alice(db: None) -> Person:
    """May do everything in her workspace."""
    workspace = WorkspaceFactory.create()
    return Person(workspace, open_door(workspace, "*"))


@pytest.fixture
def bob(alice: Person) -> Person:
    """Reads in Alice's workspace."""
    return Person(alice.workspace, open_door(alice.workspace, "triggers:read"))


@pytest.fixture
def charlie(db: None) -> Person:
    """A stranger with a workspace of his own."""
    workspace = WorkspaceFactory.create()
    return Person(workspace, open_door(workspace, "*"))


@pytest.fixture
def operator(db: None) -> APIClient:
    return open_door(None, "operator")

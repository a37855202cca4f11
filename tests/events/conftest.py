"""Two workspaces with a key each: alice reads and writes, charlie is the stranger."""

import pytest
from rest_framework.test import APIClient

from tests.clients import open_door
from workspaces.models import Workspace
from workspaces.services import create_workspace


@pytest.fixture
def workspace(db: None) -> Workspace:
    return create_workspace(name="Alice & Co")


@pytest.fixture
def stranger(db: None) -> Workspace:
    return create_workspace(name="Charlie Ltd")


@pytest.fixture
def alice(workspace: Workspace) -> APIClient:
    return open_door(workspace.pk, "events:read", "events:write")


@pytest.fixture
def charlie(stranger: Workspace) -> APIClient:
    return open_door(stranger.pk, "*")

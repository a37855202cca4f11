"""Clients of the API, each with a key of its own."""

from uuid import UUID

from rest_framework.test import APIClient

from workspaces.services import mint_api_key


def open_door(workspace_id: UUID | None, *scopes: str) -> APIClient:
    """A client with a fresh key of the workspace (None: an operator's) and these scopes."""
    _, key = mint_api_key(
        workspace_id=workspace_id, name="test", scopes=scopes, created_by="user:1"
    )
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    return client

"""What must hold at every operation of the API, read from its own OpenAPI document."""

import json
import re
import uuid
from typing import Any

import pytest
from django.test import Client

from tests.factories import WorkspaceFactory
from tests.workspaces.factories import StaffFactory, make_client, make_key
from workspaces.models import Workspace
from workspaces.rest.schema import render_schema
from workspaces.rules.callers import WORKSPACE_SCOPES

pytestmark = pytest.mark.django_db

SCOPED = "/v1/{workspace_id}/"
KEYS = "/v1/workspaces/{workspace_id}/api-keys"
# What is sent by POST since its question is a body.
QUESTIONS = {"/v1/{workspace_id}/schedules/preview"}
READS = {scope for scope in WORKSPACE_SCOPES if scope.endswith(":read")}


def _list_operations() -> list[tuple[str, str]]:
    paths = json.loads(render_schema())["paths"]
    return [(method, path) for path, methods in paths.items() for method in methods]


@pytest.fixture(scope="module")
def operations() -> list[tuple[str, str]]:
    return _list_operations()


@pytest.fixture
def workspace() -> Workspace:
    return WorkspaceFactory.create()


def _is_in_workspace(path: str) -> bool:
    return path.startswith((SCOPED, KEYS))


def _send(client: Client, method: str, path: str, workspace_id: object) -> Any:
    filled = path.replace("{workspace_id}", str(workspace_id))
    filled = re.sub(r"{\w+}", lambda _: str(uuid.uuid4()), filled)
    body = {} if method == "get" else {"data": {}, "content_type": "application/json"}
    return getattr(client, method)(filled, **body)


def _read_code(response: Any) -> str:
    assert response["Content-Type"] == "application/problem+json", response.content
    code: str = response.json()["code"]
    return code


def test_the_document_holds_every_room(operations: list[tuple[str, str]]) -> None:
    rooms = {path.removeprefix(SCOPED).removeprefix("/v1/").split("/")[0] for _, path in operations}
    assert rooms >= {"workspaces", "events", "actions", "runs", "triggers", "webhook-destinations"}


def test_nothing_is_open_without_a_key(
    operations: list[tuple[str, str]], workspace: Workspace
) -> None:
    for method, path in operations:
        for workspace_id in (workspace.pk, "garbage"):
            response = _send(Client(), method, path, workspace_id)
            assert (response.status_code, _read_code(response)) == (401, "unauthorized"), path
            assert response["WWW-Authenticate"] == "Bearer"


def test_r8_a_strangers_workspace_is_a_workspace_that_does_not_exist(
    operations: list[tuple[str, str]], workspace: Workspace
) -> None:
    stranger = make_client(make_key(WorkspaceFactory.create(), "*"))
    for method, path in operations:
        if not _is_in_workspace(path):
            continue
        details = set()
        for workspace_id in (workspace.pk, uuid.uuid4(), "garbage"):
            response = _send(stranger, method, path, workspace_id)
            assert (response.status_code, _read_code(response)) == (404, "not_found"), path
            details.add(response.json()["detail"])
        assert len(details) == 1, path


def test_a_key_that_may_only_read_changes_nothing(
    operations: list[tuple[str, str]], workspace: Workspace
) -> None:
    reader = make_client(make_key(workspace, *READS))
    for method, path in operations:
        if method != "get" and path not in QUESTIONS:
            response = _send(reader, method, path, workspace.pk)
            assert (response.status_code, _read_code(response)) == (403, "forbidden"), path


def test_a_key_for_something_else_reads_nothing(
    operations: list[tuple[str, str]], workspace: Workspace
) -> None:
    other = make_client(make_key(workspace, "workspace:admin"))
    for method, path in operations:
        if not path.startswith(KEYS):
            response = _send(other, method, path, workspace.pk)
            assert (response.status_code, _read_code(response)) == (403, "forbidden"), path


def test_what_crosses_workspaces_is_for_operators_alone(
    operations: list[tuple[str, str]], workspace: Workspace
) -> None:
    everything = make_client(make_key(workspace, "*"))
    operator = make_client(make_key(None, "operator"))
    for method, path in operations:
        if not _is_in_workspace(path):
            assert _send(everything, method, path, workspace.pk).status_code == 403, path
            assert _send(operator, method, path, workspace.pk).status_code != 403, path


def test_an_archived_workspace_refuses_every_change(
    operations: list[tuple[str, str]], workspace: Workspace
) -> None:
    workspace.archived_at = workspace.created_at
    workspace.save()
    client = make_client(make_key(workspace, "*"))
    for method, path in operations:
        if path.startswith(SCOPED):
            status = _send(client, method, path, workspace.pk).status_code
            assert (status == 409) is (method != "get"), (method, path, status)


def test_a_session_changes_nothing_without_its_csrf_token(
    operations: list[tuple[str, str]], workspace: Workspace
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(StaffFactory.create())
    for method, path in operations:
        if method != "get":
            response = _send(client, method, path, workspace.pk)
            assert (response.status_code, _read_code(response)) == (403, "forbidden"), path


def test_an_id_that_nothing_has_is_404_in_any_form(
    operations: list[tuple[str, str]], workspace: Workspace
) -> None:
    client = make_client(make_key(workspace, "*"))
    for method, path in operations:
        if method not in {"get", "delete"} or not re.search(r"{(?!workspace_id)\w+}", path):
            continue
        for text in (str(uuid.uuid4()), "garbage", "%00"):
            filled = path.replace("{workspace_id}", str(workspace.pk))
            response = getattr(client, method)(re.sub(r"{\w+}", text, filled))
            assert (response.status_code, _read_code(response)) == (404, "not_found"), filled

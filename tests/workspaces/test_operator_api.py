"""/v1/workspaces and the keys below it."""

import datetime as dt
import uuid
from typing import Any

import pytest
from django.test import Client

from tests.factories import WorkspaceFactory
from tests.workspaces.conftest import Person
from tests.workspaces.factories import make_client, make_key
from workspaces.models import ApiKey, Workspace
from workspaces.rules.callers import WORKSPACE_SCOPES
from workspaces.services import record_revision

pytestmark = pytest.mark.django_db


def _send(client: Client, method: str, path: str, body: Any = None) -> Any:
    options = {} if body is None else {"data": body, "content_type": "application/json"}
    return getattr(client, method)(path, **options)


def _read_error(response: Any, status: int) -> tuple[str, str]:
    assert response.status_code == status, response.content
    error = response.json()["errors"][0]
    return error["pointer"], error["code"]


def _record_something(workspace: Workspace) -> None:
    record_revision(
        workspace_id=workspace.pk,
        kind="action",
        external_key="a",
        document={},
        created_by="key:1",
    )


def test_a_workspace_is_created_read_listed_changed_and_deleted(operator: Client) -> None:
    created = _send(operator, "post", "/v1/workspaces", {"name": "Acme & Co"})
    assert created.status_code == 201
    body = created.json()
    assert body["slug"] == "acme-co"
    assert (body["plan"], body["metadata"], body["archived"]) == ("enterprise", {}, False)
    assert body["created_at"].endswith("Z")

    path = f"/v1/workspaces/{body['id']}"
    assert operator.get(path).json() == body
    assert operator.get("/v1/workspaces", {"slug": "acme-co"}).json()["items"] == [body]

    changed = _send(operator, "patch", path, {"plan": "pro", "metadata": {"crm": "1"}})
    assert changed.status_code == 200
    assert (changed.json()["plan"], changed.json()["metadata"]) == ("pro", {"crm": "1"})
    assert changed.json()["name"] == "Acme & Co"

    assert operator.delete(path).status_code == 204
    assert operator.get(path).status_code == 404
    assert operator.delete(path).status_code == 404


def test_what_was_read_can_be_put_back(operator: Client) -> None:
    workspace = WorkspaceFactory.create()
    path = f"/v1/workspaces/{workspace.pk}"
    body = operator.get(path).json()
    assert _send(operator, "put", path, {**body, "name": "Another"}).json()["name"] == "Another"


def test_slugs_derived_from_one_name_differ(operator: Client) -> None:
    slugs = {
        _send(operator, "post", "/v1/workspaces", {"name": name}).json()["slug"]
        for name in ("Acme", "Acme", "acme", "日本", "!" * 256, "a" * 256)
    }
    assert len(slugs) == 6


def test_a_slug_that_is_taken_is_409(operator: Client) -> None:
    WorkspaceFactory.create(slug="taken")
    other = WorkspaceFactory.create()
    body = {"name": "A", "slug": "taken"}
    assert _read_error(_send(operator, "post", "/v1/workspaces", body), 409) == ("/slug", "taken")
    response = _send(operator, "patch", f"/v1/workspaces/{other.pk}", {"slug": "taken"})
    assert _read_error(response, 409) == ("/slug", "taken")


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/name", "required"),
        ({"name": "a" * 257}, "/name", "max_length"),
        ({"name": "A", "slug": "Not A Slug"}, "/slug", "invalid"),
        ({"name": "A", "slug": "-a"}, "/slug", "invalid"),
        ({"name": "A", "slug": "a\n"}, "/slug", "invalid"),
        ({"name": "A", "slug": "a" * 65}, "/slug", "max_length"),
        ({"name": "A", "plan": "golden"}, "/plan", "unknown_plan"),
        ({"name": "A", "metadata": {"a": 1}}, "/metadata/a", "invalid"),
        ({"name": "A", "metadata": []}, "/metadata", "not_a_dict"),
        ({"name": "A", "owner": "me"}, "/owner", "unknown_field"),
    ],
)
def test_a_workspace_that_is_not_valid_is_422(
    operator: Client, body: dict[str, Any], pointer: str, code: str
) -> None:
    response = _send(operator, "post", "/v1/workspaces", body)
    assert _read_error(response, 422) == (pointer, code)


def test_a_workspace_with_a_history_is_archived_instead_of_deleted(
    operator: Client, alice: Person
) -> None:
    _record_something(alice.workspace)
    path = f"/v1/workspaces/{alice.workspace.pk}"
    refused = operator.delete(path)
    assert _read_error(refused, 409)[1] == "has_history"
    assert "archived" in refused.json()["detail"]

    archived = _send(operator, "patch", path, {"archived": True}).json()
    assert archived["archived"]
    again = _send(operator, "patch", path, {"archived": True}).json()
    assert again["archived_at"] == archived["archived_at"]
    assert operator.get("/v1/workspaces", {"archived": "true"}).json()["items"] == [again]
    assert alice.client.get(f"{path}/api-keys").status_code == 200
    assert (
        _read_error(_send(alice.client, "post", f"{path}/api-keys", {}), 409)[1]
        == "workspace_archived"
    )

    restored = _send(operator, "patch", path, {"archived": False}).json()
    assert restored["archived_at"] is None
    refused = _send(alice.client, "post", f"{path}/api-keys", {"name": "a", "scopes": ["*"]})
    assert refused.status_code == 201


def test_any_row_of_any_room_is_a_history(operator: Client, alice: Person) -> None:
    published = _send(
        alice.client,
        "post",
        f"/v1/{alice.workspace.pk}/events",
        {"event_type": "order.created", "data": {}},
    )
    assert published.status_code == 201, published.content
    alice.workspace.refresh_from_db()
    assert alice.workspace.revision_number == 0
    assert operator.delete(f"/v1/workspaces/{alice.workspace.pk}").status_code == 409


def test_the_systems_workspace_stays_as_it_is(operator: Client) -> None:
    system = Workspace.objects.get(slug="system")
    path = f"/v1/workspaces/{system.pk}"
    assert operator.delete(path).status_code == 409
    assert _send(operator, "patch", path, {"archived": True}).status_code == 409
    assert _send(operator, "patch", path, {"slug": "other"}).status_code == 409
    assert _send(operator, "patch", path, {"name": "Ours", "slug": "system"}).status_code == 200


@pytest.mark.parametrize("workspace_id", [uuid.uuid4(), "garbage"])
@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_an_unknown_workspace_is_404(operator: Client, method: str, workspace_id: object) -> None:
    assert _send(operator, method, f"/v1/workspaces/{workspace_id}", {}).status_code == 404


def _list_operations(workspace: Workspace) -> list[tuple[str, str]]:
    one = f"/v1/workspaces/{workspace.pk}"
    return [
        ("get", "/v1/workspaces"),
        ("post", "/v1/workspaces"),
        ("get", one),
        ("put", one),
        ("patch", one),
        ("delete", one),
    ]


def _list_key_operations(workspace: Workspace) -> list[tuple[str, str]]:
    keys = f"/v1/workspaces/{workspace.pk}/api-keys"
    return [
        ("get", keys),
        ("post", keys),
        ("get", f"{keys}/{uuid.uuid4()}"),
        ("delete", f"{keys}/{uuid.uuid4()}"),
    ]


def test_only_operators_manage_workspaces(alice: Person) -> None:
    for method, path in _list_operations(alice.workspace):
        assert _send(alice.client, method, path, {}).status_code == 403, (method, path)
        assert _send(Client(), method, path, {}).status_code == 401, (method, path)


@pytest.mark.parametrize(
    "scope", [s for s in WORKSPACE_SCOPES if s not in {"*", "workspace:admin"}]
)
def test_no_other_scope_manages_keys(alice: Person, scope: str) -> None:
    client = make_client(make_key(alice.workspace, scope))
    for method, path in _list_key_operations(alice.workspace):
        assert _send(client, method, path, {}).status_code == 403, (method, path)


def test_a_stranger_manages_no_keys_of_this_workspace(alice: Person, charlie: Person) -> None:
    key = ApiKey.objects.get(workspace=alice.workspace)
    for method, path in _list_key_operations(alice.workspace):
        assert _send(charlie.client, method, path, {}).status_code == 404, (method, path)
        assert _send(Client(), method, path, {}).status_code == 401, (method, path)
    own = f"/v1/workspaces/{charlie.workspace.pk}/api-keys/{key.pk}"
    assert charlie.client.get(own).status_code == 404
    assert charlie.client.delete(own).status_code == 404
    assert alice.client.get(f"/v1/workspaces/{alice.workspace.pk}/api-keys").status_code == 200


@pytest.mark.parametrize("who", ["operator", "admin"])
def test_a_key_is_shown_once_works_and_is_revoked(
    operator: Client, alice: Person, who: str
) -> None:
    admin = make_client(make_key(alice.workspace, "workspace:admin"))
    client = operator if who == "operator" else admin
    keys = f"/v1/workspaces/{alice.workspace.pk}/api-keys"
    expires_at = (dt.datetime.now(dt.UTC) + dt.timedelta(days=1)).isoformat()
    body = {"name": "CI", "scopes": ["workspace:admin"], "expires_at": expires_at}
    created = _send(client, "post", keys, {**body, "rate_limit_per_minute": 60})
    assert created.status_code == 201
    key = created.json()
    plain = key.pop("key")
    assert plain.startswith("chk_")
    assert len(plain) == 47
    assert key["hint"] == plain[-4:]
    assert key["created_by"].startswith("key:")
    assert key["rate_limit_per_minute"] == 60

    one = f"{keys}/{key['id']}"
    assert client.get(one).json() == key
    assert key in client.get(keys).json()["items"]
    assert plain.encode() not in client.get(one).content + client.get(keys).content
    assert not ApiKey.objects.filter(key_hash__contains=plain[4:]).exists()

    fresh = make_client(plain)
    assert fresh.get(keys).status_code == 200
    assert client.delete(one).status_code == 204
    revoked_at = client.get(one).json()["revoked_at"]
    assert revoked_at is not None
    assert fresh.get(keys).status_code == 401
    assert client.delete(one).status_code == 204
    assert client.get(one).json()["revoked_at"] == revoked_at


def test_a_key_of_an_archived_workspace_can_still_be_revoked(
    operator: Client, alice: Person
) -> None:
    key = ApiKey.objects.get(workspace=alice.workspace)
    path = f"/v1/workspaces/{alice.workspace.pk}"
    _send(operator, "patch", path, {"archived": True})
    assert operator.delete(f"{path}/api-keys/{key.pk}").status_code == 204


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"name": None}, "/name", "null"),
        ({"scopes": []}, "/scopes", "required"),
        ({"scopes": "*"}, "/scopes", "not_a_list"),
        ({"scopes": ["*", "triggers:rule"]}, "/scopes/1", "unknown_scope"),
        ({"scopes": ["operator"]}, "/scopes/0", "unknown_scope"),
        ({"scopes": [5]}, "/scopes/0", "invalid"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at", "in_the_past"),
        ({"expires_at": "tomorrow"}, "/expires_at", "invalid_time"),
        ({"rate_limit_per_minute": 0}, "/rate_limit_per_minute", "min_value"),
        ({"key": "chk_mine"}, "/key", "unknown_field"),
    ],
)
def test_a_key_that_is_not_valid_is_422(
    alice: Person, changes: dict[str, Any], pointer: str, code: str
) -> None:
    body = {"name": "CI", "scopes": ["*"], **changes}
    keys = f"/v1/workspaces/{alice.workspace.pk}/api-keys"
    assert _read_error(_send(alice.client, "post", keys, body), 422) == (pointer, code)

"""Who is let in, where, and for what."""

import datetime as dt
import uuid
from typing import Any
from unittest import mock

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from tests.factories import WorkspaceFactory
from tests.workspaces.conftest import Person
from tests.workspaces.factories import StaffFactory, make_client, make_key
from workspaces.models import ApiKey
from workspaces.services import authenticate_key, revoke_api_key
from workspaces.services.keys import admit_key

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.workspaces.probe_urls")]

JSON: Any = {"content_type": "application/json"}
NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)


def _refuses(response: Any, status: int, code: str) -> bool:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == code
    return True


def test_a_key_acts_in_its_own_workspace(alice: Person) -> None:
    response = alice.client.get(f"/v1/{alice.workspace.pk}/probe")
    key = ApiKey.objects.get(workspace=alice.workspace)
    assert response.status_code == 200
    assert response.json() == {"caller": f"key:{key.pk}", "workspace": str(alice.workspace.pk)}


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer nonsense",
        "Bearer chk_" + "x" * 43,
        "Bearer cho_" + "x" * 43,
        "Bearer chk_" + "é" * 43,
        "Basic YWxpY2U6YWxpY2U=",
        "chk_" + "x" * 43,
        "Bearer " + "x" * 5000,
    ],
)
def test_a_missing_or_unknown_key_is_401_in_any_workspace(alice: Person, header: str) -> None:
    client = Client(headers={"Authorization": header} if header else {})
    for workspace_id in (alice.workspace.pk, uuid.uuid4(), "garbage"):
        response = client.get(f"/v1/{workspace_id}/probe")
        assert _refuses(response, 401, "unauthorized")
        assert response["WWW-Authenticate"] == "Bearer"


def test_an_expired_key_is_401(alice: Person) -> None:
    past = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
    client = make_client(make_key(alice.workspace, "*", expires_at=past))
    assert _refuses(client.get(f"/v1/{alice.workspace.pk}/probe"), 401, "unauthorized")


def test_a_key_ends_at_the_instant_of_its_expiry(alice: Person) -> None:
    key = make_key(alice.workspace, "*", expires_at=NOW)
    assert authenticate_key(key, now=NOW - dt.timedelta(microseconds=1)) is not None
    assert authenticate_key(key, now=NOW) is None


def test_a_revoked_key_is_401_and_the_one_beside_it_still_works(alice: Person) -> None:
    other = make_client(make_key(alice.workspace, "*"))
    key = ApiKey.objects.filter(workspace=alice.workspace).order_by("id")[0]
    revoke_api_key(workspace_id=alice.workspace.pk, key_id=key.pk, now=NOW)
    path = f"/v1/{alice.workspace.pk}/probe"
    assert _refuses(alice.client.get(path), 401, "unauthorized")
    assert other.get(path).status_code == 200


def test_a_missing_scope_is_403(bob: Person) -> None:
    path = f"/v1/{bob.workspace.pk}/probe"
    assert bob.client.get(path).status_code == 200
    assert bob.client.head(path).status_code == 200
    assert _refuses(bob.client.post(path, **JSON), 403, "forbidden")


def test_a_handler_without_a_scope_is_forbidden_even_to_all_scopes(alice: Person) -> None:
    assert _refuses(alice.client.delete(f"/v1/{alice.workspace.pk}/probe"), 403, "forbidden")


def test_a_method_without_a_handler_is_405_and_names_those_there_are(alice: Person) -> None:
    response = alice.client.put(f"/v1/{alice.workspace.pk}/probe")
    assert _refuses(response, 405, "method_not_allowed")
    assert "GET" in response["Allow"]


def test_r8_another_workspace_is_the_same_404_as_none(alice: Person, charlie: Person) -> None:
    answers = []
    for workspace_id in (charlie.workspace.pk, uuid.uuid4(), "garbage", "%00", "é"):
        response = alice.client.get(f"/v1/{workspace_id}/probe")
        assert _refuses(response, 404, "not_found")
        body = response.json()
        answers.append({k: v for k, v in body.items() if k not in {"instance", "request_id"}})
    assert all(answer == answers[0] for answer in answers)


def test_only_the_canonical_form_of_an_id_names_a_workspace(alice: Person) -> None:
    key = alice.workspace.pk
    assert alice.client.get(f"/v1/{str(key).upper()}/probe").status_code == 200
    for text in (key.hex, f"{{{key}}}", f"urn:uuid:{key}"):
        assert _refuses(alice.client.get(f"/v1/{text}/probe"), 404, "not_found")


def test_an_operator_acts_in_every_workspace(operator: Client, alice: Person) -> None:
    response = operator.post(f"/v1/{alice.workspace.pk}/probe", **JSON)
    assert response.status_code == 200
    assert _refuses(operator.get(f"/v1/{uuid.uuid4()}/probe"), 404, "not_found")


def test_every_scope_of_a_workspace_does_not_make_an_operator(alice: Person) -> None:
    assert _refuses(alice.client.get("/v1/workspaces"), 403, "forbidden")
    assert _refuses(alice.client.post("/v1/workspaces", **JSON), 403, "forbidden")


def test_a_key_and_its_workspace_are_one_query(
    alice: Person, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    path = f"/v1/{alice.workspace.pk}/probe"
    alice.client.get(path)
    with django_assert_num_queries(1):
        alice.client.get(path)


def test_garbage_that_cannot_be_a_key_costs_no_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(0):
        assert admit_key("chk_short", now=NOW) is None


def test_the_last_use_is_noted_at_most_once_a_minute(alice: Person) -> None:
    key = ApiKey.objects.filter(workspace=alice.workspace)
    for seconds, noted in ((0, 0), (59, 0), (60, 60), (61, 60)):
        now = NOW + dt.timedelta(seconds=seconds)
        assert admit_key(alice.key, now=now)
        assert key.get().last_used_at == NOW + dt.timedelta(seconds=noted)


def test_a_last_use_that_cannot_be_noted_refuses_nobody(alice: Person) -> None:
    broken = mock.patch("workspaces.services.keys._NOTE_USE", "UPDATE nowhere SET nothing = 1")
    with broken, CaptureQueriesContext(connection) as queries:
        assert admit_key(alice.key, now=NOW)
    assert any("nowhere" in query["sql"] for query in queries)
    assert issubclass(DatabaseError, Exception)
    assert alice.client.get(f"/v1/{alice.workspace.pk}/probe").status_code == 200


def test_an_archived_workspace_is_read_but_not_written(alice: Person, operator: Client) -> None:
    alice.workspace.archived_at = NOW
    alice.workspace.save()
    path = f"/v1/{alice.workspace.pk}/probe"
    for client in (alice.client, operator):
        assert client.get(path).status_code == 200
        response = client.post(path, **JSON)
        assert _refuses(response, 409, "conflict")
        assert response.json()["errors"][0]["code"] == "workspace_archived"


def test_staff_act_in_every_workspace_by_their_session() -> None:
    user, workspace = StaffFactory.create(), WorkspaceFactory.create()
    client = Client()
    client.force_login(user)
    response = client.get(f"/v1/{workspace.pk}/probe")
    assert response.json()["caller"] == f"user:{user.pk}"
    assert client.get("/v1/workspaces").status_code == 200


@pytest.mark.parametrize("flags", [{"is_staff": False}, {"is_active": False}])
def test_a_session_of_anybody_else_is_401(flags: dict[str, bool]) -> None:
    client = Client()
    client.force_login(StaffFactory.create(**flags))
    assert _refuses(client.get(f"/v1/{WorkspaceFactory.create().pk}/probe"), 401, "unauthorized")


def test_a_session_needs_the_csrf_token_to_write() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(StaffFactory.create())
    path = f"/v1/{WorkspaceFactory.create().pk}/probe"
    assert client.get(path).status_code == 200
    assert _refuses(client.post(path, **JSON), 403, "forbidden")
    client.get("/admin/")
    client.cookies["csrftoken"] = token = "a" * 32
    assert _refuses(client.post(path, headers={"X-CSRFToken": "b" * 32}, **JSON), 403, "forbidden")
    assert client.post(path, headers={"X-CSRFToken": token}, **JSON).status_code == 200


def test_a_key_needs_no_csrf_token(alice: Person) -> None:
    headers = {"Authorization": f"Bearer {alice.key}"}
    client = Client(enforce_csrf_checks=True, headers=headers)
    assert client.post(f"/v1/{alice.workspace.pk}/probe", **JSON).status_code == 200

"""The API of actions: shapes, refusals, who may do what."""

import datetime as dt
import uuid
from typing import Any

import pytest
from django.test import Client

from actions.models import Action
from tests.actions.conftest import Person
from tests.actions.doors import BODY, create, list_pointers, send
from tests.factories import TriggerFactory
from tests.workspaces.factories import make_client, make_key

pytestmark = pytest.mark.django_db


class TestLifeOfAnAction:
    def test_it_is_created_read_changed_and_deleted(self, alice: Person) -> None:
        created = create(
            alice,
            action_type="http_request",
            description="Tells the CRM",
            external_key="tell-crm",
            config={"url": "https://crm.example/{{ input.id }}", "method": "PATCH"},
            input_schema={"type": "object", "required": ["id"]},
            retry={"strategy": "backoff", "max_retries": 1, "base_delay": "1s", "max_delay": "1m"},
            timeout_seconds=2.5,
            max_concurrency=4,
            secret_config={"headers": {"Authorization": "Bearer hunter2"}},
        )
        url = f"{alice.url}/{created['id']}"
        assert uuid.UUID(created["id"]).version == 7
        assert created["workspace_id"] == str(alice.workspace.pk)
        assert created["retry"]["base_delay"] == "1s"
        assert created["secret_config_present"] is True
        assert created["created_by"].startswith("key:")
        assert created["created_at"].endswith("Z")
        created_at, updated_at = (
            dt.datetime.fromisoformat(created[name]) for name in ("created_at", "updated_at")
        )
        assert created_at <= updated_at
        assert alice.client.get(url).json() == created

        changed = send(alice.client, "PUT", url, {**created, "name": "Renamed", "retry": None})
        assert changed.status_code == 200
        assert changed.json()["name"] == "Renamed"
        assert changed.json()["retry"] is None
        assert changed.json()["secret_config_present"] is True
        patched = send(alice.client, "PATCH", url, {"enabled": False, "secret_config": None}).json()
        assert (patched["enabled"], patched["name"]) == (False, "Renamed")
        assert patched["secret_config_present"] is False

        assert send(alice.client, "DELETE", url).status_code == 204
        assert alice.client.get(url).status_code == 404
        assert "hunter2" not in str(created) + str(patched)

    def test_defaults_are_shown(self, alice: Person) -> None:
        created = create(alice)
        assert {name: created[name] for name in (
            "description", "external_key", "config", "input_schema", "retry", "timeout_seconds",
            "max_concurrency", "enabled", "secret_config_present",
        )} == {
            "description": None, "external_key": None, "config": {}, "input_schema": None,
            "retry": None,
            "timeout_seconds": 60.0, "max_concurrency": None, "enabled": True,
            "secret_config_present": False,
        }  # fmt: skip

    def test_deleting_what_a_trigger_uses_names_the_trigger(self, alice: Person) -> None:
        trigger = TriggerFactory.create(workspace=alice.workspace, name="Nightly sync")
        response = send(alice.client, "DELETE", f"{alice.url}/{trigger.action_id}")
        assert response.status_code == 409
        assert "Nightly sync" in response.json()["detail"]
        assert response.json()["code"] == "conflict"

    def test_a_taken_external_key_is_a_conflict_on_the_field(self, alice: Person) -> None:
        create(alice, external_key="greet")
        response = send(alice.client, "POST", alice.url, {**BODY, "external_key": "greet"})
        assert response.status_code == 409
        assert list_pointers(response) == [("/external_key", "not_unique")]


class TestRefusals:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("name", ""), ("name", "x" * 257), ("name", 5), ("name", None), ("name", "a\x00b"),
            ("description", "x" * 2001), ("description", 5),
            ("external_key", ""), ("external_key", "x" * 129),
            ("action_type", "teleport"), ("action_type", None),
            ("config", None), ("config", []), ("config", "x"),
            ("input_schema", []), ("input_schema", {"type": 5}),
            ("retry", "none"), ("retry", {"max_retries": 21}),
            ("timeout_seconds", 0.05), ("timeout_seconds", 901), ("timeout_seconds", "60"),
            ("timeout_seconds", None),
            ("max_concurrency", 0), ("max_concurrency", 1.5), ("max_concurrency", True),
            ("enabled", "yes"), ("enabled", None), ("enabled", 1),
            ("secret_config", "x"), ("secret_config", {"a": "b"}),
            ("surprise", 1),
        ],
    )  # fmt: skip
    def test_a_wrong_field_is_pointed_at(self, alice: Person, field: str, value: Any) -> None:
        if value == "a\x00b":
            # Refused before any field is read: no JSON of ours holds it.
            response = send(alice.client, "POST", alice.url, {**BODY, field: value})
            assert response.status_code in (400, 422)
            return
        response = send(alice.client, "POST", alice.url, {**BODY, field: value})
        assert response.status_code == 422, response.content
        assert all(pointer.split("/")[1] == field for pointer, _ in list_pointers(response))
        assert not Action.objects.exists()

    def test_required_fields_are_named(self, alice: Person) -> None:
        response = send(alice.client, "POST", alice.url, {})
        assert response.status_code == 422
        assert list_pointers(response) == [("/name", "required"), ("/action_type", "required")]

    def test_unknown_fields_are_named_on_update_too(self, alice: Person) -> None:
        created = create(alice)
        response = send(alice.client, "PATCH", f"{alice.url}/{created['id']}", {"nmae": "x"})
        assert response.status_code == 422
        assert list_pointers(response) == [("/nmae", "unknown_field")]

    def test_config_errors_point_into_the_config(self, alice: Person) -> None:
        body = {**BODY, "action_type": "http_request", "config": {"url": "{{ input.url", "nope": 1}}
        response = send(alice.client, "POST", alice.url, body)
        assert response.status_code == 422
        assert list_pointers(response) == [
            ("/config/url", "invalid_template"),
            ("/config/nope", "additionalProperties"),
        ]

    @pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"\xff", b"null"])
    def test_garbage_is_refused(self, alice: Person, body: bytes) -> None:
        response = alice.client.post(alice.url, body, content_type="application/json")
        assert response.status_code in (400, 422)
        assert response["Content-Type"].startswith("application/problem+json")

    def test_nul_inside_the_config_is_refused(self, alice: Person) -> None:
        response = send(alice.client, "POST", alice.url, {**BODY, "config": {"a": "\x00"}})
        assert response.status_code in (400, 422)


class TestWhoMay:
    METHODS = [("GET", ""), ("PATCH", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/test")]

    @pytest.mark.parametrize(("method", "suffix"), METHODS)
    def test_another_workspaces_action_is_the_404_of_none(
        self, alice: Person, charlie: Person, method: str, suffix: str
    ) -> None:
        created = create(alice)
        urls = [
            f"{alice.url}/{created['id']}{suffix}",
            f"{charlie.url}/{created['id']}{suffix}",
            f"{charlie.url}/{uuid.uuid4()}{suffix}",
            f"{charlie.url}/nonsense{suffix}",
        ]
        for url in urls:
            assert send(charlie.client, method, url, {}).status_code == 404
        assert Action.objects.get().name == "Greet"

    @pytest.mark.parametrize(("method", "suffix"), METHODS[1:])
    def test_reading_is_not_writing(
        self, alice: Person, bob: Person, method: str, suffix: str
    ) -> None:
        created = create(alice)
        assert bob.client.get(f"{bob.url}/{created['id']}").status_code == 200
        assert send(bob.client, method, f"{bob.url}/{created['id']}{suffix}", {}).status_code == 403
        assert send(bob.client, "POST", bob.url, BODY).status_code == 403

    def test_other_scopes_read_nothing_and_no_key_is_401(self, alice: Person) -> None:
        stranger = make_client(make_key(alice.workspace, "triggers:write", "runs:read"))
        for url in (alice.url, f"/v1/{alice.workspace.pk}/action-types"):
            assert stranger.get(url).status_code == 403
            assert Client().get(url).status_code == 401

    def test_other_methods_are_405(self, alice: Person) -> None:
        created = create(alice)
        assert send(alice.client, "DELETE", alice.url).status_code == 405
        assert send(alice.client, "POST", f"{alice.url}/{created['id']}", {}).status_code == 405
        assert alice.client.get(f"{alice.url}/{created['id']}/test").status_code == 405

"""The OpenAPI document speaks of every operation, and of its errors."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.validation import validate_schema

from workspaces.rest.schema import render_schema

Operation = tuple[str, str, dict[str, Any]]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(render_schema())
    return document


@pytest.fixture
def operations(schema: dict[str, Any]) -> list[Operation]:
    return list(_walk(schema))


def _walk(schema: dict[str, Any]) -> Iterator[Operation]:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_the_document_is_valid(schema: dict[str, Any]) -> None:
    validate_schema(schema)  # type: ignore[no-untyped-call]


def test_the_document_is_built_once(client: Client) -> None:
    first, second = client.get("/openapi.json"), client.get("/openapi.json")
    assert first.content == second.content
    assert first["Content-Type"] == "application/json"
    assert render_schema() is render_schema()


def test_every_operation_has_the_problem(operations: list[Operation]) -> None:
    for path, method, operation in operations:
        content = operation["responses"]["default"]["content"]
        reference = content["application/problem+json"]["schema"]["$ref"]
        assert reference == "#/components/schemas/Problem", (path, method)


def test_every_operation_has_an_id_of_its_own_and_a_summary(operations: list[Operation]) -> None:
    ids = Counter(operation["operationId"] for _, _, operation in operations)
    assert max(ids.values()) == 1
    assert all(operation["summary"] for _, _, operation in operations)


def test_ids_of_operations_stay() -> None:
    ids = {operation["operationId"] for _, _, operation in _walk(json.loads(render_schema()))}
    assert {
        "workspaces_list",
        "workspaces_create",
        "workspaces_get",
        "workspaces_update",
        "workspaces_replace",
        "workspaces_delete",
        "workspaces_api_keys_list",
        "workspaces_api_keys_create",
        "workspaces_api_keys_delete",
    } <= ids


def test_both_ways_to_authenticate_are_named(schema: dict[str, Any]) -> None:
    assert schema["components"]["securitySchemes"] == {
        "apiKey": {"type": "http", "scheme": "bearer"},
        "staffSession": {"type": "apiKey", "in": "cookie", "name": "sessionid"},
    }
    listing = schema["paths"]["/v1/workspaces"]["get"]
    assert listing["security"] == [{"apiKey": []}, {"staffSession": []}]


def test_a_list_shows_its_envelope_and_its_bounds(schema: dict[str, Any]) -> None:
    listing = schema["paths"]["/v1/workspaces"]["get"]
    reference = listing["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    envelope = schema["components"]["schemas"][reference.rsplit("/", 1)[1]]
    assert envelope["properties"].keys() == {
        "items",
        "has_more",
        "continuation_token",
        "next_cursor",
        "total",
    }
    parameters = {parameter["name"]: parameter for parameter in listing["parameters"]}
    assert parameters["limit"]["schema"]["maximum"] == 100
    assert {"cursor", "continuation_token", "include_total", "slug"} <= parameters.keys()


def test_ids_in_paths_are_uuids(operations: list[Operation]) -> None:
    for path, _, operation in operations:
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path" and parameter["name"].endswith("_id"):
                assert parameter["schema"] == {"type": "string", "format": "uuid"}, path

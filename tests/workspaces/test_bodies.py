"""What serializers refuse, and where their pointers point."""

from typing import Any

import pytest

from tests.workspaces.conftest import Person

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.workspaces.probe_urls")]


def _post(person: Person, body: Any) -> Any:
    path = f"/v1/{person.workspace.pk}/body"
    return person.client.post(path, body, content_type="application/json")


def _read_errors(person: Person, body: Any) -> set[tuple[str, str]]:
    response = _post(person, body)
    assert response.status_code == 422, response.content
    problem = response.json()
    assert problem["code"] == "unprocessable_entity"
    assert all(error["detail"] for error in problem["errors"])
    return {(error["pointer"], error["code"]) for error in problem["errors"]}


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {("/name", "required")}),
        ({"name": None}, {("/name", "null")}),
        ({"name": ""}, {("/name", "blank")}),
        ({"name": 5}, {("/name", "invalid")}),
        ({"name": True}, {("/name", "invalid")}),
        ({"name": "longer"}, {("/name", "max_length")}),
        ({"name": "never"}, {("", "never")}),
        ({"name": "a", "is_on": "true"}, {("/is_on", "invalid")}),
        ({"name": "a", "is_on": 1}, {("/is_on", "invalid")}),
        ({"name": "a", "is_on": None}, {("/is_on", "null")}),
        ({"name": "a", "share": "0.5"}, {("/share", "invalid")}),
        ({"name": "a", "share": True}, {("/share", "invalid")}),
        ({"name": "a", "share": 2}, {("/share", "max_value")}),
        ({"name": "a", "at": "2026-01-01"}, {("/at", "invalid_time")}),
        ({"name": "a", "at": 5}, {("/at", "invalid_time")}),
        ({"name": "a", "labels": []}, {("/labels", "not_a_dict")}),
        ({"name": "a", "labels": {"a/b~": 5}}, {("/labels/a~1b~0", "invalid")}),
        ({"name": "a", "inner": {}}, {("/inner", "not_a_list")}),
        ({"name": "a", "inner": [{"count": 1}, {}]}, {("/inner/1/count", "required")}),
        ({"name": "a", "inner": [{"count": 0}]}, {("/inner/0/count", "min_value")}),
        ({"name": "a", "inner": [{"count": 1.0}]}, {("/inner/0/count", "invalid")}),
        ({"name": "a", "inner": [{"count": True}]}, {("/inner/0/count", "invalid")}),
        ({"name": "a", "inner": [5]}, {("/inner/0", "invalid")}),
        ({"name": "a", "inner": [{"count": 1, "x": 1}]}, {("/inner/0/x", "unknown_field")}),
        ({"name": 5, "nmae": 1}, {("/name", "invalid"), ("/nmae", "unknown_field")}),
        ({"a/b": 1, "name": "a"}, {("/a~1b", "unknown_field")}),
        ([], {("", "not_an_object")}),
        ([{"name": "a"}], {("", "not_an_object")}),
    ],
)
def test_each_wrong_field_is_named_by_its_pointer(
    alice: Person, body: Any, errors: set[tuple[str, str]]
) -> None:
    assert _read_errors(alice, body) == errors


@pytest.mark.parametrize("body", ["null", "5", '"text"', "true"])
def test_json_that_is_not_an_object_is_422(alice: Person, body: str) -> None:
    assert _read_errors(alice, body) == {("", "not_an_object")}


def test_a_good_body_is_read_and_read_only_fields_are_dropped(alice: Person) -> None:
    body = {
        "id": "whatever",
        "name": " a ",
        "is_on": False,
        "share": 0,
        "at": "2026-01-01T00:00:00+01:00",
        "labels": {"a": ""[:0] or "b"},
        "inner": [{"count": 1}],
    }
    response = _post(alice, body)
    assert response.json() == ["at", "inner", "is_on", "labels", "name", "share"]


def test_the_detail_names_the_first_error_and_how_many_there_are(alice: Person) -> None:
    problem = _post(alice, {"name": 5, "x": 1, "y": 2}).json()
    assert problem["detail"] == "/name: Not a valid string. (and 2 more)"

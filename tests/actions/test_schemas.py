"""JSON Schema as strangers may write it."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.rules.schemas import DIALECT, MAX_ERRORS, check_schema, find_schema_errors

CONTACT = {
    "$schema": DIALECT,
    "type": "object",
    "required": ["email"],
    "additionalProperties": False,
    "properties": {
        "email": {"type": "string", "pattern": "^[^@]+@[^@]+$"},
        "age": {"$ref": "#/$defs/age"},
        "tags": {"type": "array", "uniqueItems": True, "items": {"$ref": "#tag"}},
    },
    "patternProperties": {"^x-": {"type": "string"}},
    "$defs": {
        "age": {"type": "integer", "minimum": 0},
        "tag": {"$anchor": "tag", "type": "string"},
    },
}


def test_a_sound_schema_has_no_problems() -> None:
    assert check_schema(CONTACT) == []
    assert find_schema_errors(CONTACT, {"email": "a@b", "age": 3, "tags": ["a"], "x-y": "z"}) == []


@pytest.mark.parametrize(
    ("instance", "pointer", "code"),
    [
        ({}, "/email", "required"),
        ({"email": 1}, "/email", "type"),
        ({"email": "nobody"}, "/email", "pattern"),
        ({"email": "a@b", "age": -1}, "/age", "minimum"),
        ({"email": "a@b", "tags": ["a", "a"]}, "/tags", "uniqueItems"),
        ({"email": "a@b", "tags": ["a", 1]}, "/tags/1", "type"),
        ({"email": "a@b", "a/b~": 1}, "/a~1b~0", "additionalProperties"),
        ({"email": "a@b", "x-y": 1}, "/x-y", "type"),
        ("text", "", "type"),
    ],
)
def test_an_error_points_at_its_place(instance: Any, pointer: str, code: str) -> None:
    errors = find_schema_errors(CONTACT, instance)
    assert [(error.pointer, error.code) for error in errors] == [(pointer, code)]
    assert errors[0].detail


def test_additional_properties_may_have_a_schema_of_their_own() -> None:
    schema = {"properties": {"a": True}, "additionalProperties": {"type": "integer"}}
    assert check_schema(schema) == []
    assert find_schema_errors(schema, {"a": "x", "b": 1}) == []
    assert [error.pointer for error in find_schema_errors(schema, {"b": "x"})] == ["/b"]
    assert (
        find_schema_errors({**schema, "required": ["a"], "patternProperties": {"x": True}}, 5) == []
    )


@pytest.mark.parametrize(
    ("items", "is_unique"),
    [
        ([1, 1.0], False),
        ([1, True], True),
        ([0, False], True),
        ([[1], [True]], True),
        ([{"a": 1, "b": 2}, {"b": 2, "a": 1}], False),
        ([[1, 2], [2, 1]], True),
        ([None, "", "null"], True),
        ([[True], [True]], False),
        ([[1, "a"], {"1": "a"}], True),
    ],
)
def test_unique_items_compares_as_json_schema_does(items: list[Any], is_unique: bool) -> None:
    assert (find_schema_errors({"uniqueItems": True}, items) == []) is is_unique
    assert find_schema_errors({"uniqueItems": False}, items) == []


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        (True, ""),
        ([], ""),
        ({"type": "objekt"}, "/type"),
        ({"required": "email"}, "/required"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/$schema"),
        ({"properties": {"a": {"$id": "https://x/y"}}}, "/properties/a/$id"),
        ({"$ref": "https://example.com/schema.json"}, "/$ref"),
        ({"$ref": "file:///etc/passwd"}, "/$ref"),
        ({"items": {"$dynamicRef": "other.json#a"}}, "/items/$dynamicRef"),
        ({"allOf": [{"$ref": "#/$defs/none"}]}, "/allOf/0/$ref"),
        ({"$ref": "#nowhere"}, "/$ref"),
        ({"enum": [{"$ref": "https://x"}], "$ref": "#/enum/0"}, "/$ref"),
        ({"pattern": "("}, "/pattern"),
        ({"pattern": "(?=a)"}, "/pattern"),
        ({"pattern": "a" * 1001}, "/pattern"),
        ({"patternProperties": {"(?!x)": True}}, "/patternProperties/(?!x)"),
        ({"properties": {"const": {"pattern": "("}}}, "/properties/const/pattern"),
        ({"patternProperties": {"a": True}, "allOf": [{"unevaluatedProperties": False}]}, ""),
    ],
)  # fmt: skip
def test_a_schema_that_cannot_be_used_here_is_refused(schema: Any, pointer: str) -> None:
    problems = check_schema(schema)
    assert [problem.pointer for problem in problems] == [pointer]
    assert {problem.code for problem in problems} == {"invalid_schema"}


def test_names_in_data_positions_are_data() -> None:
    assert check_schema({"const": {"$ref": "https://x"}, "default": {"pattern": "("}}) == []
    assert check_schema({"properties": {"$ref": {"type": "string"}, "$id": {}}}) == []


def test_a_schema_of_too_many_or_too_deep_parts_is_refused() -> None:
    assert check_schema({"properties": {str(n): True for n in range(11_000)}})
    deep: dict[str, Any] = {}
    for _ in range(100):
        deep = {"not": deep}
    assert check_schema(deep)


def test_errors_are_bounded_in_number_and_length() -> None:
    errors = find_schema_errors({"items": {"type": "integer"}}, ["x" * 1000] * 200)
    assert len(errors) == MAX_ERRORS
    assert all(len(error.detail) < 400 for error in errors)


def test_a_backtracking_pattern_takes_linear_time() -> None:
    schema = {"type": "string", "pattern": "^(a+)+$"}
    assert check_schema(schema) == []
    started = time.monotonic()
    assert find_schema_errors(schema, "a" * 50_000 + "b")
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$dynamicRef": "#"},
        {
            "$ref": "#/$defs/0",
            "$defs": {
                **{str(n): {"allOf": [{"$ref": f"#/$defs/{n + 1}"}] * 2} for n in range(40)},
                "40": True,
            },
        },
    ],
)
def test_references_that_multiply_end_as_an_error(schema: dict[str, Any]) -> None:
    assert check_schema(schema) == []
    started = time.monotonic()
    assert [error.code for error in find_schema_errors(schema, 1)] == ["schema_too_complex"]
    assert time.monotonic() - started < 10


def test_many_equal_items_take_no_quadratic_time() -> None:
    started = time.monotonic()
    assert find_schema_errors({"uniqueItems": True}, [{"n": n} for n in range(50_000)]) == []
    assert time.monotonic() - started < 5


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["type", "pattern", "$ref", "properties", "items", "enum", "not", "a", "allOf", "$id"]
        ),
        inner,
        max_size=3,
    ),
    max_leaves=12,
)  # fmt: skip


@given(_JSON, _JSON)
def test_what_check_schema_lets_through_never_raises(schema: Any, instance: Any) -> None:
    if check_schema(schema) == []:
        find_schema_errors(schema, instance)

"""Dotted paths into JSON values."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.rules.paths import (
    MISSING,
    InvalidPath,
    PathConflict,
    find_path,
    parse_path,
    set_path,
)

CONTACT = {
    "name": "Ada",
    "tags": ["vip", {"since": 2024}],
    "0": "zero",
    "First Name": "A.",
    "none": None,
    "nested": {"deep": {"value": False}},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", "Ada"),
        ("$.name", "Ada"),
        ("tags.0", "vip"),
        ("tags.1.since", 2024),
        ("0", "zero"),
        ("First Name", "A."),
        ("none", None),
        ("nested.deep.value", False),
        ("$", CONTACT),
    ],
)
def test_a_path_leads_to_its_value(path: str, value: Any) -> None:
    assert find_path(CONTACT, path) == value


@pytest.mark.parametrize(
    "path", ["surname", "tags.2", "tags.01", "tags.-1", "tags.x", "name.first", "none.x", "tags.²"]
)
def test_what_a_path_does_not_reach_is_missing(path: str) -> None:
    assert find_path(CONTACT, path) is MISSING


def test_a_parsed_path_is_taken_too() -> None:
    assert find_path(CONTACT, ("tags", "0")) == "vip"


@pytest.mark.parametrize(
    "path",
    [
        "", ".", "a.", ".a", "a..b", "items[0]", "a|upper", "f(x)", " a", "a ", "a. b",
        "{{a}}", "a\nb",
        "a" * 513, ".".join("a" * 65), "'a'",
    ],
)  # fmt: skip
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(InvalidPath):
        parse_path(path)


@given(st.text(max_size=60), st.recursive(st.none() | st.integers() | st.text(), st.lists))
def test_any_text_finds_a_value_or_raises_the_one_error(path: str, root: Any) -> None:
    with contextlib.suppress(InvalidPath):
        find_path(root, path)


def test_setting_makes_the_objects_on_the_way() -> None:
    target: dict[str, Any] = {"kept": 1}
    set_path(target, "contact.phone.home", "+1")
    set_path(target, "contact.phone.work", "+2")
    assert target == {"kept": 1, "contact": {"phone": {"home": "+1", "work": "+2"}}}


def test_setting_reaches_into_lists_that_exist() -> None:
    target = {"items": [{"name": "a"}, "b"]}
    set_path(target, "items.0.name", "c")
    set_path(target, "items.1", "d")
    assert target == {"items": [{"name": "c"}, "d"]}


@pytest.mark.parametrize("path", ["name.first", "tags.5", "tags.5.x", "tags.x", "none.x.y"])
def test_setting_through_another_value_is_a_conflict(path: str) -> None:
    with pytest.raises(PathConflict):
        set_path({"name": "Ada", "tags": ["vip"], "none": None}, path, 1)


def test_the_root_cannot_be_set() -> None:
    with pytest.raises(InvalidPath):
        set_path({}, "$", 1)


_NAMES = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)


@given(st.lists(_NAMES, min_size=1, max_size=6), st.integers())
def test_what_was_set_is_found(names: list[str], value: int) -> None:
    target: dict[str, Any] = {}
    set_path(target, ".".join(names), value)
    assert find_path(target, ".".join(names)) == value

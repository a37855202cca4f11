"""Merging of given values over a rendered template."""

from typing import Any

import pytest

from triggers.rules.overrides import merge_mapped, merge_overrides


def test_an_override_replaces_a_whole_member_of_the_top_level() -> None:
    template = {"goal": "call", "window": {"start": "09:00", "end": "18:00"}}
    assert merge_overrides(template, {"window": {"start": "10:00"}, "extra": None}) == {
        "goal": "call",
        "window": {"start": "10:00"},
        "extra": None,
    }


def test_placeholders_in_overrides_stay_text() -> None:
    assert merge_overrides({"a": 1}, {"a": "{{ payload.secret }}"}) == {"a": "{{ payload.secret }}"}


@pytest.mark.parametrize(
    ("template", "mapped", "expected"),
    [
        ({"a": 1}, {}, {"a": 1}),
        (
            {"lead": {"name": "?", "source": "web"}},
            {"lead": {"name": "Ada"}},
            {"lead": {"name": "Ada", "source": "web"}},
        ),
        ({"lead": "text"}, {"lead": {"name": "Ada"}}, {"lead": {"name": "Ada"}}),
        ({"lead": {"name": "?"}}, {"lead": [1]}, {"lead": [1]}),
        ({"list": [1, 2]}, {"list": [3]}, {"list": [3]}),
        ({}, {"a": {"b": {"c": None}}}, {"a": {"b": {"c": None}}}),
    ],
)
def test_mapped_values_are_merged_where_their_targets_say(
    template: dict[str, Any], mapped: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert merge_mapped(template, mapped) == expected


def test_merging_changes_neither_side() -> None:
    template: dict[str, Any] = {"a": {"b": 1}}
    mapped: dict[str, Any] = {"a": {"c": 2}}
    merge_mapped(template, mapped)
    merge_overrides(template, mapped)
    assert template == {"a": {"b": 1}}
    assert mapped == {"a": {"c": 2}}

"""Placeholders in JSON values: one pass, no code, bounded."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.rules.templates import (
    MAX_OUTPUT_BYTES,
    TemplateTooLarge,
    check_template,
    find_template_problems,
    render_template,
)

CONTEXT = {
    "input": {
        "name": "Ada",
        "age": 36,
        "vip": True,
        "ratio": 0.5,
        "none": None,
        "tags": ["a", {"b": 1}],
        "evil": "{{ input.name }}",
        "ä": "ü",
    }
}


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        ("Hello {{ input.name }}!", "Hello Ada!"),
        ("{{input.name}}{{input.age}}", "Ada36"),
        ("{{ input.age }}", 36),
        ("{{ input.vip }}", True),
        ("{{ input.none }}", None),
        ("{{ input.tags }}", ["a", {"b": 1}]),
        ("is {{ input.vip }}", "is true"),
        ("[{{ input.none }}]", "[]"),
        ("[{{ input.missing }}]", "[]"),
        ("{{ input.missing }}", None),
        (" {{ input.age }}", " 36"),
        ("tags={{ input.tags }}", 'tags=["a",{"b":1}]'),
        ("{{ input.tags.1.b }}", 1),
        ("{{ $.input.name }}", "Ada"),
        ("{{ input.ä }} {{ input.ratio }}", "ü 0.5"),
        ('{"a":{"b":"{{ input.name }}"}}', '{"a":{"b":"Ada"}}'),
        ("{{{ input.age }}}", "{36}"),
        (5, 5),
        (None, None),
        (True, True),
        (["{{ input.age }}", {"{{ x }}": "{{ input.name }}"}], [36, {"{{ x }}": "Ada"}]),
    ],
)  # fmt: skip
def test_placeholders_are_replaced(template: Any, rendered: Any) -> None:
    assert render_template(template, CONTEXT) == rendered


@pytest.mark.parametrize(
    "template", ["{{ input.name", "input.name }}", "{{ }}", "{{}}", "{{ a | b }}", "{ { x } }",
                 "{{ a[0] }}"]
)  # fmt: skip
def test_what_is_malformed_stays_literal_text(template: str) -> None:
    assert render_template(template, CONTEXT) == template


def test_a_rendered_value_is_not_rendered_again() -> None:
    assert render_template("{{ input.evil }}", CONTEXT) == "{{ input.name }}"
    assert render_template("<{{ input.evil }}>", CONTEXT) == "<{{ input.name }}>"
    assert render_template("{{ input.a }}{ x }}", {"input": {"a": "{"}}) == "{{ x }}"


def test_a_rendered_value_shares_nothing_with_the_context() -> None:
    context = {"input": {"tags": [1]}}
    render_template("{{ input.tags }}", context).append(2)
    assert context == {"input": {"tags": [1]}}


def test_output_of_256_kib_passes_and_one_byte_more_does_not() -> None:
    context = {"a": "x" * MAX_OUTPUT_BYTES}
    assert render_template("{{ a }}", context) == context["a"]
    with pytest.raises(TemplateTooLarge):
        render_template("{{ a }}!", context)


def test_a_small_template_cannot_grow_without_bounds() -> None:
    with pytest.raises(TemplateTooLarge):
        render_template(["{{ a }}{{ a }}"] * 10_000, {"a": "x" * 10_000})


def test_size_is_counted_in_bytes_not_characters() -> None:
    with pytest.raises(TemplateTooLarge):
        render_template("{{ a }}", {"a": "€" * (MAX_OUTPUT_BYTES // 2)})


def test_deep_templates_and_values_raise_the_named_error() -> None:
    deep: Any = "leaf"
    for _ in range(3000):
        deep = [deep]
    for template, context in [(deep, {}), ("{{ a }}", {"a": deep}), ("x{{ a }}", {"a": deep})]:
        with pytest.raises(TemplateTooLarge):
            render_template(template, context)


def test_values_that_are_not_json_raise_the_named_error() -> None:
    circle: list[Any] = []
    circle.append(circle)
    for value in (circle, {("a", "b"): 1}, 10**5000):
        with pytest.raises(TemplateTooLarge):
            render_template("<{{ a }}>", {"a": value})


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip
_NO_BRACES = st.text(st.characters(exclude_characters="{}"), max_size=20)
_JSON_WITHOUT_BRACES = st.recursive(
    st.none() | st.integers() | _NO_BRACES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NO_BRACES, inner, max_size=4),
    max_leaves=20,
)


@given(_JSON_WITHOUT_BRACES)
def test_without_placeholders_a_template_is_unchanged(template: Any) -> None:
    assert render_template(template, CONTEXT) == template
    assert find_template_problems(template) == []


@given(_JSON)
def test_a_sole_placeholder_keeps_value_and_type(value: Any) -> None:
    rendered = render_template("{{ x }}", {"x": value})
    assert rendered == value
    assert type(rendered) is type(value)


@given(st.text())
def test_any_text_from_outside_stays_what_it_is(text: str) -> None:
    assert render_template("[{{ x }}]", {"x": text}) == f"[{text}]"


@given(_JSON | st.text(st.sampled_from("{}$. ax0|")), st.dictionaries(st.text(), _JSON))
def test_rendering_never_raises_but_the_named_error(template: Any, context: dict[str, Any]) -> None:
    with contextlib.suppress(TemplateTooLarge):
        render_template(template, context)


@pytest.mark.parametrize(
    ("template", "pointer"),
    [
        ({"url": "http://x/{{ input.id"}, "/url"),
        ({"a/b": ["ok", "{{ }}"]}, "/a~1b/1"),
        ("{{ name | upper }}", ""),
        ("{{ items[0] }}", ""),
        ("{{ a }}{{", ""),
    ],
)
def test_malformed_placeholders_are_found_with_their_place(template: Any, pointer: str) -> None:
    problems = find_template_problems(template)
    assert [problem.pointer for problem in problems] == [pointer]
    assert check_template(template) == [f"{pointer}: {problems[0].detail}"]


@pytest.mark.parametrize(
    "template", ["{{ a.b.0 }}", "{ {{ a }}{ }", 5, None, {"a": ["{{ First Name }}"]}]
)
def test_sound_templates_have_no_problems(template: Any) -> None:
    assert check_template(template) == []


def test_a_template_that_nests_too_deeply_is_a_problem() -> None:
    deep: Any = ["x"]
    for _ in range(150):
        deep = [deep]
    assert len(check_template(deep)) == 1

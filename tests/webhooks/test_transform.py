"""A destination's output_transform, checked and applied."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks.rules.transform import TransformFailed, apply_transform, check_transform

PAYLOAD = {"lead": {"name": "Ada", "phones": ["+1", "+2"]}, "n": 3}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        (None, PAYLOAD),
        ({"jmespath": "lead.phones[0]"}, "+1"),
        ({"jmespath": "nothing"}, None),
        ({"jmespath": "{who: lead.name, n: n}"}, {"who": "Ada", "n": 3}),
        ({"object_transformation": {"a.b": "lead.name", "c": "n"}}, {"a.b": "Ada", "c": 3}),
        ({"jmespath": "n", "object_transformation": {"c": "lead"}}, 3),
    ],
)
def test_a_transform_makes_what_it_says(transform: Any, expected: Any) -> None:
    if transform is not None:
        assert check_transform(transform) == []
    assert apply_transform(transform, PAYLOAD) == expected


@pytest.mark.parametrize(
    ("transform", "pointer"),
    [
        ({}, "/output_transform"),
        ([], "/output_transform"),
        ("n", "/output_transform"),
        ({"jmespath": ""}, "/output_transform/jmespath"),
        ({"jmespath": 7}, "/output_transform/jmespath"),
        ({"jmespath": "lead.["}, "/output_transform/jmespath"),
        ({"jmespath": "x" * 4097}, "/output_transform/jmespath"),
        ({"jmespath": "no_such_function(@"}, "/output_transform/jmespath"),
        ({"jmespath": "(" * 2000}, "/output_transform/jmespath"),
        ({"object_transformation": {}}, "/output_transform/object_transformation"),
        ({"object_transformation": {"a/b": "["}}, "/output_transform/object_transformation/a~1b"),
        ({"jsonata": "n"}, "/output_transform/jsonata"),
    ],
)
def test_what_is_no_transform_is_refused_at_its_place(transform: Any, pointer: str) -> None:
    assert [error.pointer for error in check_transform(transform)] == [pointer]


@pytest.mark.parametrize(
    "text",
    ["sort(lead)", "abs(lead)", "no_such(n)", "to_number(lead.phones) + n", "sort([n, lead.name])"],
)
def test_what_does_not_work_on_the_payload_says_so(text: str) -> None:
    if check_transform({"jmespath": text}):
        return
    with pytest.raises(TransformFailed):
        apply_transform({"jmespath": text}, PAYLOAD)


@given(JSON, st.sampled_from(["a.b", "sort(@)", "max_by(@, &a)", "join(',', @)", "@[?a > `1`]"]))
def test_no_payload_raises_anything_else(payload: Any, text: str) -> None:
    try:
        apply_transform({"jmespath": text}, payload)
    except TransformFailed as error:
        assert str(error)  # noqa: PT017 - hypothesis tries payloads that work, too

"""Strict JSON: what is refused, with which word, and that nothing but the one error comes out."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspaces.rules.json_text import MalformedJson, parse_json


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"{}", {}),
        (b' \n{"a": [1, 2.5, null, true, "\xc3\xa9"]}\t', {"a": [1, 2.5, None, True, "é"]}),
        (b'"\\ud83d\\ude00 \\u0041 \\\\u0000"', "😀 A \\u0000"),
        (b"9223372036854775807", 2**63 - 1),
        (b"-9223372036854775807", -(2**63 - 1)),
        (b"1e308", 1e308),
        (b"1e-999", 0.0),
        (b'{"' + b"[" * 100 + b'": 1}', {"[" * 100: 1}),
        (b"[" + b'"[{",' * 200 + b"0]", ["[{"] * 200 + [0]),
        (b"[" * 64 + b"]" * 64, None),
        (b"[" + b"[]," * 500 + b"{}]", None),
    ],
)
def test_well_formed_bodies_are_read(raw: bytes, value: object) -> None:
    assert parse_json(raw) == (json.loads(raw) if value is None else value)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "syntax"),
        (b"   ", "syntax"),
        (b"{", "syntax"),
        (b"{'a': 1}", "syntax"),
        (b'{"a": 1,}', "syntax"),
        (b'{"a": 1} {"b": 2}', "syntax"),
        (b"\xef\xbb\xbf{}", "syntax"),
        (b'"a\x00b"', "syntax"),
        (b'"a\nb"', "syntax"),
        (b"01", "syntax"),
        (b"NaN", "syntax"),
        (b"[Infinity]", "syntax"),
        (b'{"a": -Infinity}', "syntax"),
        (b"[" * 60 + b"1", "syntax"),
        (b"\xff\xfe{}", "not_utf8"),
        ("{}".encode("utf-16"), "not_utf8"),
        (b'"\xed\xa0\x80"', "not_utf8"),
        (b'{"a": 1, "a": 2}', "duplicate_key"),
        (b'[{"b": {"a": 1, "\\u0061": 2}}]', "duplicate_key"),
        (b"1e999", "number_out_of_range"),
        (b"[-1e999]", "number_out_of_range"),
        (b"9223372036854775808", "number_out_of_range"),
        (b"-9223372036854775808", "number_out_of_range"),
        (b"1" * 5000, "number_out_of_range"),
        (b'"a\\u0000b"', "unstorable_text"),
        (b'{"a\\u0000": 1}', "unstorable_text"),
        (b'[{"a": ["\\ud800"]}]', "unstorable_text"),
        (b'"\\ude00\\ud83d"', "unstorable_text"),
        (b"[" * 65 + b"]" * 65, "too_deep"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "too_deep"),
        (b"[" * 100_000, "too_deep"),
        (b'{"a":[' * 50_000, "too_deep"),
        (b"[" * 100_000 + b"]" * 100_000, "too_deep"),
    ],
)
def test_anything_else_is_refused_with_one_word(raw: bytes, code: str) -> None:
    with pytest.raises(MalformedJson) as caught:
        parse_json(raw)
    assert caught.value.code == code
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 1_000_000,
        b"[]," * 350_000,
        b'"' + b'\\"' * 500_000,
        b"[" * 70 + b'"' + b'\\"' * 500_000,
        b"[" * 70 + b'"' * 1_000_000,
        b"1" * 1_000_000,
        b"[" * 70 + b"\\" * 1_000_000,
        (b"{" * 65 + b"}" * 65) * 8000,
    ],
)
def test_hostile_megabytes_are_refused_quickly(raw: bytes) -> None:
    started = time.perf_counter()
    with pytest.raises(MalformedJson):
        parse_json(raw)
    assert time.perf_counter() - started < 1


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_but_the_one_error(raw: bytes) -> None:
    try:
        parse_json(raw)
    except MalformedJson as error:
        assert error.code  # noqa: PT017 - either outcome is right


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(_values, st.booleans())
def test_what_json_dumps_writes_is_read_back(value: object, ensure_ascii: bool) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=ensure_ascii).encode()) == value

"""Durations as people write them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.rules.durations import parse_duration, render_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2s", 2),
        ("10m", 600),
        ("1h", 3600),
        ("1d", 86_400),
        ("2w", 1_209_600),
        ("2h30m", 9000),
        ("90s", 90),
        ("500ms", 0.5),
        ("1m500ms", 60.5),
        ("1.5s", 1.5),
        ("0s", 0),
    ],
)
def test_units_add_up(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "10", "s", "10 m", " 10m", "-1s", "1y", "1e3s", "٣s", "10m ", "1h30", "1" * 65 + "s"],
)
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="2h30m"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["30m2h", "1s1s", "1ms1s"])
def test_units_come_once_and_largest_first(text: str) -> None:
    with pytest.raises(ValueError, match="once"):
        parse_duration(text)


@given(st.text(max_size=80))
def test_any_text_gives_seconds_or_the_one_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse_duration(text) >= 0


@given(st.integers(min_value=0, max_value=10**10))
def test_a_rendered_duration_reads_back_to_the_millisecond(milliseconds: int) -> None:
    assert parse_duration(render_duration(milliseconds / 1000)) == pytest.approx(
        milliseconds / 1000
    )

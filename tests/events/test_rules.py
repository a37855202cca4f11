"""Patterns, ids and the order of chains: plain functions, no database."""

import datetime as dt
import re
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.rules.chains import measure_chain, order_chain, select_from_run
from events.rules.globs import (
    compile_pattern,
    is_event_pattern,
    is_event_type,
    is_system_type,
    matches_event_type,
)
from events.rules.ids import (
    CLOCK_MARGIN,
    EPOCH,
    bound_ids,
    bound_times,
    list_windows,
    lowest_id,
    read_id_time,
)
from tests.events.factories import mint_id_at
from workspaces.services import new_id

UTC = dt.UTC


@dataclass(frozen=True)
class Timed:
    id: UUID
    parent_id: UUID | None
    created_at: dt.datetime


MOMENTS = st.integers(0, 200_000 * 86_400 * 10**6).map(
    lambda microseconds: EPOCH + dt.timedelta(microseconds=microseconds)
)


@pytest.mark.parametrize(
    ("pattern", "event_type", "is_match"),
    [
        ("lead.created", "lead.created", True),
        ("lead.created", "lead.created2", False),
        ("lead.*", "lead.created", True),
        ("lead.*", "lead.", True),
        ("lead.*", "leads.created", False),
        ("*", "anything", True),
        ("*.created", "lead.created", True),
        ("*.created", "lead.created.twice", False),
        ("lead.*.done", "lead.a.b.done", True),
        ("lead.*.done", "lead.done", False),
        ("a*a", "a", False),
        ("a*b*a", "abba", True),
        ("**", "x", True),
        ("lead.creat?d", "lead.created", False),
        ("lead.[a-z]*", "lead.created", False),
        ("Lead.*", "lead.created", False),
    ],
)
def test_star_stands_for_any_text_and_nothing_else_is_special(
    pattern: str, event_type: str, is_match: bool
) -> None:
    assert matches_event_type(pattern, event_type) is is_match


@given(st.text(alphabet="ab.*-", min_size=1, max_size=12), st.text(alphabet="ab.-", max_size=20))
def test_matching_in_python_agrees_with_the_regular_expression_sent_to_postgres(
    pattern: str, event_type: str
) -> None:
    is_match = re.search(compile_pattern(pattern), event_type) is not None
    assert matches_event_type(pattern, event_type) is is_match


@given(st.text(alphabet="ab", max_size=30))
def test_a_pattern_with_stars_between_the_letters_of_a_type_matches_it(event_type: str) -> None:
    assert matches_event_type("*".join(["", *event_type, ""]) or "*", event_type)


@pytest.mark.timeout(5)
def test_a_pattern_made_to_be_slow_is_not() -> None:
    assert not matches_event_type("a*" * 64 + "d", "a" * 100_000 + "dc")


@pytest.mark.parametrize("text", ["", "a" * 129, "a b", "lead.*", "lead.created\n", "é", "a,b"])
def test_text_outside_the_alphabet_or_the_length_is_no_event_type(text: str) -> None:
    assert not is_event_type(text)


def test_event_types_and_patterns_take_every_character_of_the_alphabet() -> None:
    assert is_event_type("Az09._-:/" + "a" * 119)
    assert is_event_pattern("*.created")
    assert not is_event_pattern("")


def test_system_types_are_those_under_the_three_prefixes() -> None:
    assert is_system_type("trigger.fired")
    assert is_system_type("outbound.")
    assert is_system_type("webhook.anything")
    assert not is_system_type("triggers.fired")
    assert not is_system_type("trigger")


@given(MOMENTS, MOMENTS)
def test_an_id_lies_above_the_bound_exactly_when_its_time_does(
    minted_at: dt.datetime, since: dt.datetime
) -> None:
    id_ = mint_id_at(minted_at)
    assert (id_ >= lowest_id(since)) is (read_id_time(id_) >= since)


def test_moments_before_1970_bound_nothing() -> None:
    assert lowest_id(dt.datetime(1901, 1, 1, tzinfo=UTC)) == UUID(int=0)


def test_an_id_tells_its_time_to_the_millisecond() -> None:
    moment = dt.datetime(2026, 11, 24, 9, 0, 0, 123_999, tzinfo=UTC)
    assert read_id_time(mint_id_at(moment)) == moment.replace(microsecond=123_000)


def test_an_id_of_another_version_tells_no_time() -> None:
    with pytest.raises(ValueError, match="not a UUID version 7"):
        read_id_time(uuid4())
    assert bound_ids(uuid4()) is None
    assert bound_ids(None) is None


@given(MOMENTS)
def test_the_bound_of_an_id_lies_lower_by_what_clocks_may_differ(moment: dt.datetime) -> None:
    bound = bound_ids(mint_id_at(moment))
    assert bound is not None
    expected = max(moment - CLOCK_MARGIN, dt.datetime(1970, 1, 1, tzinfo=UTC))
    # Both ids hold whole milliseconds, cut off alike.
    assert abs(bound.int - lowest_id(expected).int) <= 1 << 80


@dataclass(frozen=True)
class Link:
    id: UUID
    parent_id: UUID | None = None
    run_id: UUID | None = None


def test_a_child_whose_clock_was_behind_comes_after_its_parent() -> None:
    child_id, parent_id = sorted([new_id(), new_id()])
    parent, child = Link(parent_id), Link(child_id, parent_id)
    assert order_chain([child, parent]) == [parent, child]


def test_siblings_are_ordered_by_id() -> None:
    root, first, second = (Link(UUID(int=number)) for number in (1, 2, 3))
    children = [Link(second.id, root.id), Link(first.id, root.id)]
    assert [link.id for link in order_chain([*children, root])] == [root.id, first.id, second.id]


def test_an_event_whose_parent_is_elsewhere_counts_as_a_beginning() -> None:
    orphan = Link(UUID(int=5), UUID(int=1))
    assert order_chain([orphan]) == [orphan]


def test_a_circle_of_parents_is_shown_and_not_waited_for() -> None:
    one, two, free = UUID(int=1), UUID(int=2), UUID(int=3)
    ordered = order_chain([Link(two, one), Link(one, two), Link(free)])
    assert [link.id for link in ordered] == [free, one, two]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_every_event_comes_once_and_after_its_parent(parents: list[int], random: object) -> None:
    ids = [UUID(int=1 + number * 7 % 31) for number in range(len(parents))]
    links = [
        Link(ids[number], ids[parent % number] if number else None)
        for number, parent in enumerate(parents)
    ]
    shuffled = list(links)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    ordered = order_chain(shuffled)
    assert set(ordered) == set(links)
    places = {link.id: place for place, link in enumerate(ordered)}
    assert all(
        places[link.parent_id] < places[link.id] for link in links if link.parent_id is not None
    )


def test_a_runs_part_of_a_chain_is_what_it_wrote_and_what_followed() -> None:
    mine, other = new_id(), new_id()
    before = Link(UUID(int=1), run_id=other)
    fired = Link(UUID(int=2), before.id, run_id=mine)
    emitted = Link(UUID(int=3), fired.id)
    followed = Link(UUID(int=4), emitted.id, run_id=new_id())
    beside = Link(UUID(int=5), before.id, run_id=other)
    ordered = order_chain([before, fired, emitted, followed, beside])
    assert select_from_run(ordered, run_id=mine) == [fired, emitted, followed]


def test_a_chain_is_measured_from_its_first_event_and_from_each_cause() -> None:
    start = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
    first, second, third, stray = (new_id() for _ in range(4))
    chain = [
        Timed(first, None, start),
        Timed(second, first, start + dt.timedelta(seconds=2)),
        Timed(third, first, start + dt.timedelta(seconds=5)),
        Timed(stray, new_id(), start + dt.timedelta(seconds=9)),
    ]
    assert [
        (step.number, step.parent_number, step.offset_seconds, step.since_parent_seconds)
        for step in measure_chain(chain)
    ] == [(1, None, 0, None), (2, 1, 2, 2), (3, 1, 5, 5), (4, None, 9, None)]
    assert measure_chain([]) == []


def test_a_range_of_ids_leaves_room_for_clocks_that_disagree() -> None:
    noon = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
    hours = dt.timedelta(hours=2)
    assert bound_times(noon, noon) == {
        "id__gte": lowest_id(noon - hours),
        "id__lt": lowest_id(noon + hours),
    }
    assert bound_times(None, None) == {}


def test_a_range_of_ids_takes_any_time_that_a_calendar_holds() -> None:
    first = dt.datetime.min.replace(tzinfo=dt.UTC)
    last = dt.datetime.max.replace(tzinfo=dt.UTC)
    assert bound_times(first, None) == {"id__gte": UUID(int=0)}
    assert bound_times(None, last) == {"id__lt": lowest_id(last)}


def test_windows_reach_back_from_tomorrow_or_from_the_id() -> None:
    now = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
    day = dt.timedelta(days=1)
    top = lowest_id(now + day)
    newest = [{"id__gte": lowest_id(now - n * day), "id__lt": top} for n in (1, 15)]
    assert list_windows(None, now=now) == newest
    assert list_windows(uuid4(), now=now) == newest
    assert list_windows(mint_id_at(now + 400 * day), now=now) == newest
    then = now - 30 * day
    assert list_windows(mint_id_at(then), now=now) == [
        {"id__gte": lowest_id(then - n * day), "id__lt": top} for n in (2, 16)
    ]
    assert list_windows(mint_id_at(EPOCH), now=now)[0]["id__gte"] == UUID(int=0)

"""``event_filter``: matching, its laws, and what is refused at save."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggers.rules.filters import find_filter_problems, is_equal_json, matches_filter

LEAD: dict[str, Any] = {
    "type": "lead.created",
    "data": {
        "status": "open",
        "score": 42,
        "ratio": 0.5,
        "hot": True,
        "owner": None,
        "tags": ["new", "eu", 1],
        "address": {"city": "Wien", "zip": "1010"},
        "items": [{"name": "a"}, {"name": "b"}],
    },
}


@pytest.mark.parametrize(
    "event_filter",
    [
        {},
        {"type": "lead.created"},
        {"$.type": "lead.created"},
        {"data.status": "open", "data.score": 42},
        {"data.score": 42.0},
        {"data.hot": True},
        {"data.owner": None},
        {"data.status": ["closed", "open"]},
        {"data.tags": {"$eq": ["new", "eu", 1]}},
        {"data.address": {"city": "Wien", "zip": "1010"}},
        {"data.items.1.name": "b"},
        {"data.status": {"$eq": "open"}},
        {"data.status": {"$ne": "closed"}},
        {"data.missing": {"$ne": "closed"}},
        {"data.status": {"$in": ["open", "new"]}},
        {"data.status": {"$nin": ["closed"]}},
        {"data.missing": {"$nin": ["closed"]}},
        {"data.score": {"$gt": 41, "$lt": 43}},
        {"data.score": {"$gte": 42, "$lte": 42}},
        {"data.ratio": {"$lt": 1}},
        {"data.status": {"$gt": "a", "$lt": "z"}},
        {"data.owner": {"$exists": True}},
        {"data.missing": {"$exists": False}},
        {"data.status": {"$startsWith": "op"}},
        {"data.status": {"$endsWith": "en"}},
        {"data.status": {"$contains": "pe"}},
        {"data.tags": {"$contains": "eu"}},
        {"data.items": {"$contains": {"name": "a"}}},
        {"type": {"$regex": r"^lead\.(created|won)$"}},
        {"data.address.city": {"$regex": "(?i)wIEN"}},
        {"data.score": {"$not": {"$lt": 10}}},
        {"$and": [{"type": "lead.created"}, {"data.score": 42}]},
        {"$or": [{"type": "x"}, {"data.score": 42}]},
        {"$not": {"type": "x"}},
        {"$not": {"$or": [{"type": "x"}, {"type": "y"}]}, "data.score": {"$exists": True}},
    ],
)
def test_what_holds_matches(event_filter: dict[str, Any]) -> None:
    assert find_filter_problems(event_filter) == []
    assert matches_filter(event_filter, LEAD)


@pytest.mark.parametrize(
    "event_filter",
    [
        {"type": "lead"},
        {"data.score": "42"},
        {"data.hot": 1},
        {"data.tags": {"$contains": True}},
        {"data.hot": {"$in": [1, "true"]}},
        {"data.missing": None},
        {"data.owner": {"$exists": False}},
        {"data.missing": {"$exists": True}},
        {"data.missing": {"$eq": None}},
        {"data.missing": {"$in": [None]}},
        {"data.missing": {"$lt": 1}},
        {"data.status": ["closed"]},
        {"data.status": []},
        {"data.tags": "new"},
        {"data.address": {"city": "Wien"}},
        {"data.status": {"$ne": "open"}},
        {"data.status": {"$nin": ["open"]}},
        {"data.score": {"$gt": 42}},
        {"data.score": {"$gt": "1"}},
        {"data.hot": {"$gt": 0}},
        {"data.status": {"$lt": 5}},
        {"data.score": {"$startsWith": "4"}},
        {"data.score": {"$contains": "4"}},
        {"data.address": {"$contains": "city"}},
        {"data.score": {"$regex": "4"}},
        {"data.status": {"$regex": "OPEN"}},
        {"data.items.2.name": {"$exists": True}},
        {"data.items.-1.name": "b"},
        {"data.status": "open", "type": "x"},
        {"$and": [{"type": "lead.created"}, {"data.score": 1}]},
        {"$or": [{"type": "x"}]},
        {"$not": {"type": "lead.created"}},
        {"$not": {}},
    ],
)
def test_what_does_not_hold_does_not_match(event_filter: dict[str, Any]) -> None:
    assert find_filter_problems(event_filter) == []
    assert not matches_filter(event_filter, LEAD)


NESTED: dict[str, Any] = {"a": 1}
for _ in range(11):
    NESTED = {"$not": NESTED}
NEGATED: dict[str, Any] = {"$eq": 1}
for _ in range(11):
    NEGATED = {"$not": NEGATED}


@pytest.mark.parametrize(
    ("event_filter", "pointer"),
    [
        ([], ""),
        ("x", ""),
        (None, ""),
        ({"$nor": []}, "/$nor"),
        ({"$eq": 1}, "/$eq"),
        ({"": 1}, "/"),
        ({"a..b": 1}, "/a..b"),
        ({"a[0]": 1}, "/a[0]"),
        ({"a": {"$like": 1}}, "/a/$like"),
        ({"a": {"$eq": 1, "b": 2}}, "/a/b"),
        ({"a": {"$in": 1}}, "/a/$in"),
        ({"a": {"$nin": "x"}}, "/a/$nin"),
        ({"a": {"$gt": None}}, "/a/$gt"),
        ({"a": {"$lt": True}}, "/a/$lt"),
        ({"a": {"$lte": [1]}}, "/a/$lte"),
        ({"a": {"$exists": 1}}, "/a/$exists"),
        ({"a": {"$startsWith": 1}}, "/a/$startsWith"),
        ({"a": {"$endsWith": None}}, "/a/$endsWith"),
        ({"a": {"$regex": "("}}, "/a/$regex"),
        ({"a": {"$regex": "(?=x)"}}, "/a/$regex"),
        ({"a": {"$regex": r"(a)\1"}}, "/a/$regex"),
        ({"a": {"$regex": "x" * 513}}, "/a/$regex"),
        ({"a": {"$regex": 5}}, "/a/$regex"),
        ({"a": {"$regex": "\ud800"}}, "/a/$regex"),
        ({"a": {"$regex": r"(\pL{1000}){1000}"}}, "/a/$regex"),
        ({"a": {"$not": 5}}, "/a/$not"),
        ({"a": {"$not": {}}}, "/a/$not"),
        ({"$and": {}}, "/$and"),
        ({"$or": []}, "/$or"),
        ({"$and": []}, "/$and"),
        ({"$or": [{"a": 1}, 5]}, "/$or/1"),
        ({"$and": [{"a": {"$x": 1}}]}, "/$and/0/a/$x"),
        ({"$not": [{"a": 1}]}, "/$not"),
        ({"a/b~c": {"$x": 1}}, "/a~1b~0c/$x"),
        (NESTED, "/$not" * 11),
        ({"a": NEGATED}, "/a" + "/$not" * 11),
        ({f"a{number}": 1 for number in range(201)}, ""),
        ({"a": ["x" * 1000] * 70}, ""),
    ],
)
def test_an_invalid_filter_is_refused_at_its_place_and_matches_nothing(
    event_filter: Any, pointer: str
) -> None:
    problems = find_filter_problems(event_filter)
    assert [problem.pointer for problem in problems] == [pointer]
    assert problems[0].detail
    if pointer:
        assert not matches_filter(event_filter, {"a": "x"})


def test_every_problem_of_a_filter_is_found() -> None:
    problems = find_filter_problems({"a": {"$x": 1, "$gt": None}, "$or": [], "b": {"$regex": "("}})
    assert [problem.pointer for problem in problems] == ["/a/$x", "/a/$gt", "/$or", "/b/$regex"]


@pytest.mark.parametrize("root", [None, 5, "text", [], [{"a": 1}], True])
def test_a_root_of_any_type_can_be_asked(root: Any) -> None:
    assert not matches_filter({"a": 1}, root)
    assert matches_filter({"a": {"$exists": False}}, root)
    assert matches_filter({"$": {"$eq": root}}, root)


def test_a_pattern_stays_linear_and_its_subject_bounded() -> None:
    evil = {"a": {"$regex": "(a+)+$"}}
    assert not matches_filter(evil, {"a": "a" * 60_000 + "b"})
    assert matches_filter({"a": {"$regex": "a"}}, {"a": "a" * 65_536})
    assert not matches_filter({"a": {"$regex": "a"}}, {"a": "a" * 65_537})
    assert not matches_filter({"a": {"$regex": "é"}}, {"a": "é" * 40_000})
    assert not matches_filter({"a": {"$regex": "x"}}, {"a": "\ud800"})


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.0, 1.0, 1.5])
    | st.sampled_from(["", "a", "ab"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)
filters = st.recursive(
    st.dictionaries(
        st.sampled_from(["a", "b", "a.b", "c.0", "$"]),
        st.one_of(
            json_values,
            st.fixed_dictionaries(
                {},
                optional={
                    "$eq": json_values,
                    "$ne": json_values,
                    "$in": st.lists(json_values, max_size=3),
                    "$gt": st.integers(-3, 3) | st.sampled_from(["", "a"]),
                    "$exists": st.booleans(),
                    "$contains": json_values,
                    "$regex": st.sampled_from(["a", "^b?$", "[ab]+"]),
                },
            ),
        ),
        max_size=3,
    ),
    lambda inner: st.one_of(
        st.builds(lambda one: {"$not": one}, inner),
        st.builds(lambda many: {"$and": many}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda many: {"$or": many}, st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=6,
)


@given(filters, filters, json_values)
def test_and_or_and_not_obey_their_laws(
    left: dict[str, Any], right: dict[str, Any], root: Any
) -> None:
    a, b = matches_filter(left, root), matches_filter(right, root)
    assert find_filter_problems(left) == []
    assert matches_filter({"$and": [left, right]}, root) is (a and b)
    assert matches_filter({"$or": [left, right]}, root) is (a or b)
    assert matches_filter({"$not": left}, root) is (not a)
    assert matches_filter({"$not": {"$and": [left, right]}}, root) is matches_filter(
        {"$or": [{"$not": left}, {"$not": right}]}, root
    )


@given(json_values, json_values)
def test_equality_is_that_of_json(left: Any, right: Any) -> None:
    assert is_equal_json(left, left)
    assert is_equal_json(left, right) is is_equal_json(right, left)
    assert matches_filter({"a": {"$eq": left}}, {"a": right}) is is_equal_json(left, right)
    assert matches_filter({"a": {"$ne": left}}, {"a": right}) is not is_equal_json(left, right)
    assert matches_filter({"a": {"$in": [right]}}, {"a": left}) is is_equal_json(left, right)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["$and", "$or", "$not", "$eq", "$in", "$regex", "$gt", "a", "b.0", "$.a", "$x", ""]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(anything, anything)
def test_matching_never_raises_whatever_the_filter_and_the_root(
    event_filter: Any, root: Any
) -> None:
    assert isinstance(matches_filter(event_filter, root), bool)
    find_filter_problems(event_filter)

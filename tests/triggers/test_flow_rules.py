"""The decision on one fire: data in, a decision out."""

import datetime as dt
from typing import Any

import pytest

from triggers.rules.flow import (
    Decision,
    FireLimit,
    InvalidFireLimit,
    Standing,
    decide_fire,
    parse_fire_limit,
)
from workspaces.rules.ids import parse_id

NOW = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)
RUNS = [parse_id(f"0193a000-0000-7000-8000-00000000000{n}") for n in range(5)]


def stand(*held: bool) -> list[Standing]:
    return [
        Standing(run_id, is_held)
        for run_id, is_held in zip(RUNS, held, strict=False)
        if run_id is not None
    ]


def decide(policy: str, *held: bool, **options: Any) -> Decision:
    defaults: dict[str, Any] = {"limit": None, "fired_at": [], "now": NOW}
    return decide_fire(policy=policy, live=stand(*held), **(defaults | options))


@pytest.mark.parametrize("policy", ["allow", "skip", "buffer_one", "buffer_all", "cancel_other"])
def test_without_a_live_run_every_policy_fires_at_once(policy: str) -> None:
    assert decide(policy) == Decision()


def test_allow_looks_at_nothing() -> None:
    assert decide("allow", False, True) == Decision()


def test_skip_names_the_run_that_has_not_ended() -> None:
    decision = decide("skip", False)
    assert decision.outcome == "overlap_skipped"
    assert str(RUNS[0]) in (decision.reason or "")


def test_buffer_one_waits_for_the_started_run_and_displaces_the_held_ones() -> None:
    assert decide("buffer_one", False) == Decision(waits_for=RUNS[0])
    decision = decide("buffer_one", False, True)
    assert (decision.waits_for, decision.displaced) == (RUNS[0], (RUNS[1],))


def test_buffer_all_waits_for_the_last_in_the_row() -> None:
    assert decide("buffer_all", False, True, True) == Decision(waits_for=RUNS[2])


def test_cancel_other_makes_every_live_run_go() -> None:
    assert decide("cancel_other", False, True).cancelled == (RUNS[0], RUNS[1])


def test_the_limit_opens_when_the_oldest_of_its_fires_leaves_the_window() -> None:
    fired_at = [NOW - dt.timedelta(minutes=minutes) for minutes in (50, 10, 30)]
    decision = decide("allow", limit=FireLimit(3, 3600), fired_at=fired_at)
    assert (decision.outcome, decision.retry_after_seconds) == ("limited", 600)
    assert decide("allow", limit=FireLimit(4, 3600), fired_at=fired_at) == Decision()


def test_a_skipped_fire_spends_nothing_and_a_limited_one_moves_no_run() -> None:
    full: dict[str, Any] = {"limit": FireLimit(1, 3600), "fired_at": [NOW]}
    assert decide("skip", False, **full).outcome == "overlap_skipped"
    limited = decide("cancel_other", False, **full)
    assert (limited.outcome, limited.cancelled) == ("limited", ())


def test_a_limit_is_read_with_its_window_in_seconds() -> None:
    assert parse_fire_limit({"max": 5, "window": "1h30m"}) == FireLimit(5, 5400)


@pytest.mark.parametrize(
    ("limit", "member"),
    [
        ({}, "max"),
        ({"max": 0, "window": "1h"}, "max"),
        ({"max": True, "window": "1h"}, "max"),
        ({"max": 1.5, "window": "1h"}, "max"),
        ({"max": 10_001, "window": "1h"}, "max"),
        ({"max": 5}, "window"),
        ({"max": 5, "window": 60}, "window"),
        ({"max": 5, "window": "soon"}, "window"),
        ({"max": 5, "window": "0s"}, "window"),
        ({"max": 5, "window": "32d"}, "window"),
        ({"max": 5, "window": "1h", "per": "day"}, "per"),
    ],
)
def test_what_is_no_limit_is_refused_by_its_member(limit: dict[str, Any], member: str) -> None:
    with pytest.raises(InvalidFireLimit) as caught:
        parse_fire_limit(limit)
    assert caught.value.member == member

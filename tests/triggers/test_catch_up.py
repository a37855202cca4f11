"""What becomes of slots that could not fire on time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggers.rules.catch_up import (
    CATCH_UP_POLICIES,
    MissedRange,
    OwedDecision,
    settle_owed_slots,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def ago(*seconds: float) -> list[datetime]:
    return [NOW - timedelta(seconds=number) for number in seconds]


def settle(
    owed: list[datetime], policy: str, *, grace: float = 3600, is_complete: bool = True
) -> OwedDecision:
    return settle_owed_slots(
        owed, now=NOW, grace_seconds=grace, policy=policy, is_complete=is_complete
    )


def list_outcomes(decision: OwedDecision) -> str:
    """One letter for each slot: fired, missed, superseded."""
    return "".join(outcome[0] for _, outcome in decision.outcomes)


@pytest.mark.parametrize(
    ("seconds_late", "grace", "expected"),
    [
        # (by coalesce, by replay, by skip_missed)
        ([0], 3600, ("f", "f", "f")),
        ([0.4], 0, ("f", "f", "f")),
        ([59], 3600, ("f", "f", "f")),
        ([60], 3600, ("f", "f", "m")),
        ([3600], 3600, ("f", "f", "m")),
        ([3601], 3600, ("m", "m", "m")),
        ([6], 0, ("m", "m", "m")),
        ([30], 10, ("m", "m", "m")),
        ([90, 30], 3600, ("sf", "ff", "mf")),
        ([180, 120], 3600, ("sf", "ff", "mm")),
        ([5400, 1800], 3600, ("mf", "mf", "mm")),
        ([9000, 5400, 1800, 900], 3600, ("mmsf", "mmff", "mmmm")),
        ([9000, 5400], 3600, ("mm", "mm", "mm")),
        ([], 3600, ("", "", "")),
    ],
)
def test_slots_by_lateness_grace_and_policy(
    seconds_late: list[float], grace: float, expected: tuple[str, str, str]
) -> None:
    for policy, letters in zip(("coalesce", "replay", "skip_missed"), expected, strict=True):
        decision = settle(ago(*seconds_late), policy, grace=grace)
        assert list_outcomes(decision) == letters
        assert [one.slot for one in decision.outcomes] == ago(*seconds_late)
        assert decision.missed_summary is None
        assert decision.continue_from is None


def test_a_thousand_missed_slots_have_a_row_each() -> None:
    owed = ago(*(10_000 + 60 * number for number in range(1000, 0, -1)))
    decision = settle(owed, "coalesce")
    assert list_outcomes(decision) == "m" * 1000
    assert decision.missed_summary is None


def test_more_missed_slots_share_one_summary() -> None:
    missed = ago(*(10_000 + 60 * number for number in range(1001, 0, -1)))
    decision = settle([*missed, *ago(120, 60)], "coalesce")
    assert decision.missed_summary == MissedRange(missed[0], missed[-1], 1001)
    assert list_outcomes(decision) == "sf"


def test_replay_fires_a_hundred_and_continues_from_the_next() -> None:
    owed = ago(*(10 * number for number in range(150, 0, -1)))
    decision = settle(owed, "replay")
    assert list_outcomes(decision) == "f" * 100
    assert decision.continue_from == owed[100]


@pytest.mark.parametrize(
    ("policy", "letters"), [("coalesce", "ss"), ("skip_missed", "mm"), ("replay", "ff")]
)
def test_the_last_of_an_incomplete_list_is_not_taken_for_the_latest(
    policy: str, letters: str
) -> None:
    assert list_outcomes(settle(ago(40, 20), policy, is_complete=False)) == letters


@given(
    st.lists(st.integers(0, 200_000), unique=True, max_size=300),
    st.integers(0, 100_000),
    st.sampled_from(CATCH_UP_POLICIES),
    st.booleans(),
)
def test_every_owed_slot_gets_one_outcome_or_stays_owed(
    seconds_late: list[int], grace: int, policy: str, is_complete: bool
) -> None:
    owed = ago(*sorted(seconds_late, reverse=True))
    decision = settle(owed, policy, grace=grace, is_complete=is_complete)
    settled = [one.slot for one in decision.outcomes]
    left = [] if decision.continue_from is None else owed[owed.index(decision.continue_from) :]
    assert [*settled, *left] == owed
    # Missed slots come before all others: a summary never holds a slot of another outcome.
    assert "m" not in list_outcomes(decision).lstrip("m") or policy == "skip_missed"
    fired = list_outcomes(decision).count("f")
    assert fired <= (100 if policy == "replay" else 1)
    assert list_outcomes(decision).count("s") == 0 or policy == "coalesce"

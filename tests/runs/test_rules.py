"""The table of states and the decisions after an attempt."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.rules.retry import RetryPolicy
from runs.rules import states
from runs.rules.retry import (
    MAX_LOST_LEASES,
    compute_backoff,
    decide_after_failure,
    decide_after_lost_lease,
)

POLICY = RetryPolicy(
    strategy="backoff", max_retries=3, base_delay_seconds=2.0, max_delay_seconds=600.0
)


def test_nothing_leaves_a_terminal_status() -> None:
    assert not [move for move in states.TRANSITIONS if move[0] in states.TERMINAL]


def test_every_move_starts_and_ends_in_a_known_status() -> None:
    assert set(itertools.chain(*states.TRANSITIONS)) <= set(states.STATUSES)


def test_a_move_that_the_table_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="does not go from completed to queued"):
        states.name_event(from_status=states.COMPLETED, to_status=states.QUEUED)


@given(
    failures=st.integers(1, 10_000),
    jitter=st.floats(0, 1, exclude_max=True),
    base=st.floats(0.001, 3600),
    longest=st.floats(0.001, 86_400),
)
def test_backoff_never_exceeds_its_maximum_nor_its_exponential(
    failures: int, jitter: float, base: float, longest: float
) -> None:
    policy = RetryPolicy("backoff", 3, base, longest)
    delay = compute_backoff(policy, failures=failures, jitter=jitter)
    assert 0 <= delay <= longest
    assert delay <= base * 2.0 ** min(failures - 1, 60)


@pytest.mark.parametrize(("failures", "ceiling"), [(1, 2), (2, 4), (3, 8), (9, 512), (10, 600)])
def test_backoff_doubles_up_to_its_maximum(failures: int, ceiling: float) -> None:
    assert compute_backoff(POLICY, failures=failures, jitter=0.5) == ceiling / 2


def test_a_retryable_failure_goes_back_to_the_queue_until_its_retries_are_spent() -> None:
    outcomes = [
        decide_after_failure(
            POLICY, failures=n, retryable=True, retry_after_seconds=None, jitter=0.5
        ).to_status
        for n in (1, 2, 3, 4)
    ]
    assert outcomes == ["queued", "queued", "queued", "failed"]


def test_a_permanent_failure_is_final_at_once() -> None:
    decision = decide_after_failure(
        POLICY, failures=1, retryable=False, retry_after_seconds=5, jitter=0.5
    )
    assert decision.to_status == "failed"


def test_strategy_none_never_retries() -> None:
    policy = RetryPolicy("none", 20, 1.0, 1.0)
    decision = decide_after_failure(
        policy, failures=1, retryable=True, retry_after_seconds=None, jitter=0.5
    )
    assert decision.to_status == "failed"


def test_the_targets_own_retry_after_wins() -> None:
    decision = decide_after_failure(
        POLICY, failures=1, retryable=True, retry_after_seconds=42, jitter=0.5
    )
    assert decision.delay_seconds == 42


def test_a_run_that_lost_its_worker_goes_on_at_once_then_later_then_never() -> None:
    decisions = [decide_after_lost_lease(lost_leases=n) for n in range(1, MAX_LOST_LEASES + 1)]
    assert [decision.to_status for decision in decisions] == ["queued", "queued", "failed"]
    assert [decision.delay_seconds for decision in decisions[:2]] == [0.0, 5.0]

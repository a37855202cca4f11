"""Which retry policy holds, and what may be given as one."""

from typing import Any

import pytest

from actions.rules.retry import (
    DEFAULT_RETRY,
    InvalidRetry,
    RetryPolicy,
    choose_retry,
    parse_retry,
)

FULL = {"strategy": "backoff", "max_retries": 5, "base_delay": "1s", "max_delay": "1h"}
FULL_POLICY = RetryPolicy("backoff", 5, 1.0, 3600.0)


def test_a_whole_policy_is_read() -> None:
    assert parse_retry(FULL) == FULL_POLICY


def test_members_that_lack_are_the_defaults() -> None:
    assert parse_retry({"max_retries": 1}) == RetryPolicy("backoff", 1, 2.0, 600.0)


def test_a_given_delay_moves_the_default_of_the_other_along() -> None:
    assert parse_retry({"base_delay": "1h"}).max_delay_seconds == 3600
    assert parse_retry({"max_delay": "1s"}).base_delay_seconds == 1


@pytest.mark.parametrize(
    ("given", "member"),
    [
        ("3 times", ""),
        (None, ""),
        ({"attempts": 3}, "attempts"),
        ({"strategy": "forever"}, "strategy"),
        ({"strategy": ["none"]}, "strategy"),
        ({"max_retries": 21}, "max_retries"),
        ({"max_retries": -1}, "max_retries"),
        ({"max_retries": "3"}, "max_retries"),
        ({"max_retries": True}, "max_retries"),
        ({"max_retries": 1.5}, "max_retries"),
        ({"base_delay": 2}, "base_delay"),
        ({"base_delay": "soon"}, "base_delay"),
        ({"base_delay": None}, "base_delay"),
        ({"max_delay": "2d"}, "max_delay"),
        ({"base_delay": "10s", "max_delay": "5s"}, "base_delay"),
    ],
)
def test_a_wrong_member_is_named(given: Any, member: str) -> None:
    with pytest.raises(InvalidRetry) as refusal:
        parse_retry(given)
    assert refusal.value.member == member
    assert refusal.value.detail


def test_the_first_given_policy_holds_as_a_whole() -> None:
    assert choose_retry(None, FULL, {"max_retries": 1}, default=DEFAULT_RETRY) == FULL_POLICY
    assert choose_retry({"max_retries": 0}, FULL, default=DEFAULT_RETRY).base_delay_seconds == 2


def test_without_any_the_default_holds() -> None:
    assert choose_retry(None, None, default=FULL_POLICY) is FULL_POLICY
    assert choose_retry(default=DEFAULT_RETRY) is DEFAULT_RETRY


def test_a_policy_survives_storage() -> None:
    assert RetryPolicy.from_json(FULL_POLICY.as_json()) == FULL_POLICY


def test_attempts_count_the_first_one_and_strategy_none_has_no_other() -> None:
    assert FULL_POLICY.max_attempts == 6
    assert parse_retry({"strategy": "none", "max_retries": 5}).max_attempts == 1

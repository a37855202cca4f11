"""How often and how soon a failed run is tried again: the policy, and which of several given ones
holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

from actions.rules.durations import parse_duration

Strategy = Literal["none", "backoff"]

_STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
_MEMBERS = ("strategy", "max_retries", "base_delay", "max_delay")
_MAX_RETRIES = 20
_MAX_DELAY_SECONDS = 86_400.0


class InvalidRetry(ValueError):
    """A retry policy that cannot be meant; ``member`` names the field at fault, empty for the
    whole.
    """

    def __init__(self, member: str, detail: str) -> None:
        super().__init__(detail)
        self.member = member
        self.detail = detail


@dataclass(frozen=True)
class RetryPolicy:
    """A complete policy. The n-th retry waits up to ``min(max_delay, base_delay · 2^(n-1))``
    seconds.
    """

    strategy: Strategy
    max_retries: int
    base_delay_seconds: float
    max_delay_seconds: float

    @property
    def max_attempts(self) -> int:
        """How many times a run is tried at most, the first time included."""
        return 1 if self.strategy == "none" else 1 + self.max_retries

    def as_json(self) -> dict[str, Any]:
        """The members under their own names, for storage; ``from_json`` reads them back."""
        return {
            "strategy": self.strategy,
            "max_retries": self.max_retries,
            "base_delay_seconds": self.base_delay_seconds,
            "max_delay_seconds": self.max_delay_seconds,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The policy that ``as_json`` wrote."""
        return cls(
            strategy=stored["strategy"],
            max_retries=stored["max_retries"],
            base_delay_seconds=stored["base_delay_seconds"],
            max_delay_seconds=stored["max_delay_seconds"],
        )


DEFAULT_RETRY = RetryPolicy(
    strategy="backoff", max_retries=3, base_delay_seconds=2.0, max_delay_seconds=600.0
)


def parse_retry(given: Any, *, default: RetryPolicy = DEFAULT_RETRY) -> RetryPolicy:
    """The policy of a caller's ``{"strategy", "max_retries", "base_delay", "max_delay"}``; what
    lacks is the default's.

    A given delay moves the other, defaulted one along, so that the base never exceeds the maximum.

    Raises:
        InvalidRetry: naming the member that is unknown, of a wrong type or out of bounds.
    """
    if not isinstance(given, Mapping):
        raise InvalidRetry("", "Must be an object.")
    for member in given:
        if member not in _MEMBERS:
            raise InvalidRetry(str(member), f"Unknown member; known are {', '.join(_MEMBERS)}.")
    base = _read_delay(given, "base_delay")
    longest = _read_delay(given, "max_delay")
    if base is not None and longest is not None and base > longest:
        raise InvalidRetry("base_delay", "Must not exceed max_delay.")
    if longest is None:
        longest = max(default.max_delay_seconds, base or 0.0)
    if base is None:
        base = min(default.base_delay_seconds, longest)
    return RetryPolicy(
        strategy=_read_strategy(given, default),
        max_retries=_read_max_retries(given, default),
        base_delay_seconds=base,
        max_delay_seconds=longest,
    )


def choose_retry(*given: Mapping[str, Any] | None, default: RetryPolicy) -> RetryPolicy:
    """The first policy that was given holds as a whole object; with none given, the default.

    Raises:
        InvalidRetry: the one that holds is invalid (services check at save, so never later).
    """
    for candidate in given:
        if candidate is not None:
            return parse_retry(candidate, default=default)
    return default


def _read_strategy(given: Mapping[str, Any], default: RetryPolicy) -> Strategy:
    strategy = given.get("strategy", default.strategy)
    for known in _STRATEGIES:
        if strategy == known:
            return known
    raise InvalidRetry("strategy", 'Must be "none" or "backoff".')


def _read_max_retries(given: Mapping[str, Any], default: RetryPolicy) -> int:
    max_retries = given.get("max_retries", default.max_retries)
    if not isinstance(max_retries, int) or isinstance(max_retries, bool):
        raise InvalidRetry("max_retries", "Must be an integer.")
    if not 0 <= max_retries <= _MAX_RETRIES:
        raise InvalidRetry("max_retries", f"Must be between 0 and {_MAX_RETRIES}.")
    return max_retries


def _read_delay(given: Mapping[str, Any], member: str) -> float | None:
    if member not in given:
        return None
    text = given[member]
    if not isinstance(text, str):
        raise InvalidRetry(member, 'Must be a duration as text, such as "2s" or "10m".')
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise InvalidRetry(member, str(error)) from None
    if seconds > _MAX_DELAY_SECONDS:
        raise InvalidRetry(member, "Must be at most 1d.")
    return seconds

"""What becomes of a run after an attempt: data in, a decision out; nobody sleeps here."""

from dataclasses import dataclass

from actions.rules.retry import RetryPolicy
from runs.rules import states

# A run may lose its worker this often; then it is taken for what kills them.
MAX_LOST_LEASES = 3
# One that has lost so many is on its last chance: alone among its like, so that of those who shared
# a worker with what kills them none shares its last chance with it, too.
LAST_CHANCE = MAX_LOST_LEASES - 1
LOST_LEASE_BASE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Decision:
    """The next status, and for ``queued`` the seconds to wait."""

    to_status: str
    delay_seconds: float = 0.0


def compute_backoff(policy: RetryPolicy, *, failures: int, jitter: float) -> float:
    """Seconds before the next attempt: ``min(max_delay, base_delay · 2^(failures-1))`` times
    ``jitter`` in [0, 1).

    Full jitter, as AWS' "Exponential Backoff And Jitter" finds best against herds.
    """
    # 2^60 s is past any max_delay; beyond it the float would only overflow.
    ceiling = policy.base_delay_seconds * 2.0 ** min(failures - 1, 60)
    return min(policy.max_delay_seconds, ceiling) * jitter


def decide_after_failure(
    policy: RetryPolicy,
    *,
    failures: int,
    retryable: bool,
    retry_after_seconds: float | None,
    jitter: float,
) -> Decision:
    """``failures`` counts this one; attempts whose worker vanished are not among them."""
    if not retryable or policy.strategy == "none" or failures > policy.max_retries:
        return Decision(states.FAILED)
    if retry_after_seconds is not None:
        return Decision(states.QUEUED, max(0.0, retry_after_seconds))
    return Decision(states.QUEUED, compute_backoff(policy, failures=failures, jitter=jitter))


def decide_after_lost_lease(*, lost_leases: int) -> Decision:
    """``lost_leases`` counts this one. The first time the run goes on at once."""
    if lost_leases >= MAX_LOST_LEASES:
        return Decision(states.FAILED)
    if lost_leases == 1:
        return Decision(states.QUEUED)
    return Decision(states.QUEUED, LOST_LEASE_BASE_SECONDS * 2.0 ** (lost_leases - 2))

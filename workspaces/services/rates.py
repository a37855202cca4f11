"""Rate limits: one token bucket per name, in Redis. Without Redis nobody is turned away."""

import math
import os
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import redis
import structlog
from django.conf import settings
from redis.commands.core import Script

from workspaces.rules.problems import TooManyRequests

log = structlog.get_logger(__name__)

WINDOW_SECONDS = 60
# The only Redis call on a request's way: it may cost this much, and after some failures nothing.
TIMEOUT_SECONDS = 0.05
BREAKER_FAILURES = 3
BREAKER_SECONDS = 5.0

# The bucket as one number, the time when it will be full again (GCRA); on Redis' own clock, since
# hosts' clocks differ.
_TAKE = """
local parts = redis.call('TIME')
local now = tonumber(parts[1]) + tonumber(parts[2]) / 1000000
local cost = tonumber(ARGV[1])
local window = tonumber(ARGV[2])
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now) + cost
local wait = full_at - now - window
if wait > 0.000001 then
    return {0, '0', tostring(wait)}
end
redis.call('SET', KEYS[1], string.format('%.6f', full_at), 'PX', math.ceil((full_at - now) * 1000))
return {1, tostring((now + window - full_at) / cost), tostring(full_at - now)}
"""


class RateLimited(TooManyRequests):
    """The bucket is empty; ``Retry-After`` says when there is a token again."""

    def __init__(self, rate: "Rate") -> None:
        detail = f"More than {rate.per_minute} requests a minute."
        super().__init__(detail, retry_after_seconds=rate.seconds)
        self.rate = rate

    @property
    def headers(self) -> dict[str, str]:
        return {**super().headers, **self.rate.headers}


@dataclass(frozen=True, slots=True)
class Rate:
    """What a bucket holds: ``remaining`` requests; full again, or open again where it is empty,
    in ``seconds``.
    """

    name: str
    per_minute: int
    remaining: int
    seconds: float

    @property
    def headers(self) -> dict[str, str]:
        """The fields of the IETF's draft "RateLimit header fields for HTTP"."""
        return {
            "RateLimit-Policy": f'"{self.name}";q={self.per_minute};w={WINDOW_SECONDS}',
            "RateLimit": f'"{self.name}";r={self.remaining};t={math.ceil(self.seconds)}',
        }


class _Breaker:
    """Redis is left alone for a while after it failed some times in a row."""

    def __init__(self) -> None:
        self.failures = 0
        self.silent_until = 0.0

    def is_open(self) -> bool:
        return time.monotonic() < self.silent_until

    def note_failure(self, error: Exception) -> None:
        self.failures += 1
        if self.failures >= BREAKER_FAILURES:
            # One trial after the pause: a single further failure is enough.
            self.silent_until = time.monotonic() + BREAKER_SECONDS
            log.warning("rate_limits_open", seconds=BREAKER_SECONDS, error=str(error))

    def note_success(self) -> None:
        self.failures = 0


breaker = _Breaker()


def take_token(name: str, key: str, *, per_minute: int) -> Rate | None:
    """Take one of ``per_minute`` tokens from the bucket ``name:key``. None where Redis does not
    answer, or where there is no limit (0).

    Raises:
        RateLimited: there is none left.
    """
    if per_minute == 0 or breaker.is_open():
        return None
    try:
        # redis-py types its answers for both of its clients.
        answer = cast(
            "list[bytes]",
            _build_script(os.getpid())(
                keys=[f"clockhook:rate:{name}:{key}"],
                args=[WINDOW_SECONDS / per_minute, WINDOW_SECONDS],
            ),
        )
    except (redis.RedisError, OSError) as error:
        breaker.note_failure(error)
        return None
    breaker.note_success()
    is_taken, remaining, seconds = int(answer[0]), float(answer[1]), float(answer[2])
    rate = Rate(name, per_minute, max(0, math.floor(remaining + 1e-6)), seconds)
    if not is_taken:
        raise RateLimited(rate)
    return rate


@lru_cache(maxsize=1)
def _build_script(pid: int) -> Script:
    """One client per process; a fork must not share its parent's connections."""
    client = redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
    )
    return client.register_script(_TAKE)

"""Rate limits: one token bucket per name, in Redis. Without Redis nobody is turned away."""

import math
import os
import time
from collections.abc import Sequence
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

# A bucket as one number, the time when it will be full again (GCRA); on Redis' own clock, since
# hosts' clocks differ. Either all of them give a token, or the first empty one says so.
_TAKE = """
local parts = redis.call('TIME')
local now = tonumber(parts[1]) + tonumber(parts[2]) / 1000000
local window = tonumber(ARGV[1])
local full_at = {}
for i, key in ipairs(KEYS) do
    full_at[i] = math.max(tonumber(redis.call('GET', key) or now), now) + tonumber(ARGV[i + 1])
    local wait = full_at[i] - now - window
    if wait > 0.000001 then
        return {i, '0', tostring(wait)}
    end
end
local answer = {0}
for i, key in ipairs(KEYS) do
    local left = full_at[i] - now
    redis.call('SET', key, string.format('%.6f', full_at[i]), 'PX', math.ceil(left * 1000))
    answer[2 * i] = tostring((window - left) / tonumber(ARGV[i + 1]))
    answer[2 * i + 1] = tostring(left)
end
return answer
"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """``per_minute`` tokens for ``key``; ``name`` is the limit's, for callers. 0: no limit."""

    name: str
    key: str
    per_minute: int


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
    rates = take_tokens([Bucket(name, key, per_minute)])
    return rates[0] if rates else None


def take_tokens(buckets: Sequence[Bucket]) -> list[Rate]:
    """Take one token from each bucket that has a limit, in one round trip; none where Redis does
    not answer.

    Raises:
        RateLimited: one is empty, and nothing was taken from the others.
    """
    limited = [bucket for bucket in buckets if bucket.per_minute]
    if not limited or breaker.is_open():
        return []
    try:
        # redis-py types its answers for both of its clients.
        answer = cast(
            "list[bytes]",
            _build_script(os.getpid())(
                keys=[f"clockhook:rate:{bucket.name}:{bucket.key}" for bucket in limited],
                args=[WINDOW_SECONDS, *[WINDOW_SECONDS / one.per_minute for one in limited]],
            ),
        )
    except (redis.RedisError, OSError) as error:
        breaker.note_failure(error)
        return []
    breaker.note_success()
    empty = int(answer[0])
    if empty:
        raise RateLimited(_read_rate(limited[empty - 1], answer[1], answer[2]))
    return [
        _read_rate(bucket, remaining, seconds)
        for bucket, remaining, seconds in zip(limited, answer[1::2], answer[2::2], strict=True)
    ]


def _read_rate(bucket: Bucket, remaining: bytes, seconds: bytes) -> Rate:
    count = max(0, math.floor(float(remaining) + 1e-6))
    return Rate(bucket.name, bucket.per_minute, count, float(seconds))


@lru_cache(maxsize=1)
def _build_script(pid: int) -> Script:
    """One client per process; a fork must not share its parent's connections."""
    client = redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
    )
    return client.register_script(_TAKE)

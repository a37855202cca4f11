"""HTTP as strangers may direct it: no redirects, no proxies, no cookies, one deadline, no way
inwards.

Connections are pooled per process.
"""

import atexit
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import httpcore
import httpx
from django.conf import settings

from actions.kinds.guarded_network import (
    Attempt,
    ExchangeFailed,
    GuardedBackend,
    RequestImpossible,
    TimedOut,
    current_attempt,
)

MAX_BODY_BYTES = 64 * 1024
_MAX_CONNECTIONS = 100
_MAX_IDLE_CONNECTIONS = 32
# Below the five seconds after which many servers close: a request must not meet their goodbye.
_IDLE_SECONDS = 4.0


@dataclass(frozen=True)
class Answer:
    """What came back. At most 64 KiB of the body are read."""

    status: int
    reason: str
    headers: httpx.Headers
    body: bytes
    is_truncated: bool


def send_request(
    *,
    method: str,
    url: httpx.URL,
    headers: Sequence[tuple[bytes, bytes]],
    body: bytes | None,
    timeout_seconds: float,
    cancelled: threading.Event,
) -> Answer:
    """One request, one answer, whatever its status.

    Raises:
        ExchangeFailed: no answer came; the subclass says why, and whether it may come another time.
    """
    attempt = Attempt(time.monotonic() + timeout_seconds, cancelled)
    token = current_attempt.set(attempt)
    try:
        with _name_failures():
            pool = _find_pool()
            target = httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            )
            extensions = {"timeout": {"pool": attempt.read_seconds_left()}}
            with pool.stream(
                method, target, headers=list(headers), content=body, extensions=extensions
            ) as response:
                return _read_answer(response)
    finally:
        current_attempt.reset(token)


def _read_answer(response: httpcore.Response) -> Answer:
    body = bytearray()
    for chunk in response.iter_stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            break
    reason = response.extensions.get("reason_phrase", b"").decode("ascii", "replace")
    return Answer(
        status=response.status,
        reason=reason,
        headers=httpx.Headers(response.headers),
        body=bytes(body[:MAX_BODY_BYTES]),
        is_truncated=len(body) > MAX_BODY_BYTES,
    )


@contextmanager
def _name_failures() -> Iterator[None]:
    """The transport's errors under our names; what may quote the target's bytes is left out."""
    try:
        yield
    except httpcore.TimeoutException:
        raise TimedOut("No complete answer came in time.") from None
    except httpcore.LocalProtocolError as error:
        raise RequestImpossible("The request cannot be written as HTTP.") from error
    except httpcore.RemoteProtocolError:
        raise ExchangeFailed("The target broke the connection or did not speak HTTP.") from None
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
        raise ExchangeFailed(f"The connection failed: {_describe(error)}") from None


def _describe(error: Exception) -> str:
    return str(error)[:200] or type(error).__name__


def close_connections() -> None:
    """Close what this process keeps open for reuse; the next request opens anew."""
    for key in list(_pools):
        if key[0] == os.getpid():
            _pools.pop(key).close()


def _find_pool() -> httpcore.ConnectionPool:
    """The pool of this process and of what it may talk to.

    Keyed by both, so that a fork never shares its parent's connections, and a connection that was
    opened while private targets were allowed is not used when they no longer are.
    """
    key = (os.getpid(), bool(settings.CLOCKHOOK_ALLOW_PRIVATE_TARGETS))
    pool = _pools.get(key)
    if pool is None:
        # Of two threads that come first together, both use the same one; the other was never used.
        pool = _pools.setdefault(key, _open_pool(is_private_allowed=key[1]))
    return pool


def _open_pool(*, is_private_allowed: bool) -> httpcore.ConnectionPool:
    return httpcore.ConnectionPool(
        # Only the operator's certificates come from the environment (SSL_CERT_FILE, SSL_CERT_DIR).
        ssl_context=httpx.create_ssl_context(trust_env=True),
        max_connections=_MAX_CONNECTIONS,
        max_keepalive_connections=_MAX_IDLE_CONNECTIONS,
        keepalive_expiry=_IDLE_SECONDS,
        network_backend=GuardedBackend(is_private_allowed=is_private_allowed),
    )


_pools: dict[tuple[int, bool], httpcore.ConnectionPool] = {}
atexit.register(close_connections)

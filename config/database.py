"""How processes connect to Postgres: connections give up on one that has gone mute, and pools never
give it up.

``statement_timeout`` is the server's: a server that is frozen, or behind a network that swallows
packets, never gets to it, and the driver itself waits for ever.
"""

import threading
import time
from collections.abc import Generator
from typing import Any, ClassVar, TypeVar

import psycopg
import psycopg.conninfo
import psycopg_pool
from psycopg.waiting import READY_NONE, READY_R

_Result = TypeVar("_Result")

# Once a wait was in vain, others need not find out at the same length, until something answers: one
# at a time looks again, and who comes meanwhile is told at once.
MUTE_SECONDS = 1.0
HOPELESS_SECONDS = 0.1


class BoundedConnection(psycopg.Connection[Any]):
    """Waits for an answer no longer than ``answer_seconds``, then is closed and raises
    ``OperationalError``.

    While nothing has answered since such an end, anywhere in this process, it waits for
    ``MUTE_SECONDS`` only, and beside another one that does for ``HOPELESS_SECONDS``.
    """

    answer_seconds: ClassVar[float] = 35.0
    _is_mute: ClassVar[bool] = False
    _looking: ClassVar[threading.Lock] = threading.Lock()

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        if not BoundedConnection._is_mute:
            return self._wait(gen, self.answer_seconds, *args, **kwargs)
        is_looking = BoundedConnection._looking.acquire(blocking=False)
        seconds = MUTE_SECONDS if is_looking else HOPELESS_SECONDS
        try:
            return self._wait(gen, seconds, *args, **kwargs)
        finally:
            if is_looking:
                BoundedConnection._looking.release()

    def _wait(self, gen: Any, seconds: float, *args: Any, **kwargs: Any) -> Any:
        bounded = _Bounded(gen, seconds)
        try:
            result = super().wait(bounded.run(), *args, **kwargs)
            # Some of what is waited for asks the server nothing, such as a change of autocommit.
            if bounded.has_heard:
                BoundedConnection._is_mute = False
            return result
        except _NoAnswer:
            BoundedConnection._is_mute = True
            self.close()
            raise


class WebConnection(BoundedConnection):
    """A request's: a second past its statement timeout of 5 s."""

    answer_seconds = 6.0


class _NoAnswer(psycopg.OperationalError):
    """The server has not answered in time."""


class _Bounded:
    """A generator of psycopg's, which is not waited for longer than so many ``seconds``."""

    def __init__(self, generator: Generator[Any, Any, _Result], seconds: float) -> None:
        self._generator, self._seconds = generator, seconds
        # Whether there was something to read.
        self.has_heard = False

    def run(self) -> Generator[Any, Any, Any]:
        """The same generator. Raises: _NoAnswer."""
        ends_at = time.monotonic() + self._seconds
        try:
            wanted = next(self._generator)
            while True:
                ready = yield wanted
                if ready == READY_NONE and time.monotonic() >= ends_at:
                    raise _NoAnswer(f"no answer within {self._seconds:g} s")
                self.has_heard = self.has_heard or bool(ready & READY_R)
                wanted = self._generator.send(ready)
        except StopIteration as end:
            return end.value


_resizing = threading.Lock()


def keep_reconnecting(pool: psycopg_pool.ConnectionPool[Any]) -> None:
    """A pool's ``reconnect_failed``: try again, so that its least size is never given up, nor
    anybody who waits.

    By itself a pool that has lost all of its connections waits to be asked for one. But who asked
    while Postgres was away still counts as waiting, until there is a connection; once these are
    ``max_waiting``, everybody is turned away before the pool thinks of connecting, for ever. Its
    size says nothing of it: connections that rest with threads are counted, dead or alive.
    """
    with _resizing:
        stats = pool.get_stats()
        is_wanted = stats["pool_size"] < pool.min_size or stats.get("requests_waiting", 0) > 0
        if pool.closed or not is_wanted or stats["pool_size"] >= pool.max_size:
            return
        # Growing by one is what starts an attempt.
        least, most = pool.min_size, pool.max_size
        pool.resize(least - 1, most)
        pool.resize(least, most)


def read_database(url: str, *, role: str, slots: int) -> dict[str, Any]:
    """Django's DATABASES entry for any connection string that libpq takes.

    Served roles get a small pool that answers "full" soon (a fast 503) and reconnects quickly: the
    pool's own default backs off without a cap for 300 s.
    """
    parts = dict(psycopg.conninfo.conninfo_to_dict(url))
    name, user = parts.pop("dbname", ""), parts.pop("user", "")
    password, host, port = parts.pop("password", ""), parts.pop("host", ""), parts.pop("port", "")
    statement_timeout = {"web": "5s", "worker": "30s", "beat": "30s"}.get(role, "0")
    session = (
        f"-c statement_timeout={statement_timeout} -c lock_timeout=2s"
        " -c idle_in_transaction_session_timeout=10s"
    )
    # A server that is gone without a word is noticed within 11 s, also by who only listens.
    alive = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
    options: dict[str, Any] = {"connect_timeout": 2, "tcp_user_timeout": 5000, **alive, **parts}
    # Only cursors that ask for it prepare (`workspaces.services.open_prepared_cursor`).
    options["prepare_threshold"] = 5
    if role:
        options["options"] = f"{parts.get('options', '')} {session}".strip()
        options["pool"] = {
            "min_size": 1 if role == "beat" else 2,
            "max_size": slots + 3,
            "timeout": 1 if role == "web" else 5,
            "max_waiting": 2 * slots,
            "reconnect_timeout": 4,
            "reconnect_failed": keep_reconnecting,
            "connection_class": WebConnection if role == "web" else BoundedConnection,
        }
    return {
        "ENGINE": "config.postgres",
        "NAME": name,
        "USER": user,
        "PASSWORD": password,
        "HOST": host,
        "PORT": port,
        "CONN_MAX_AGE": 0,
        # The backend looks after its connections by itself.
        "CONN_HEALTH_CHECKS": False,
        "OPTIONS": options,
    }

"""Which of the Beats leads: the one whose session holds a lock."""

import time
from contextlib import suppress
from typing import Any

import psycopg
import structlog
from django.db import connection

log = structlog.get_logger(__name__)

# Differs from every other advisory lock.
LEADER_LOCK = 0x636C6F636B02
LEADER_PING_SECONDS = 5.0


def open_session() -> psycopg.Connection[Any]:
    """A connection beside Django's pool, of the pool's kind, for locks that belong to a session."""
    parameters = connection.get_connection_params()
    parameters.pop("cursor_factory", None)
    pool = connection.settings_dict["OPTIONS"].get("pool", {})
    kind: type[psycopg.Connection[Any]] = pool.get("connection_class", psycopg.Connection)
    return kind.connect(**parameters, autocommit=True)


class Leadership:
    """A session-wide advisory lock on a connection of its own: a pool would lend the lock away with
    it.
    """

    def __init__(self) -> None:
        self._session: psycopg.Connection[Any] | None = None
        self._asked_at = 0.0
        self._is_held = False

    def is_held(self) -> bool:
        """Whether this process leads; asked at most every 5 s. An error drops the role."""
        if time.monotonic() - self._asked_at < LEADER_PING_SECONDS and self._asked_at:
            return self._is_held
        self._asked_at = time.monotonic()
        try:
            self._is_held = self._ask()
        except psycopg.Error:
            log.warning("leadership_lost", exc_info=self._is_held)
            self.release()
        return self._is_held

    def _ask(self) -> bool:
        if self._session is None:
            self._session = open_session()
        if self._is_held:
            self._session.execute("SELECT 1")
            return True
        row = self._session.execute("SELECT pg_try_advisory_lock(%s)", [LEADER_LOCK]).fetchone()
        return bool(row and row[0])

    def release(self) -> None:
        """Give the role up; another Beat takes it within seconds."""
        self._is_held = False
        if self._session is not None:
            with suppress(psycopg.Error):
                # The server notices a closed connection a moment later; this it answers first.
                self._session.execute("SELECT pg_advisory_unlock_all()")
            self._session.close()
            self._session = None

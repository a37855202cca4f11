"""A pooled connection that its thread keeps from one webhook to the next: to give it back and to
ask for it again costs Django more than the verification.
"""

import select
import threading
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, close_old_connections, connections
from psycopg.pq import TransactionStatus

Connection = psycopg.Connection[Any]


class _Bed:
    """Where a connection rests. A thread that ends, as idle ones do, gives it back to its pool."""

    connection: Any = None

    def __del__(self) -> None:
        if self.connection is not None:
            _give_back(self.connection)


class _Beds(threading.local):
    """One for each thread; nobody else refers to it, so that it ends with its thread."""

    def __init__(self) -> None:
        self.own = _Bed()


_beds = _Beds()


def lay_connection_down() -> None:
    """At the end of a request: the connection rests until this thread's next one, in place of
    ``close_old_connections``, which is what happens to one that cannot be trusted any more.
    """
    wrapper: Any = connections[DEFAULT_DB_ALIAS]
    connection = wrapper.connection
    if connection is None:
        return
    if not _is_at_rest(wrapper):
        close_old_connections()
        return
    wrapper.connection, _beds.own.connection = None, connection


def take_connection_up() -> None:
    """At the beginning of a request: the resting connection, if there is one and it lives."""
    wrapper: Any = connections[DEFAULT_DB_ALIAS]
    if wrapper.connection is None:
        wrapper.connection = find_resting()


def find_resting() -> Any:
    """This thread's resting connection, which is the caller's from now on; None where there is none
    that lives.
    """
    bed = _beds.own
    connection, bed.connection = bed.connection, None
    if connection is not None and has_ended(connection):
        drop_connection(connection)
        return None
    return connection


def has_ended(connection: Connection) -> bool:
    """An idle connection has nothing to read, unless it is Postgres' farewell or the end."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def drop_connection(connection: Connection) -> None:
    """Close one of a pool's, which then makes another."""
    connection.close()
    _give_back(connection)


def _is_at_rest(wrapper: Any) -> bool:
    if wrapper.in_atomic_block or wrapper.errors_occurred or wrapper.pool is None:
        return False
    status = wrapper.connection.pgconn.transaction_status
    return bool(status == TransactionStatus.IDLE)


def _give_back(connection: Any) -> None:
    # As Django's backend does; psycopg has no name for a connection's pool.
    connection._pool.putconn(connection)  # noqa: SLF001

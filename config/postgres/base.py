"""The backend that ``DATABASES`` names; Django looks for it in a module of this name."""

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """A pooled connection's health is read off its socket: Django's check is a round trip for each
    request.
    """

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """One that Postgres has not ended; a pool's dead ones are thrown away on the way."""
        connection = super().get_new_connection(conn_params)
        pool = self.pool
        # No more than all of them; who looks dead after that may show it by an error.
        for _ in range(pool.max_size if pool else 0):
            if not has_ended(connection):
                break
            connection.close()
            pool.putconn(connection)
            connection = super().get_new_connection(conn_params)
        return connection


def has_ended(connection: "psycopg.Connection[Any]") -> bool:
    """An idle connection has nothing to read, unless it is Postgres' farewell or the end."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))

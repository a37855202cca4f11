"""The backend that ``DATABASES`` names; Django looks for it in a module of this name."""

from typing import Any

from django.db.backends.postgresql import base

from config.postgres.resting import drop_connection, find_resting, has_ended


class DatabaseWrapper(base.DatabaseWrapper):
    """A pooled connection's health is read off its socket: Django's check is a round trip for each
    request.
    """

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """One that Postgres has not ended: this thread's resting one, else one of the pool, whose
        dead ones are thrown away on the way.
        """
        resting = find_resting()
        if resting is not None:
            return resting
        connection = super().get_new_connection(conn_params)
        pool = self.pool
        # No more than all of them; who looks dead after that may show it by an error.
        for _ in range(pool.max_size if pool else 0):
            if not has_ended(connection):
                break
            drop_connection(connection)
            connection = super().get_new_connection(conn_params)
        return connection

"""The database's clock."""

import datetime as dt

from django.db import connection


def read_now() -> dt.datetime:
    """Postgres' ``now()``: inside a transaction, the instant at which it began."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        row: tuple[dt.datetime] = cursor.fetchone()
    return row[0]

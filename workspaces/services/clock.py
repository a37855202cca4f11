"""The database's clock."""

import datetime as dt

from django.db import connection


def read_now() -> dt.datetime:
    """What Postgres' clock shows, which all hosts share; their own may be wrong."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        row: tuple[dt.datetime] = cursor.fetchone()
    return row[0]

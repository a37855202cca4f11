"""History by the million: copies of one row that the product itself has written."""

import datetime as dt
from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

# A UUIDv7 whose milliseconds are those of the row's turn, and whose tail is its number.
_ID = """
(lpad(to_hex((extract(epoch FROM %(first)s::timestamptz) * 1000)::bigint
    + (number * %(step)s::float8)::bigint), 12, '0')
    || '70008000' || lpad(to_hex(number), 12, '0'))::uuid
"""


def copy_row(
    table: str,
    count: int,
    *,
    first: dt.datetime,
    milliseconds_apart: float,
    changes: dict[str, Any] | None = None,
    where: dict[str, Any] | None = None,
) -> None:
    """Copy some row of ``table`` ``count`` times; the copies' ids are those of one row after the
    other from ``first`` on. ``changes`` are what differs from the row, by column, as JSON holds it;
    ``where`` says which row.
    """
    conditions = " AND ".join(f"t.{column} = %({column})s" for column in where or {}) or "TRUE"
    sql = f"""
    INSERT INTO {table} SELECT copy.* FROM
        (SELECT t AS row FROM {table} t WHERE {conditions} LIMIT 1) one,
        generate_series(1, %(count)s::bigint) AS number,
        jsonb_populate_record(one.row, %(changes)s || jsonb_build_object('id', {_ID})) AS copy
    """  # noqa: S608 - a table's name and a constant
    parameters: dict[str, Any] = {
        "count": count,
        "first": first,
        "step": milliseconds_apart,
        "changes": Jsonb(changes or {}),
        **(where or {}),
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)

"""Partitions whose time is over: taken off their table while everybody goes on, then dropped.

Old events go by whole days or not at all: no row of the ledger is ever deleted.
"""

import datetime as dt
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from django.db import DatabaseError, connection

from events.services.partitions import PARTITIONED_TABLES, read_partitions

log = structlog.get_logger(__name__)

# One process retires partitions at a time: a table has at most one that is half detached.
_LOCK = 0x636C6F636B70
# DETACH waits for every statement that was reading the table; ingest waits for nobody meanwhile.
_PATIENCE = "SET statement_timeout = '120s'; SET lock_timeout = '120s'"
_IMPATIENCE = "RESET statement_timeout; RESET lock_timeout"
_HALF_DETACHED = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = %s::regclass AND i.inhdetachpending
"""
# What a process left behind that died between DETACH and DROP.
_DETACHED = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relkind = 'r' AND NOT c.relispartition
    AND c.relname ~ %s
"""


def drop_old_partitions(*, table: str, before: dt.datetime) -> Iterator[str]:
    """Drop the partitions of days that had ended by ``before``, oldest first; yields each name.

    Call it outside a transaction. What an earlier call left half done is finished; while another
    process is at it there is nothing to do.

    Raises:
        ValueError: not a partitioned table of ours, or inside a transaction.
    """
    if table not in PARTITIONED_TABLES:
        raise ValueError(f"{table} is not partitioned by day")
    yield from retire_partitions(table=table, before=before)


def retire_partitions(*, table: str, before: dt.datetime) -> Iterator[str]:
    """The same of any table whose partitions are named as ours are."""
    if connection.in_atomic_block:
        raise ValueError("partitions are detached outside a transaction")
    last_day = (before.astimezone(dt.UTC) - dt.timedelta(days=1)).date()
    with connection.cursor() as cursor, _hold_lock(cursor) as is_ours:
        if is_ours:
            _finish_detaching(cursor, table)
            for name in _select_old(_list_detached(cursor, table), table, last_day):
                yield _drop(cursor, name)
            for name in _select_old(read_partitions(cursor, table), table, last_day):
                cursor.execute(f'ALTER TABLE "{table}" DETACH PARTITION "{name}" CONCURRENTLY')
                yield _drop(cursor, name)


@contextmanager
def _hold_lock(cursor: Any) -> Iterator[bool]:
    cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
    (is_ours,) = cursor.fetchone()
    try:
        if is_ours:
            cursor.execute(_PATIENCE)
        yield is_ours
    finally:
        if is_ours:
            _release(cursor)


def _release(cursor: Any) -> None:
    try:
        cursor.execute(_IMPATIENCE)
        cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
    except DatabaseError:
        # The session is gone, and its lock and settings with it.
        log.warning("partition_lock_lost", exc_info=True)
        connection.close()


def _finish_detaching(cursor: Any, table: str) -> None:
    cursor.execute(_HALF_DETACHED, [table])
    for (name,) in cursor.fetchall():
        cursor.execute(f'ALTER TABLE "{table}" DETACH PARTITION "{name}" FINALIZE')


def _list_detached(cursor: Any, table: str) -> list[str]:
    cursor.execute(_DETACHED, [f"^{table}_p[0-9]{{8}}$"])
    return [name for (name,) in cursor.fetchall()]


def _select_old(names: Any, table: str, last_day: dt.date) -> list[str]:
    """Those of days up to ``last_day``, oldest first; what is named otherwise is not ours."""
    pattern = re.compile(rf"{re.escape(table)}_p(\d{{8}})")
    newest = f"{last_day:%Y%m%d}"
    return sorted(
        name for name in names if (found := pattern.fullmatch(name)) and found[1] <= newest
    )


def _drop(cursor: Any, name: str) -> str:
    cursor.execute(f'DROP TABLE "{name}"')
    log.info("partition_dropped", partition=name)
    return name

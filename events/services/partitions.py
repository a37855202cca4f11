"""Partitions by day of the tables whose UUIDv7 primary key is also their partition key."""

import datetime as dt
from typing import Any, Final

from django.db import connection, migrations, transaction

from events.rules.ids import lowest_id

DAYS_BEHIND = 1
DAYS_AHEAD = 30
# By table name only, since some belong to rooms above: is the table append-only?
PARTITIONED_TABLES: Final = {"events_event": True, "webhooks_delivery": False}
# One process makes partitions at a time; the number only has to be ours alone.
_LOCK = 0x636C6F636B01
_ONE_DAY = dt.timedelta(days=1)


class CreatePartitionedModel(migrations.CreateModel):
    """``CreateModel`` whose table is RANGE-partitioned on ``id``."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        plain = schema_editor.sql_create_table
        schema_editor.sql_create_table = f"{plain} PARTITION BY RANGE (id)"
        try:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        finally:
            schema_editor.sql_create_table = plain


def create_missing_partitions(*, today: dt.date, days_ahead: int = DAYS_AHEAD) -> list[str]:
    """Make the partitions that any table lacks, from the day before ``today`` (UTC) on.

    Returns the names of the new ones.
    """
    created = []
    for table, append_only in PARTITIONED_TABLES.items():
        created += create_partitions(
            table=table, today=today, days_ahead=days_ahead, append_only=append_only
        )
    return created


def create_partitions(
    *, table: str, today: dt.date, days_ahead: int = DAYS_AHEAD, append_only: bool
) -> list[str]:
    """Make the partitions that one table lacks, from yesterday on; returns the new names.

    Any number of processes may do so at once. ``append_only`` adds the guard against TRUNCATE,
    which partitions do not inherit.
    """
    days = [today + _ONE_DAY * offset for offset in range(-DAYS_BEHIND, days_ahead + 1)]
    wanted = {name_partition(table, day): day for day in days}
    with transaction.atomic(), connection.cursor() as cursor:
        # Held until the commit: who waits here sees what the other has made.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        existing = read_partitions(cursor, table)
        missing = {name: day for name, day in wanted.items() if name not in existing}
        for name, day in missing.items():
            cursor.execute(_partition_sql(table, name, day, append_only=append_only))
    return list(missing)


def count_partitions_ahead(now: dt.datetime) -> int:
    """How many days after today every table is ready for; -1 when today's partition is missing."""
    today = now.astimezone(dt.UTC).date()
    with connection.cursor() as cursor:
        return min(_count_days(cursor, table, today) for table in PARTITIONED_TABLES)


def analyze_tables() -> None:
    """Refresh the statistics of the partitioned tables as a whole, which autovacuum never does.

    Without them the planner sorts whole days to show the latest fifty rows.
    """
    for table in PARTITIONED_TABLES:
        with transaction.atomic(), connection.cursor() as cursor:
            # It takes as long as it takes; nobody waits for it.
            cursor.execute("SET LOCAL statement_timeout = 0")
            cursor.execute(f'ANALYZE "{table}"')


def _count_days(cursor: Any, table: str, today: dt.date) -> int:
    existing = read_partitions(cursor, table)
    day, ahead = today, -1
    while name_partition(table, day) in existing:
        day, ahead = day + _ONE_DAY, ahead + 1
    return ahead


def name_partition(table: str, day: dt.date) -> str:
    """The partition that holds the ids of that day."""
    return f"{table}_p{day:%Y%m%d}"


def read_partitions(cursor: Any, table: str) -> set[str]:
    """The names of the partitions that rows can lie in."""
    cursor.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = %s::regclass AND NOT i.inhdetachpending",
        [table],
    )
    return {name for (name,) in cursor.fetchall()}


def _find_bounds(day: dt.date) -> tuple[str, str]:
    midnight = dt.datetime.combine(day, dt.time(), tzinfo=dt.UTC)
    return str(lowest_id(midnight)), str(lowest_id(midnight + _ONE_DAY))


def _partition_sql(table: str, name: str, day: dt.date, *, append_only: bool) -> str:
    low, high = _find_bounds(day)
    is_inside = f"CHECK (id >= '{low}' AND id < '{high}')"
    statements = [
        f'CREATE TABLE "{name}" (LIKE "{table}" INCLUDING ALL)',
        # With the matching check, ATTACH need not scan; it goes again once it is implied.
        f'ALTER TABLE "{name}" ADD CONSTRAINT "{name}_range" {is_inside}',
        f'ALTER TABLE "{table}" ATTACH PARTITION "{name}"'
        f" FOR VALUES FROM ('{low}') TO ('{high}')",
        f'ALTER TABLE "{name}" DROP CONSTRAINT "{name}_range"',
        f'ALTER TABLE "{name}" SET (autovacuum_analyze_scale_factor = 0.02)',
    ]
    if append_only:
        statements.append(
            f'CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON "{name}"'
            " FOR EACH STATEMENT EXECUTE FUNCTION clockhook_refuse_change()"
        )
        statements.append(f'ALTER TABLE "{name}" ENABLE ALWAYS TRIGGER append_only_truncate')
    return "; ".join(statements)

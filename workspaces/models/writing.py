"""Rows written without the ORM's instances: by one INSERT, now or together with those of others."""

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple, Self, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.backends.utils import CursorWrapper
from django.db.models.expressions import DatabaseDefault

from workspaces.rules.inserts import Column, dump_json, plan_insert
from workspaces.rules.joined import RowInsert

_Row = TypeVar("_Row", bound=models.Model)


class Statement(NamedTuple):
    """SQL and its values, each marked ``%s``, in order; ``row`` where it is an INSERT of one."""

    sql: str
    values: Sequence[Any] = ()
    row: RowInsert | None = None


class PreparedCursor(psycopg.RawCursor[Any]):
    """Sends values beside the statement, which Postgres parses once per connection."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        return super().execute(_number_marks(query), params, **{"prepare": True, **options})

    def _convert_query(self, query: Any, params: Any = None) -> Any:
        # Django looks here for the text that it logs; psycopg keeps it for other cursors only.
        self._query = super()._convert_query(query, params)
        return self._query


@lru_cache(maxsize=256)
def _number_marks(sql: str) -> str:
    """``%s`` as Postgres itself writes it: ``$1``, ``$2`` …; psycopg would count them each time."""
    first, *others = sql.split("%s")
    return first + "".join(f"${number}{text}" for number, text in enumerate(others, start=1))


def open_prepared_cursor() -> CursorWrapper:
    """A cursor for the statements of hot paths; their values are marked ``%s``, in order."""
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.connection is None:
        connection.ensure_connection()
    cursor: Any = PreparedCursor(connection.connection)
    make = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    return make(cursor)


def fetch_prepared(sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The rows that a statement of a hot path answers."""
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.queries_logged or connection.execute_wrappers or connection.connection is None:
        with open_prepared_cursor() as cursor:
            cursor.execute(sql, values)
            return list(cursor.fetchall())
    # Nobody looks on: without the wrappers of Django's cursor, but with its errors.
    with connection.wrap_database_errors:
        raw: Any = PreparedCursor(connection.connection)
        return list(raw.execute(sql, values).fetchall())


class _Gathered(threading.local):
    writes: list[Statement] | None = None


_gathered = _Gathered()


@contextmanager
def gather_writes() -> Iterator[list[Statement]]:
    """Collects what this thread would `write`, for whoever sends it as one."""
    writes: list[Statement] = []
    _gathered.writes = writes
    try:
        yield writes
    finally:
        _gathered.writes = None


def write(insert: Statement) -> None:
    """Execute an ``INSERT … SELECT`` that answers nothing: now, or with others at the end of
    ``write_together``, where its errors then come.
    """
    if _gathered.writes is not None:
        _gathered.writes.append(insert)
        return
    with open_prepared_cursor() as cursor:
        cursor.execute(insert.sql, insert.values)


def insert_row(model: type[models.Model], row: Mapping[str, Any]) -> uuid.UUID:
    """`write` one row, of attributes by name, its key among them, without the detour of a query
    set; returns the key.

    What it leaves out takes its field's default, or the database's.
    """
    # None is not sent: NULL is what a column holds that nobody names.
    given = tuple([name for name, value in row.items() if value is not None])
    insert = _plan_row(model, given, tuple(row))
    values = [row[name] for name in given]
    for place in insert.json_places:
        values[place] = dump_json(values[place])
    values += [default() for default in insert.defaults]
    write(Statement(insert.sql, values, insert.row))
    key: uuid.UUID = values[0]
    return key


def insert_all(model: type[models.Model], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows of attributes by name, all with the same ones, in the cheapest way."""
    if len(rows) == 1:
        insert_row(model, rows[0])
    elif rows:
        manager: Any = model._default_manager  # noqa: SLF001 - Django's own, documented API
        manager.insert_values(rows)


class _RowPlan(NamedTuple):
    """The INSERT of one row; ``defaults`` make the values after those that are given."""

    sql: str
    row: RowInsert
    json_places: tuple[int, ...]
    defaults: tuple[Callable[[], Any], ...]


@lru_cache(maxsize=1024)
def _plan_row(
    model: type[models.Model], given: tuple[str, ...], named: tuple[str, ...]
) -> _RowPlan:
    known = {column.attribute: column for column in _list_columns(model, DEFAULT_DB_ALIAS)}
    columns = [known[name] for name in given]
    missing = [
        column
        for name, column in known.items()
        if name not in named and not column.has_db_default and column.default() is not None
    ]
    written = [*columns, *missing]
    expressions = plan_insert([(column, [None]) for column in written]).selected
    row = RowInsert(_write_head(model, written), ", ".join(expressions))
    return _RowPlan(
        sql=row.sql,
        row=row,
        json_places=tuple(n for n, column in enumerate(columns) if column.type_name == "jsonb"),
        defaults=tuple([_choose_default(column) for column in missing]),
    )


def _choose_default(column: Column) -> Callable[[], Any]:
    if column.type_name == "jsonb":
        return lambda: dump_json(column.default())
    return column.default


class UnnestQuerySet(models.QuerySet[_Row]):
    """Rows written by one INSERT, however many: a column that differs is one array."""

    def insert_rows(self, rows: Sequence[Any], *, on_conflict: str = "") -> list[uuid.UUID]:
        """Insert complete rows (every id minted by the caller); returns the ids that were inserted.

        A row is an instance, or whatever else has all of its attributes. ``on_conflict`` is the SQL
        after ``ON CONFLICT``, such as ``(trigger_id, key) DO NOTHING``. Columns with a
        ``db_default`` are left to the database unless the first row has a value.
        """
        if not rows:
            return []
        columns = [
            column
            for column in _list_columns(self.model, self.db)
            if not column.has_db_default or _is_given(rows[0], column.attribute)
        ]
        read = attrgetter(*[column.attribute for column in columns])
        values = zip(*map(read, rows), strict=True)
        return self._insert(list(zip(columns, values, strict=True)), on_conflict=on_conflict)

    def insert_values(
        self, rows: Sequence[Mapping[str, Any]], *, on_conflict: str = ""
    ) -> list[uuid.UUID]:
        """As ``insert_rows``, of attributes by name: many times cheaper than an instance.

        All rows have the same ones; what they leave out takes its field's default.
        """
        if not rows:
            return []
        columns = [
            (
                column,
                [row[column.attribute] for row in rows]
                if column.attribute in rows[0]
                else [column.default()],
            )
            for column in _list_columns(self.model, self.db)
            if not column.has_db_default
        ]
        return self._insert(columns, on_conflict=on_conflict)

    def _insert(
        self, columns: Sequence[tuple[Column, Sequence[Any]]], *, on_conflict: str
    ) -> list[uuid.UUID]:
        insert = plan_insert(columns)
        key, ids = columns[0]
        sql = f"{_write_head(self.model, [column for column, _ in columns])} {insert.source}"
        if on_conflict:
            sql += f' ON CONFLICT {on_conflict} RETURNING "{key.name}"'
        elif _gathered.writes is not None:
            write(Statement(sql, insert.parameters))
            return list(ids)
        with connections[self.db].cursor() as cursor:
            cursor.execute(sql, insert.parameters)
            # Without a conflict all of them or an error: no need to ask which.
            return [row[0] for row in cursor.fetchall()] if on_conflict else list(ids)


def _write_head(model: type[models.Model], columns: Sequence[Column]) -> str:
    names = ", ".join(f'"{column.name}"' for column in columns)
    table = model._meta.db_table  # noqa: SLF001 - Django's own, documented API
    return f'INSERT INTO "{table}" ({names})'


def _is_given(row: Any, name: str) -> bool:
    value = getattr(row, name, None)
    return value is not None and not isinstance(value, DatabaseDefault)


@lru_cache(maxsize=64)
def _list_columns(model: type[models.Model], alias: str) -> list[Column]:
    # The key comes first.
    return [
        Column(
            name=str(field.column),
            type_name=str(field.db_type(connections[alias])).split("(")[0],
            attribute=field.attname,
            has_db_default=field.has_db_default(),
            default=field.get_default,
        )
        for field in model._meta.concrete_fields  # noqa: SLF001 - as above
    ]

"""One INSERT for many rows: a column that all rows share is sent once, the others as one array
each.
"""

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Column:
    """A column, its type without length, and the name of a row's attribute for it."""

    name: str
    type_name: str
    attribute: str
    has_db_default: bool = False
    default: Callable[[], Any] = lambda: None


@dataclass(slots=True)
class Insert:
    """A statement in the making; ``parameters`` are in the order of its placeholders."""

    selected: list[str] = field(default_factory=list)
    arrays: list[str] = field(default_factory=list)
    shared: list[Any] = field(default_factory=list)
    varying: list[Any] = field(default_factory=list)

    @property
    def source(self) -> str:
        """What selects the rows; a single one takes no array at all."""
        text = f"SELECT {', '.join(self.selected)}"
        if self.arrays:
            names = ", ".join(f"c{number}" for number in range(len(self.arrays)))
            text += f" FROM unnest({', '.join(self.arrays)}) AS many({names})"
        return text

    @property
    def parameters(self) -> list[Any]:
        return [*self.shared, *self.varying]


def plan_insert(columns: Sequence[tuple[Column, Sequence[Any]]]) -> Insert:
    """Bind each column with its values: one per row, or a single one that all rows share.

    The first column is the key, which differs from row to row.
    """
    insert = Insert()
    for column, values in columns:
        given = _dump_all(values) if column.type_name == "jsonb" else values
        if len(given) == 1 or (insert.selected and _are_alike(given)):
            insert.selected.append(f"%s::{column.type_name}")
            insert.shared.append(given[0])
        else:
            insert.selected.append(f"c{len(insert.arrays)}")
            insert.arrays.append(f"%s::{column.type_name}[]")
            insert.varying.append(write_array(column.type_name, given))
    return insert


def write_array(type_name: str, values: Sequence[Any]) -> Any:
    """As Postgres reads arrays in text, which is many times cheaper than to adapt each value; the
    list itself for types that are rare here.
    """
    if type_name == "uuid":
        # The commonest of all: their text without two calls for each.
        written = ["NULL" if value is None else f"{value.int:032x}" for value in values]
        return "{" + ",".join(written) + "}"
    write = _WRITERS.get(type_name)
    if write is None:
        return list(values)
    return "{" + ",".join(["NULL" if value is None else write(value) for value in values]) + "}"


def _dump_all(values: Sequence[Any]) -> list[str | None]:
    first = values[0]
    if all(value is first for value in values):
        return [dump_json(first)] * len(values)
    return [dump_json(value) for value in values]


def dump_json(value: Any) -> str | None:
    """As a ``jsonb`` column takes it; None is NULL."""
    if value is None:
        return None
    # Of our rows' JSON half is empty.
    empty = _EMPTY.get(type(value)) if not value else None
    return empty or json.dumps(value)


_EMPTY: Mapping[type, str] = {dict: "{}", list: "[]"}


def _are_alike(values: Sequence[Any]) -> bool:
    first = values[0]
    return values[-1] == first and values.count(first) == len(values)


def _write_text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _write_time(value: dt.datetime) -> str:
    return value.isoformat()


def _write_bool(value: Any) -> str:
    return "t" if value else "f"


_WRITERS: Mapping[str, Callable[[Any], str]] = {
    "varchar": _write_text,
    "text": _write_text,
    "jsonb": _write_text,
    "timestamp with time zone": _write_time,
    "boolean": _write_bool,
    "smallint": str,
    "integer": str,
    "bigint": str,
    "double precision": repr,
}

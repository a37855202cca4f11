"""Many rows by one INSERT: what all share is sent once, and every value arrives as it was."""

import datetime as dt
import json
import re
import uuid
from typing import Any

import pytest
from django.db import DataError, IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from events.models import Event
from tests.factories import WorkspaceFactory
from triggers.models import Fire
from workspaces.rules.inserts import Column, plan_insert, write_array
from workspaces.services import new_id

NOW = dt.datetime(2026, 12, 1, 9, 30, 0, 123456, tzinfo=dt.UTC)
KEY = Column("id", "uuid", "id")
NASTY = ["", " ", "NULL", "null", '"', "\\", '\\"', "{a,b}", "it's", "a\nb\tc", "ü€😀", "%s", "$1"]


def fire_values(**changes: Any) -> dict[str, Any]:
    return {
        "id": new_id(),
        "workspace_id": uuid.UUID(int=7),
        "trigger_id": new_id(),
        "key": "slot:x",
        "cause": "schedule",
        "scheduled_for": NOW,
        "outcome": "fired",
        "created_at": NOW,
    } | changes


def event_values(**changes: Any) -> dict[str, Any]:
    event_id = new_id()
    return {
        "id": event_id,
        "workspace_id": uuid.UUID(int=7),
        "event_type": "test.event",
        "source": "API",
        "entity_type": "workspace",
        "chain_id": event_id,
        "effective_at": NOW,
        "created_at": NOW,
    } | changes


def test_a_column_that_all_rows_share_is_bound_once() -> None:
    ids = [new_id(), new_id()]
    insert = plan_insert(
        [
            (KEY, ids),
            (Column("cause", "varchar", "cause"), ["schedule", "schedule"]),
            (Column("outcome", "varchar", "outcome"), ["fired", "missed"]),
            (Column("reason", "varchar", "reason"), [None]),
        ]
    )
    assert insert.source == (
        "SELECT c0, %s::varchar, c1, %s::varchar FROM unnest(%s::uuid[], %s::varchar[])"
        " AS many(c0, c1)"
    )
    arrays = ["{" + ",".join(one.hex for one in ids) + "}", '{"fired","missed"}']
    assert insert.parameters == ["schedule", None, *arrays]


def test_a_single_row_takes_no_array() -> None:
    insert = plan_insert([(KEY, [uuid.UUID(int=1)]), (Column("n", "integer", "n"), [3])])
    assert insert.source == "SELECT %s::uuid, %s::integer"
    assert insert.parameters == [uuid.UUID(int=1), 3]


def test_json_that_python_takes_for_equal_is_not_shared() -> None:
    values = [{"a": 1}, {"a": True}, {"a": 1.0}]
    insert = plan_insert(
        [(KEY, [new_id() for _ in values]), (Column("data", "jsonb", "data"), values)]
    )
    assert insert.shared == []


def test_a_type_that_is_unknown_here_is_left_to_the_driver() -> None:
    assert write_array("bytea", (b"a", None)) == [b"a", None]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("type_name", "values"),
    [
        ("uuid", [uuid.UUID(int=5), None]),
        ("varchar", [*NASTY, None]),
        ("boolean", [True, False, None]),
        ("integer", [0, -5, None]),
        ("double precision", [0.1, -1e300, 5e-324, float("inf"), None]),
        ("timestamp with time zone", [NOW, NOW.replace(microsecond=0, year=1066), None]),
    ],
)
def test_an_array_arrives_as_it_was(type_name: str, values: list[Any]) -> None:
    with connection.cursor() as cursor:
        sql = f"SELECT * FROM unnest(%s::{type_name}[])"  # noqa: S608 - the names above
        cursor.execute(sql, [write_array(type_name, values)])
        assert [row[0] for row in cursor.fetchall()] == values


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_text_is_quoted_whatever_it_holds(text: str) -> None:
    written = write_array("text", [text])
    assert isinstance(written, str)
    # As Postgres reads it: a backslash stands before a character that is meant as it is.
    assert re.fullmatch(r'\{"(?:[^"\\]|\\.)*"\}', written, re.DOTALL)
    assert re.sub(r"\\(.)", r"\1", written[2:-2], flags=re.DOTALL) == text


@pytest.mark.django_db
def test_rows_arrive_with_their_own_values_and_the_defaults_of_what_was_left_out() -> None:
    rows = [fire_values(key=text, reason=text) for text in NASTY]
    assert Fire.objects.insert_values(rows) == [row["id"] for row in rows]
    stored = {row["id"]: row for row in Fire.objects.values()}
    for row in rows:
        expected = row | {
            "scheduled_until": None,
            "slot_count": 1,
            "run_id": None,
            "fired_event_id": None,
            "is_counted": False,
        }
        assert stored[row["id"]] == expected


@pytest.mark.django_db
def test_instances_and_values_make_the_same_rows() -> None:
    values = fire_values()
    twin = values | {"id": new_id(), "trigger_id": new_id()}
    Fire.objects.insert_rows([Fire(**values)])
    Fire.objects.insert_values([twin])
    first, second = Fire.objects.order_by("id").values()
    own = ("id", "trigger_id")
    assert {n: v for n, v in first.items() if n not in own} == {
        n: v for n, v in second.items() if n not in own
    }


@pytest.mark.django_db
def test_json_arrives_as_it_was() -> None:
    data = [{"text": text, text or "k": [1, True, None, 1.5]} for text in NASTY]
    rows = [event_values(data=one) for one in data]
    Event.objects.insert_values(rows)
    stored = dict(Event.objects.values_list("id", "data"))
    assert [stored[row["id"]] for row in rows] == json.loads(json.dumps(data))


@pytest.mark.django_db
def test_of_a_conflict_only_the_new_rows_are_told() -> None:
    taken = fire_values()
    Fire.objects.insert_values([taken])
    rows = [taken | {"id": new_id()}, fire_values()]
    inserted = Fire.objects.insert_values(rows, on_conflict="(trigger_id, key) DO NOTHING")
    assert inserted == [rows[1]["id"]]
    with pytest.raises(IntegrityError):
        Fire.objects.insert_values(rows)


@pytest.mark.django_db
def test_nothing_takes_no_statement_and_much_takes_one() -> None:
    WorkspaceFactory.create()
    with CaptureQueriesContext(connection) as queries:
        assert Fire.objects.insert_rows([]) == Fire.objects.insert_values([]) == []
        Fire.objects.insert_values([fire_values() for _ in range(700)])
    assert len(queries) == 1
    assert Fire.objects.count() == 700


@pytest.mark.django_db
def test_a_text_with_a_zero_byte_is_refused_and_not_cut() -> None:
    with pytest.raises(DataError, match="NUL"):
        Fire.objects.insert_values([fire_values(key="a\0b"), fire_values(key="c")])

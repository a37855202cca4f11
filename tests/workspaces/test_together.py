"""What is written together: one statement, all of it or nothing, and nobody hears of nothing."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any
from unittest.mock import patch

import pytest
from django.db import DataError, IntegrityError, connection, transaction

from tests.workspaces.test_inserts import fire_values
from triggers.models import Fire
from workspaces.models.writing import PreparedCursor, insert_row
from workspaces.rules.joined import RowInsert
from workspaces.services import Claim, Statement, new_id, write_together

PASSES, FAILS = Statement("SELECT 1"), Statement("SELECT 1 / %s::int", [0])


@pytest.fixture(params=[False, True], ids=["by itself", "in a transaction"])
def surroundings(transactional_db: None, request: pytest.FixtureRequest) -> Iterator[None]:
    with transaction.atomic() if request.param else nullcontext():
        yield


@pytest.fixture
def statements() -> Iterator[list[str]]:
    sent: list[str] = []
    execute = PreparedCursor.execute

    def note(cursor: PreparedCursor, query: Any, *rest: Any, **options: Any) -> Any:
        sent.append(query)
        return execute(cursor, query, *rest, **options)

    with patch.object(PreparedCursor, "execute", note):
        yield sent


def claim_key(key: str, **values: Any) -> Claim:
    """For tests, any unique key will do; who holds it is told by the id of his row."""
    row = fire_values(key=key, **values)
    given = [row[name] for name in ("id", "workspace_id", "trigger_id", "key", "created_at")]
    take = RowInsert(
        "INSERT INTO triggers_fire (id, workspace_id, trigger_id, key, created_at, cause, outcome,"
        " slot_count)",
        "%s::uuid, %s::uuid, %s::uuid, %s::varchar, %s::timestamptz, 'manual', 'fired', 1",
        "ON CONFLICT (trigger_id, key) DO NOTHING RETURNING id",
    )
    held = "SELECT id FROM triggers_fire WHERE trigger_id = %s AND key = %s"
    return Claim(
        take=Statement(take.sql, given, take),
        held=Statement(held, [row["trigger_id"], key]),
        taken=row["id"],
    )


@pytest.mark.usefixtures("surroundings")
def test_rows_of_several_writers_go_out_as_one_statement(
    statements: list[str],
) -> None:
    rows = [fire_values() for _ in range(4)]
    with write_together(PASSES) as together:
        insert_row(Fire, rows[0])
        Fire.objects.insert_values(rows[1:2])
        Fire.objects.insert_values(rows[2:])
        assert statements == []
    assert together.is_written
    assert len(statements) == 1
    assert set(Fire.objects.values_list("id", flat=True)) == {row["id"] for row in rows}


@pytest.mark.usefixtures("surroundings")
def test_a_check_that_fails_lets_nothing_be_written() -> None:
    with pytest.raises(DataError), write_together(FAILS):
        insert_row(Fire, fire_values())
    assert not Fire.objects.exists()


@pytest.mark.usefixtures("surroundings")
def test_a_broken_constraint_undoes_all_of_it() -> None:
    taken = fire_values()
    twins = [taken, taken | {"id": new_id()}]
    with pytest.raises(IntegrityError), write_together(PASSES):
        Fire.objects.insert_values([fire_values(), *twins])
    assert not Fire.objects.exists()


@pytest.mark.usefixtures("surroundings")
def test_whoever_takes_the_claim_writes_and_others_learn_who_it_was() -> None:
    trigger_id = uuid.uuid4()
    first = claim_key("one", trigger_id=trigger_id)
    with write_together(PASSES, claim=first) as together:
        insert_row(Fire, fire_values())
    assert (together.is_written, together.holder) == (True, None)
    with write_together(PASSES, claim=claim_key("one", trigger_id=trigger_id)) as together:
        insert_row(Fire, fire_values())
        Fire.objects.insert_values([fire_values(), fire_values()])
    assert (together.is_written, together.holder) == (False, (first.take.values[0],))
    assert Fire.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_hooks_run_after_the_commit_and_only_then() -> None:
    heard: list[str] = []

    def hear() -> None:
        assert not connection.in_atomic_block
        heard.append("heard")

    for claim in (claim_key("one", trigger_id=uuid.UUID(int=1)) for _ in range(2)):
        with write_together(PASSES, claim=claim):
            transaction.on_commit(hear)
    assert heard == ["heard"]
    with pytest.raises(DataError), write_together(FAILS):
        transaction.on_commit(hear)
    hooks: dict[str, Callable[[], None]] = {}
    with pytest.raises(KeyError), write_together(PASSES):
        transaction.on_commit(hooks["none"])
    assert heard == ["heard"]
    # The connection is as usable as it was.
    with transaction.atomic():
        transaction.on_commit(hear)
        assert heard == ["heard"]
    assert heard == ["heard"] * 2


@pytest.mark.usefixtures("surroundings")
def test_without_a_row_the_check_is_all_that_is_asked(
    statements: list[str],
) -> None:
    with write_together(PASSES):
        pass
    assert statements == ["SELECT 1"]


@pytest.mark.django_db
def test_a_single_row_takes_the_defaults_of_what_it_leaves_out() -> None:
    row = fire_values(reason=None)
    row.pop("slot_count", None)
    assert insert_row(Fire, row) == row["id"]
    fire = Fire.objects.get()
    assert (fire.reason, fire.slot_count, fire.is_counted) == (None, 1, False)

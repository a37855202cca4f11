"""Partitions whose days are over: detached while others read and write, then dropped."""

import datetime as dt
import threading
from collections.abc import Iterator

import pytest
from django.db import OperationalError, connection, transaction

from events.services import drop_old_partitions
from events.services.partitions import create_partitions
from events.services.retiring import retire_partitions
from tests.events.factories import mint_id_at
from tests.events.test_partitions import list_partitions, make_scratch_table

pytestmark = pytest.mark.django_db(transaction=True)

TODAY = dt.date(2031, 3, 30)
NOON = dt.datetime(2031, 3, 31, 12, 0, tzinfo=dt.UTC)
EXISTING = "SELECT relname FROM pg_class WHERE relname LIKE 'scratch_p%%' AND relkind = 'r'"


@pytest.fixture(autouse=True)
def scratch(transactional_db: None) -> Iterator[None]:
    """Days 29, 30, 31, 1 and 2 of a table that no test of another file looks at."""
    make_scratch_table()
    create_partitions(table="scratch", today=TODAY, days_ahead=3, append_only=True)
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE scratch")
        cursor.execute("DROP TABLE IF EXISTS scratch_p20310329, scratch_p20310330")


def retire(before: dt.datetime = NOON) -> list[str]:
    return list(retire_partitions(table="scratch", before=before))


def list_tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(EXISTING)
        return sorted(name for (name,) in cursor.fetchall())


def insert(moment: dt.datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO scratch VALUES (%s)", [mint_id_at(moment)])


def test_days_that_had_ended_go_with_their_rows_and_others_stay() -> None:
    insert(NOON - dt.timedelta(days=1))
    insert(NOON)
    assert retire() == ["scratch_p20310329", "scratch_p20310330"]
    assert list_tables() == ["scratch_p20310331", "scratch_p20310401", "scratch_p20310402"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM scratch")
        assert cursor.fetchone() == (1,)


def test_a_day_that_has_not_ended_stays() -> None:
    midnight = dt.datetime(2031, 3, 31, tzinfo=dt.UTC)
    assert retire(midnight - dt.timedelta(microseconds=1)) == ["scratch_p20310329"]
    assert retire(midnight) == ["scratch_p20310330"]


def test_the_day_that_ends_is_utcs() -> None:
    east = NOON.astimezone(dt.timezone(dt.timedelta(hours=14)))
    assert retire(east) == ["scratch_p20310329", "scratch_p20310330"]


def test_dropping_again_drops_nothing() -> None:
    retire()
    assert retire() == []


def test_those_that_remain_keep_their_guard() -> None:
    retire()
    with (
        connection.cursor() as cursor,
        pytest.raises(Exception, match="append-only"),
        transaction.atomic(),
    ):
        cursor.execute("TRUNCATE scratch_p20310331")


def test_what_a_process_left_detached_is_dropped_by_the_next_one() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE scratch DETACH PARTITION scratch_p20310329 CONCURRENTLY")
    assert retire() == ["scratch_p20310329", "scratch_p20310330"]
    assert len(list_tables()) == 3


def test_a_detaching_that_was_interrupted_is_finished() -> None:
    reading, done = threading.Event(), threading.Event()

    def read() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM scratch")
            reading.set()
            done.wait(10)
        connection.close()

    reader = threading.Thread(target=read)
    reader.start()
    reading.wait(10)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '300ms'")
        with pytest.raises(OperationalError):
            cursor.execute("ALTER TABLE scratch DETACH PARTITION scratch_p20310329 CONCURRENTLY")
        cursor.execute("RESET statement_timeout")
    # Half detached: nobody sees its rows, and new ones of other days go in.
    insert(NOON)
    done.set()
    reader.join()
    assert retire() == ["scratch_p20310329", "scratch_p20310330"]
    assert list_partitions("scratch") == list_tables()


def test_inserts_go_on_while_a_detaching_waits_for_an_old_reader() -> None:
    reading, done = threading.Event(), threading.Event()
    dropped: list[str] = []

    def read() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM scratch")
            reading.set()
            done.wait(10)
        connection.close()

    def drop() -> None:
        dropped.extend(retire())
        connection.close()

    reader, dropper = threading.Thread(target=read), threading.Thread(target=drop)
    reader.start()
    reading.wait(10)
    dropper.start()
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '2s'")
        for number in range(20):
            insert(NOON + dt.timedelta(seconds=number))
        cursor.execute("RESET statement_timeout")
    assert dropped == []
    done.set()
    reader.join()
    dropper.join()
    assert len(dropped) == 2


def test_of_two_processes_at_once_one_does_it() -> None:
    barrier, dropped, failures = threading.Barrier(2), [], []

    def start() -> None:
        try:
            barrier.wait()
            dropped.extend(retire())
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(dropped) == ["scratch_p20310329", "scratch_p20310330"]


def test_no_session_keeps_the_lock_or_the_patience() -> None:
    retire()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        )
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT current_setting('statement_timeout') = '2min'")
        assert cursor.fetchone() == (False,)


def test_a_partition_with_another_name_is_left_alone() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE scratch_archive PARTITION OF scratch FOR VALUES"
            " FROM (MINVALUE) TO ('00000000-0000-7000-8000-000000000000')"
        )
    retire()
    assert "scratch_archive" in list_partitions("scratch")


def test_inside_a_transaction_it_is_refused() -> None:
    with transaction.atomic(), pytest.raises(ValueError, match="outside a transaction"):
        retire()


def test_a_table_that_is_not_partitioned_is_refused() -> None:
    with pytest.raises(ValueError, match="not partitioned"):
        list(drop_old_partitions(table="triggers_fire", before=NOON))

"""A pooled connection rests with its thread between webhooks, and is lost with nobody."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections

from config.database import keep_reconnecting
from config.postgres import resting
from config.postgres.base import DatabaseWrapper
from config.postgres.resting import has_ended, lay_connection_down, take_connection_up

pytestmark = pytest.mark.django_db


@pytest.fixture
def pooled(monkeypatch: pytest.MonkeyPatch) -> Iterator[DatabaseWrapper]:
    """The tests' database by a pool of at most two connections, as a web process has it."""
    pool = {"min_size": 1, "max_size": 2, "timeout": 1, "reconnect_failed": keep_reconnecting}
    settings = {**connection.settings_dict, "CONN_MAX_AGE": 0}
    settings["OPTIONS"] = {**settings["OPTIONS"], "pool": pool}
    made = DatabaseWrapper(settings, DEFAULT_DB_ALIAS)
    made.pool.open(wait=True)
    monkeypatch.setattr(resting, "connections", {DEFAULT_DB_ALIAS: made})
    monkeypatch.setattr(resting, "close_old_connections", made.close_if_unusable_or_obsolete)
    yield made
    made.close()
    resting.find_resting()
    made.close_pool()


def ask(pooled: DatabaseWrapper) -> int:
    """One request's statement; the backend that answered it."""
    take_connection_up()
    try:
        with pooled.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return int(cursor.fetchone()[0])
    finally:
        lay_connection_down()


def count_lent(pooled: DatabaseWrapper) -> int:
    stats = pooled.pool.get_stats()
    return int(stats["pool_size"] - stats["pool_available"])


def end(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def test_the_next_request_finds_the_same_connection_without_the_pool(
    pooled: DatabaseWrapper,
) -> None:
    assert len({ask(pooled) for _ in range(5)}) == 1
    assert pooled.connection is None
    assert pooled.pool.get_stats()["requests_num"] == 1
    assert count_lent(pooled) == 1


def test_a_request_without_a_statement_takes_none(pooled: DatabaseWrapper) -> None:
    take_connection_up()
    lay_connection_down()
    assert pooled.connection is None
    assert resting.find_resting() is None


def test_what_else_the_thread_serves_finds_it_too(pooled: DatabaseWrapper) -> None:
    pid = ask(pooled)
    with pooled.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        assert cursor.fetchone() == (pid,)
    pooled.close()
    assert count_lent(pooled) == 0


def test_a_thread_that_ends_gives_it_back(pooled: DatabaseWrapper) -> None:
    pooled.inc_thread_sharing()
    pids: list[int] = []
    for _ in range(5):
        thread = threading.Thread(target=lambda: pids.append(ask(pooled)))
        thread.start()
        thread.join()
    # Five threads, of which each had one, and a pool of two.
    assert len(pids) == 5
    assert count_lent(pooled) == 0


def test_one_that_postgres_has_ended_is_replaced(pooled: DatabaseWrapper) -> None:
    first = ask(pooled)
    end(first)
    assert ask(pooled) != first


def leave_an_error(pooled: DatabaseWrapper) -> None:
    with pooled.cursor() as cursor, pytest.raises(DatabaseError):
        cursor.execute("SELECT nothing_of_that_name")


def leave_a_transaction(pooled: DatabaseWrapper) -> None:
    pooled.connection.execute("BEGIN")


@pytest.mark.parametrize("leave", [leave_an_error, leave_a_transaction])
def test_one_that_cannot_be_trusted_goes_back_to_the_pool(
    pooled: DatabaseWrapper, leave: Callable[[DatabaseWrapper], None]
) -> None:
    take_connection_up()
    pooled.ensure_connection()
    leave(pooled)
    lay_connection_down()
    assert resting.find_resting() is None
    assert pooled.connection is None
    assert count_lent(pooled) == 0
    assert ask(pooled)


def test_without_a_pool_nothing_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Any] = []
    monkeypatch.setattr(resting, "close_old_connections", lambda: closed.append(True))
    connections[DEFAULT_DB_ALIAS].ensure_connection()
    lay_connection_down()
    assert closed == [True]
    assert resting.find_resting() is None


def test_a_connection_that_postgres_ended_is_known_by_its_socket() -> None:
    connection.ensure_connection()
    with psycopg.connect(connection.connection.info.dsn) as raw:
        assert not has_ended(raw)
        end(raw.info.backend_pid)
        assert has_ended(raw)
        raw.close()
        assert has_ended(raw)

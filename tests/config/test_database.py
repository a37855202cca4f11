"""Connections to a Postgres that stops answering in the middle of it."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import psycopg_pool
import pytest

from config import database
from config.database import BoundedConnection
from tests.acceptance.chaos.proxy import Mode, Proxy


class Impatient(BoundedConnection):
    answer_seconds = 0.5


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """In front of the tests' Postgres."""
    parameters = psycopg.conninfo.conninfo_to_dict(os.environ["DATABASE_URL"])
    host, port = str(parameters.get("host", "")), str(parameters.get("port", "5432"))
    proxy = Proxy(f"{host}/.s.PGSQL.{port}" if host.startswith("/") else f"{host}:{port}")
    yield proxy
    proxy.close()
    BoundedConnection._is_mute = False


def connect(proxy: Proxy, kind: type[BoundedConnection] = Impatient) -> BoundedConnection:
    user = psycopg.conninfo.conninfo_to_dict(os.environ["DATABASE_URL"]).get("user", "clockhook")
    url = f"postgresql://{user}@127.0.0.1:{proxy.port}/postgres"
    connection = kind.connect(url, autocommit=True, connect_timeout=2)
    assert isinstance(connection, kind)
    return connection


def test_a_mute_server_is_given_up_and_its_connection_closed(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        with proxy.broken(Mode.MUTE):
            started = time.monotonic()
            with pytest.raises(psycopg.OperationalError, match="no answer"):
                connection.execute("SELECT 1")
            assert 0.5 <= time.monotonic() - started < 1.5
        assert connection.closed


def test_the_next_ones_wait_less_until_something_answers(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "MUTE_SECONDS", 0.1)
    with connect(proxy) as first, connect(proxy, BoundedConnection) as patient:
        with proxy.broken(Mode.MUTE):
            with pytest.raises(psycopg.OperationalError, match=r"within 0\.5 s"):
                first.execute("SELECT 1")
            with pytest.raises(psycopg.OperationalError, match=r"within 0\.1 s"):
                patient.execute("SELECT 1")
        with connect(proxy, BoundedConnection) as third:
            third.execute("SELECT 1")
            third.execute("SELECT pg_sleep(0.3)")


def test_what_asks_the_server_nothing_is_no_answer(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever takes a connection from a pool sets it up first, without a word to the server."""
    monkeypatch.setattr(database, "MUTE_SECONDS", 0.1)
    with ExitStack() as stack:
        first = stack.enter_context(connect(proxy))
        patient = stack.enter_context(connect(proxy, BoundedConnection))
        stack.enter_context(proxy.broken(Mode.MUTE))
        with pytest.raises(psycopg.OperationalError, match=r"within 0\.5 s"):
            first.execute("SELECT 1")
        patient.autocommit = False
        patient.autocommit = True
        with pytest.raises(psycopg.OperationalError, match=r"within 0\.1 s"):
            patient.execute("SELECT 1")


def test_one_looks_again_and_the_others_are_told_at_once(proxy: Proxy) -> None:
    with connect(proxy) as first, proxy.broken(Mode.MUTE), pytest.raises(psycopg.OperationalError):
        first.execute("SELECT 1")
    waited: list[float] = []

    def ask(connection: BoundedConnection) -> None:
        started = time.monotonic()
        with pytest.raises(psycopg.OperationalError, match="no answer"):
            connection.execute("SELECT 1")
        waited.append(time.monotonic() - started)

    with ExitStack() as stack:
        patient = [stack.enter_context(connect(proxy, BoundedConnection)) for _ in range(4)]
        stack.enter_context(proxy.broken(Mode.MUTE))
        threads = [threading.Thread(target=ask, args=[one]) for one in patient]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(seconds >= database.MUTE_SECONDS for seconds in waited) == 1
    assert sum(seconds < database.MUTE_SECONDS for seconds in waited) == 3


def test_a_statement_that_takes_its_time_is_no_mute_server(proxy: Proxy) -> None:
    with connect(proxy, BoundedConnection) as connection:
        connection.execute("SELECT pg_sleep(1)")
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.execute("SELECT 1/0")
        assert connection.execute("SELECT 2").fetchone() == (2,)


def test_a_pipeline_gives_up_too(proxy: Proxy) -> None:
    with connect(proxy) as connection, proxy.broken(Mode.MUTE):
        with pytest.raises(psycopg.OperationalError), connection.pipeline():
            connection.execute("SELECT 1")
        assert connection.closed


@pytest.mark.parametrize("resting", [0, 2], ids=["all its own", "two rest with threads"])
@pytest.mark.parametrize("seconds", [0.5, 2.5])
def test_a_pool_that_lost_everything_under_load_finds_postgres_again(
    proxy: Proxy, seconds: float, resting: int
) -> None:
    """Also while connections that nobody gives back make it look as large as it has to be."""
    user = psycopg.conninfo.conninfo_to_dict(os.environ["DATABASE_URL"]).get("user", "clockhook")
    pool = psycopg_pool.ConnectionPool(
        f"postgresql://{user}@127.0.0.1:{proxy.port}/postgres",
        min_size=1,
        max_size=3,
        max_waiting=2,
        timeout=0.1,
        reconnect_timeout=1,
        check=psycopg_pool.ConnectionPool.check_connection,
        reconnect_failed=database.keep_reconnecting,
        open=True,
    )
    pool.wait(5)
    with pool:
        lent = [pool.getconn(timeout=5) for _ in range(resting)]
        with proxy.broken(Mode.CUT):
            ends_at = time.monotonic() + seconds
            while time.monotonic() < ends_at:
                with pytest.raises(psycopg.OperationalError), pool.connection():
                    pass
                time.sleep(0.01)
        deadline = time.monotonic() + 4
        while True:
            try:
                with pool.connection() as connection:
                    assert connection.execute("SELECT 1").fetchone() == (1,)
                break
            except (psycopg_pool.PoolTimeout, psycopg_pool.TooManyRequests):
                assert time.monotonic() < deadline, "the pool has given up"
                time.sleep(0.05)
        for one in lent:
            pool.putconn(one)

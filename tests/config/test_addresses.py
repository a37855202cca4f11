"""Addresses of services: as libpq and redis-py write them, as Django and kombu take them."""

from pathlib import Path

import psycopg.conninfo
import pytest
import redis
from kombu import Connection

from config.database import BoundedConnection, read_database
from config.settings import translate_redis_url
from config.stack import postgres, valkey


def test_an_embedded_postgres_is_found_by_libpq_and_by_django() -> None:
    url = postgres.build_database_url(Path("/run/clock hook-1"))

    parts = psycopg.conninfo.conninfo_to_dict(url)
    assert parts["host"] == "/run/clock hook-1"
    assert (parts["user"], parts["dbname"], parts["port"]) == ("clockhook", "clockhook", "5432")
    entry = read_database(url, role="", slots=8)
    assert entry["HOST"] == "/run/clock hook-1"
    assert (entry["USER"], entry["NAME"], entry["PORT"]) == ("clockhook", "clockhook", "5432")
    assert "pool" not in entry["OPTIONS"]


def test_a_database_url_keeps_its_password_and_its_options() -> None:
    url = "postgresql://user:p%40ss@db.example:5433/app?sslmode=require&application_name=x"

    entry = read_database(url, role="web", slots=8)

    assert (entry["PASSWORD"], entry["HOST"], entry["PORT"]) == ("p@ss", "db.example", "5433")
    assert entry["OPTIONS"]["sslmode"] == "require"
    assert entry["OPTIONS"]["pool"]["max_size"] == 11


@pytest.mark.parametrize("role", ["web", "worker", "beat"])
def test_every_served_role_has_a_small_pool_that_reconnects_soon(role: str) -> None:
    pool = read_database("postgresql:///x", role=role, slots=2)["OPTIONS"]["pool"]

    assert pool["max_size"] == 5
    assert pool["reconnect_timeout"] == 4
    assert issubclass(pool["connection_class"], BoundedConnection)


def test_an_embedded_valkey_is_found_by_redis_py_and_by_kombu() -> None:
    url = valkey.build_redis_url(Path("/run/clockhook-1"))

    client = redis.Redis.from_url(url)
    assert client.connection_pool.connection_kwargs["path"] == "/run/clockhook-1/valkey.sock"
    client.close()
    broker = Connection(translate_redis_url(url))
    assert broker.transport_cls == "redis"
    assert broker.hostname == "socket:///run/clockhook-1/valkey.sock"


@pytest.mark.parametrize(
    ("given", "translated"),
    [
        ("unix:///run/valkey.sock", "redis+socket:///run/valkey.sock"),
        ("unix:///run/valkey.sock?db=2", "redis+socket:///run/valkey.sock?virtual_host=2"),
        ("redis://:secret@host:6379/1", "redis://:secret@host:6379/1"),
        ("rediss://host:6380/0", "rediss://host:6380/0?ssl_cert_reqs=required"),
        ("rediss://host:6380/0?ssl_cert_reqs=none", "rediss://host:6380/0?ssl_cert_reqs=none"),
    ],
)
def test_redis_urls_are_written_as_kombu_takes_them(given: str, translated: str) -> None:
    assert translate_redis_url(given) == translated

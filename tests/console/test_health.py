"""Health, metrics and the API's description: open to all, and about no tenant."""

import datetime as dt
from contextlib import closing
from typing import Any
from unittest import mock

import pytest
import redis
from django.db import OperationalError, connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from console.services import health
from triggers.services import record_heartbeat

pytestmark = pytest.mark.django_db


def _read(client: Client, status: int) -> dict[str, Any]:
    response = client.get("/readyz")
    assert response.status_code == status, response.content
    body: dict[str, Any] = response.json()
    assert body["status"] == ("ok" if status == 200 else "unavailable")
    checks: dict[str, Any] = body["checks"]
    return checks


def _break(name: str, error: Exception) -> Any:
    return mock.patch.object(health, name, side_effect=error)


def test_liveness_asks_nothing(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_ready_without_redis_and_without_a_beat(client: Client, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    checks = _read(client, 200)
    assert {name for name, check in checks.items() if check["required"]} == {
        "database",
        "migrations",
        "partitions",
    }
    assert checks["redis"] == {"ok": False, "required": False, "error": "ConnectionError"}
    assert checks["beat"] == {"ok": False, "required": False, "alive": 0, "leaders": 0}
    assert checks["partitions"]["days_ahead"] >= 7
    assert checks["timezones"]["iana_version"] >= "2025"


def test_a_beat_that_ticks_is_reported(client: Client) -> None:
    record_heartbeat(name="beat-1", is_leader=True, fires=1, lag_seconds=0.25)
    beat = _read(client, 200)["beat"]
    assert (beat["ok"], beat["alive"], beat["leaders"]) == (True, 1, 1)


def test_a_redis_that_answers_is_reported(client: Client) -> None:
    with mock.patch.object(redis.Redis, "ping", return_value=True):
        assert _read(client, 200)["redis"] == {"ok": True, "required": False}


def test_not_ready_while_postgres_does_not_answer(client: Client) -> None:
    error = OperationalError("connection to server at 10.0.0.1, user admin failed")
    with mock.patch.object(connection, "cursor", side_effect=error):
        response = client.get("/readyz")
    assert response.status_code == 503
    assert response["Retry-After"] == "1"
    checks = response.json()["checks"]
    assert checks["database"]["error"] == "OperationalError"
    assert checks["partitions"] == {"ok": False, "required": True, "error": "not checked"}
    assert "10.0.0.1" not in response.content.decode()


def test_not_ready_while_migrations_are_missing(client: Client) -> None:
    missing = health.MigrationsMissing(["runs.0002_more"])
    with _break("_confirm_migrations", missing):
        checks = _read(client, 503)
    assert checks["migrations"]["missing"] == ["runs.0002_more"]


def test_migrations_are_compared_with_the_code(client: Client) -> None:
    health._confirm_migrations.cache_clear()
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM django_migrations WHERE app = 'workspaces' AND name LIKE '0003%'"
        )
    assert _read(client, 503)["migrations"]["missing"] == ["workspaces.0003_pruned_history"]


@pytest.mark.parametrize(("days", "status"), [(7, 200), (6, 503), (0, 503)])
def test_not_ready_under_a_week_of_partitions(client: Client, days: int, status: int) -> None:
    with mock.patch.object(health, "count_partitions_ahead", return_value=days):
        assert _read(client, status)["partitions"]["days_ahead"] == days


def test_readiness_asks_for_the_given_instant() -> None:
    now = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
    with mock.patch.object(health, "count_partitions_ahead", return_value=9) as count:
        health.read_readiness(now)
    count.assert_called_once_with(now)


def test_metrics_are_the_engines_and_the_processs(client: Client) -> None:
    record_heartbeat(name="beat-1", is_leader=True, fires=1, lag_seconds=0.25)
    response = client.get("/metrics")
    text = response.content.decode()
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain")
    assert "clockhook_database_up 1.0" in text
    assert "clockhook_beats_alive 1.0" in text
    assert "clockhook_beat_leaders 1.0" in text
    assert "clockhook_beat_lag_seconds 0.25" in text
    assert "python_info" in text


def test_metrics_count_due_runs_by_queue(client: Client) -> None:
    depths = [("instant", 3, 1.5), ("network", 1, 0.0)]
    with mock.patch("console.services.metrics.read_queue_depths", return_value=depths):
        text = client.get("/metrics").content.decode()
    assert 'clockhook_runs_due{queue="instant"} 3.0' in text
    assert 'clockhook_runs_oldest_due_seconds{queue="instant"} 1.5' in text


def test_metrics_are_answered_while_postgres_does_not_answer(client: Client) -> None:
    with mock.patch(
        "console.services.metrics.read_queue_depths", side_effect=OperationalError("down")
    ):
        response = client.get("/metrics")
    text = response.content.decode()
    assert response.status_code == 200
    assert "clockhook_database_up 0.0" in text
    assert "clockhook_beats_alive" not in text


def test_metrics_take_two_queries(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2):
        client.get("/metrics")


def test_the_index_says_where_everything_is(client: Client) -> None:
    body = client.get("/").json()
    for name in ("docs", "openapi", "health"):
        assert client.get(body[name]).status_code == 200


def test_the_docs_come_from_here_alone(client: Client) -> None:
    page = client.get("/docs").content.decode()
    assert "/static/drf_spectacular_sidecar/" in page
    assert "https://" not in page
    assert "/openapi.json" in page
    script = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"
    with closing(client.get(script)) as response:
        assert response.status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_these_doors_are_read_only(path: str, method: str) -> None:
    strict = Client(enforce_csrf_checks=True, raise_request_exception=False)
    answer = strict.generic(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "method_not_allowed"

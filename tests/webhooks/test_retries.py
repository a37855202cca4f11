"""When Postgres fails: tried again, never fired twice, and a 503 in the end (R2)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg_pool import PoolTimeout, TooManyRequests

from events.models import Event
from runs.models import Run
from tests.webhooks.conftest import Sender, build_path
from tests.webhooks.factories import DestinationFactory
from triggers.services import plan_from_webhook
from webhooks.models import DedupeKey, Delivery, Destination
from webhooks.services import acceptance, arrivals, retries
from webhooks.services.retries import DatabaseAway, run_with_retries
from workspaces.models.writing import PreparedCursor


def expect_503(answer: Any) -> None:
    assert answer.status_code == 503, answer.content
    assert answer.json()["code"] == "service_unavailable"
    assert int(answer.headers["Retry-After"]) >= 1


@contextmanager
def lose_commits(count: int, *, happens: bool) -> Iterator[list[int]]:
    """The next ``count`` commits fail; with ``happens``, only their answers are lost."""
    commit: Callable[[BaseDatabaseWrapper], None] = getattr(BaseDatabaseWrapper, "_commit")  # noqa: B009 - the stubs hide it
    execute = PreparedCursor.execute
    calls: list[int] = []

    def lose(do: Callable[[], Any]) -> Any:
        calls.append(1)
        if len(calls) > count:
            return do()
        if happens:
            do()
        raise OperationalError("server closed the connection unexpectedly")

    def lose_together(cursor: PreparedCursor, query: Any, *arguments: Any, **options: Any) -> Any:
        # What is written together is a statement that commits itself.
        do = partial(execute, cursor, query, *arguments, **options)
        return lose(do) if query.startswith("WITH ") else do()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            BaseDatabaseWrapper, "_commit", lambda wrapper: lose(partial(commit, wrapper))
        )
        patch.setattr(PreparedCursor, "execute", lose_together)
        yield calls


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("key", [None, "evt-1"])
def test_a_lost_commit_fires_once_and_answers_with_its_ids(
    sender: Sender, destination: Destination, pauses: list[float], key: str | None
) -> None:
    with lose_commits(1, happens=True):
        answer = sender.post(destination, key=key)
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert body["status"] == "fired"
    assert pauses == [0.5]
    run, delivery = Run.objects.get(), Delivery.objects.get()
    assert (body["run_id"], body["event_id"]) == (str(run.id), str(delivery.event_id))
    assert body["fired_event_id"] == str(run.fired_event_id)
    assert Event.objects.filter(event_type="trigger.fired").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_lost_commit_of_a_duplicate_still_names_the_first(
    sender: Sender, destination: Destination, pauses: list[float]
) -> None:
    first = sender.post(destination, key="evt-1").json()
    with lose_commits(1, happens=True):
        second = sender.post(destination, key="evt-1").json()
    assert second == {**first, "status": "duplicate"}
    assert Delivery.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_lost_commit_of_a_filtered_delivery_is_filtered_once(
    sender: Sender, pauses: list[float]
) -> None:
    destination = DestinationFactory(trigger__is_active=False)
    with lose_commits(1, happens=True):
        body = sender.post(destination).json()
    assert (body["status"], body["run_id"]) == ("filtered", None)
    assert Delivery.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("key", [None, "evt-1"])
def test_a_commit_that_comes_through_late_is_found_by_its_ids(
    sender: Sender,
    destination: Destination,
    pauses: list[float],
    monkeypatch: pytest.MonkeyPatch,
    key: str | None,
) -> None:
    """The retry looked before the first commit had arrived: its rows are then in the way."""
    find, looks = acceptance._find_earlier, []

    def look(knock: Any) -> Any:
        looks.append(1)
        return None if len(looks) == 1 else find(knock)

    monkeypatch.setattr(acceptance, "_find_earlier", look)
    with lose_commits(1, happens=True):
        body = sender.post(destination, key=key).json()
    run = Run.objects.get()
    assert (body["status"], body["run_id"]) == ("fired", str(run.id))
    assert Delivery.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_commit_that_comes_through_late_stands_although_the_destination_was_closed(
    sender: Sender,
    destination: Destination,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def close_destination(seconds: float) -> None:
        Destination.objects.update(is_active=False)

    monkeypatch.setattr(
        acceptance, "run_with_retries", partial(run_with_retries, pause=close_destination)
    )
    monkeypatch.setattr(acceptance, "_find_earlier", lambda knock: None)
    with lose_commits(1, happens=True):
        answer = sender.post(destination, key="evt-1")
    assert answer.status_code == 200, answer.content
    assert answer.json()["run_id"] == str(Run.objects.get().id)
    assert Delivery.objects.get().status == "accepted"


@pytest.mark.django_db(transaction=True)
def test_a_failed_commit_is_made_again(
    sender: Sender, destination: Destination, pauses: list[float]
) -> None:
    with lose_commits(2, happens=False):
        answer = sender.post(destination, key="evt-1")
    assert answer.json()["status"] == "fired"
    assert pauses == [0.5, 1.0]
    assert Run.objects.count() == Delivery.objects.count() == DedupeKey.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("attempts", [1, 2, 3, 5])
def test_r2_the_destination_says_how_often_and_then_it_is_a_503(
    sender: Sender, pauses: list[float], attempts: int
) -> None:
    destination = DestinationFactory(retry_attempts=attempts)
    with lose_commits(99, happens=False) as commits:
        answer = sender.post(destination, key="evt-1")
    expect_503(answer)
    assert len(commits) == attempts
    assert pauses == [0.5 * 2**n for n in range(attempts - 1)]
    assert not Run.objects.exists()
    assert not Delivery.objects.exists()
    assert not DedupeKey.objects.exists()
    assert sender.post(destination, key="evt-1").json()["status"] == "fired"


@pytest.mark.django_db(transaction=True)
def test_a_terminated_session_is_replaced(
    sender: Sender,
    destination: Destination,
    pauses: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kills: list[int] = []

    def kill_once(*arguments: Any, **options: Any) -> Any:
        if not kills:
            kills.append(1)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return plan_from_webhook(*arguments, **options)

    monkeypatch.setattr(arrivals, "plan_from_webhook", kill_once)
    assert sender.post(destination, key="evt-1").json()["status"] == "fired"
    assert Run.objects.count() == Delivery.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_died_in_the_pool_is_replaced_at_once(
    sender: Sender, destination: Destination, pauses: list[float]
) -> None:
    pid = connection.connection.info.backend_pid
    with connection.temporary_connection(), connection.copy().cursor() as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])
        other.connection.close()
    assert sender.post(destination).json()["status"] == "fired"
    assert pauses == []


@pytest.mark.django_db
@pytest.mark.parametrize("error", [OperationalError("down"), InterfaceError("closed")])
def test_postgres_down_is_a_503_at_once(
    sender: Sender, pauses: list[float], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    destination = DestinationFactory()
    monkeypatch.setattr("webhooks.services.receipt.recall_target", fail)
    expect_503(sender.post(destination))
    assert pauses == []


@pytest.mark.django_db
@pytest.mark.parametrize("cause", [PoolTimeout("full"), TooManyRequests("full")])
def test_a_full_pool_is_a_503_after_one_wait(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, cause: Exception
) -> None:
    calls = []

    def fail(*_: Any, **__: Any) -> None:
        calls.append(1)
        raise OperationalError("couldn't get a connection") from cause

    destination = DestinationFactory()
    monkeypatch.setattr("webhooks.services.receipt.recall_target", fail)
    expect_503(sender.post(destination))
    assert len(calls) == 1


@pytest.mark.django_db
def test_a_missing_partition_is_a_503_and_fires_nothing(
    sender: Sender, destination: Destination
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " WHERE inhparent = 'webhooks_delivery'::regclass"
        )
        for (partition,) in cursor.fetchall():
            cursor.execute(f"DROP TABLE {partition}")
    expect_503(sender.post(destination, key="evt-1"))
    expect_503(sender.post(destination, headers={}))
    assert not Run.objects.exists()


@pytest.mark.django_db
def test_an_application_error_is_not_tried_again(
    sender: Sender,
    destination: Destination,
    pauses: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = []

    def refuse(*_: Any, **__: Any) -> None:
        calls.append(1)
        raise IntegrityError("a constraint of somebody")

    monkeypatch.setattr(arrivals, "plan_from_webhook", refuse)
    assert sender.post(destination).status_code == 500
    assert len(calls) == 1
    assert pauses == []
    assert Delivery.objects.get().cause == "internal"


def test_only_half_of_the_threads_wait(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr(retries, "drop_connection", lambda: None)
    slept: list[float] = []
    calls = []

    def fail(attempt: int) -> None:
        calls.append(attempt)
        raise OperationalError("down")

    half = max(1, settings.SLOTS // 2)
    for _ in range(half):
        assert retries.waiting_rooms.acquire(blocking=False)
    try:
        with pytest.raises(DatabaseAway):
            run_with_retries(fail, attempts=5, pause=slept.append)
        assert (calls, slept) == ([1], [])
    finally:
        for _ in range(half):
            retries.waiting_rooms.release()
    with pytest.raises(DatabaseAway):
        run_with_retries(fail, attempts=2, pause=slept.append)
    # Whoever waited has left the room.
    assert retries.waiting_rooms.acquire(blocking=False)
    retries.waiting_rooms.release()
    assert (calls, slept) == ([1, 1, 2], [0.5])


@pytest.mark.django_db
def test_the_use_of_a_secret_is_noted_at_most_once_a_minute(
    sender: Sender, destination: Destination
) -> None:
    def read_use() -> Any:
        return destination.secrets.values_list("last_used_at", flat=True).get()

    assert read_use() is None
    sender.post(destination)
    noted = read_use()
    assert noted is not None
    sender.post(destination)
    assert read_use() == noted


@pytest.mark.django_db
def test_an_accepted_delivery_stays_accepted_when_the_note_fails(
    sender: Sender, destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("down")

    monkeypatch.setattr("webhooks.services.receipt.note_use", fail)
    assert sender.post(destination).json()["status"] == "fired"


@pytest.mark.django_db(transaction=True)
def test_a_refusal_that_cannot_be_written_is_a_503(
    sender: Sender, destination: Destination
) -> None:
    with lose_commits(9, happens=False):
        expect_503(sender.client.post(build_path(destination), b"{}", content_type="a/b"))
    assert not transaction.get_connection().in_atomic_block

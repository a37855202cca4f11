"""Writing into the ledger, and what the database refuses by itself."""

import datetime as dt
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from pytest_django import DjangoAssertNumQueries

from events.models import Event
from events.rules.event import API, NewEvent
from events.rules.ids import read_id_time
from events.rules.render import render_history_event
from events.services import (
    PartitionMissing,
    append_event,
    append_events,
    is_partition_missing,
    publish_event,
)
from tests.events.factories import build_event, mint_id_at
from workspaces.rules.problems import Unprocessable
from workspaces.rules.times import render_time
from workspaces.services import new_id

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)


def test_a_hundred_events_take_one_statement(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    events = [build_event() for _ in range(100)]
    with django_assert_num_queries(1):
        append_events(events)
    assert Event.objects.count() == 100


def test_appending_nothing_asks_nothing(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(0):
        append_events([])


def test_an_event_comes_back_as_it_was_given() -> None:
    given = build_event(
        chain_id=new_id(),
        parent_id=new_id(),
        run_id=new_id(),
        trigger_id=new_id(),
        destination_id=new_id(),
        delivery_id=new_id(),
        data={"nested": {"list": [1, 2.5, None, True, "ü"]}, "text": "it's {{ x }} %s"},
    )
    append_event(given)
    stored = Event.objects.get(id=given.id)
    for name in NewEvent.__dataclass_fields__:
        assert getattr(stored, name) == getattr(given, name), name
    assert stored.created_at == read_id_time(given.id)


def test_an_events_short_form_is_what_a_triggers_history_shows() -> None:
    run_id = new_id()
    event_id = append_event(build_event(run_id=run_id, data={"a": 1}))
    stored = Event.objects.get(id=event_id)
    assert render_history_event(stored) == {
        "event_id": str(event_id),
        "event_type": "trigger.fired",
        "data": {"a": 1},
        "effective_at": "2026-11-24T09:00:00Z",
        "created_at": render_time(stored.created_at),
        "run_id": str(run_id),
        "chain_id": str(event_id),
        "source": "AUTOMATION",
    }


def test_an_event_without_a_chain_begins_one() -> None:
    event_id = append_event(build_event())
    assert Event.objects.get(id=event_id).chain_id == event_id


def test_all_or_none_are_appended() -> None:
    first, second = build_event(), build_event()
    append_event(second)
    with pytest.raises(IntegrityError), transaction.atomic():
        append_events([first, second])
    assert not Event.objects.filter(id=first.id).exists()


def test_a_taken_id_is_not_mistaken_for_a_missing_partition() -> None:
    event = build_event()
    append_event(event)
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        append_event(event)
    assert not is_partition_missing(caught.value)


def test_a_missing_partition_is_named_and_writes_nothing() -> None:
    far = build_event(id=mint_id_at(dt.datetime(2199, 1, 1, tzinfo=dt.UTC)))
    near = build_event()
    with pytest.raises(PartitionMissing, match="no partition") as caught, transaction.atomic():
        append_events([near, far])
    assert caught.value.status == 503
    assert caught.value.headers == {"Retry-After": "1"}
    assert isinstance(caught.value.__cause__, IntegrityError)
    assert not Event.objects.filter(id=near.id).exists()


def test_an_id_that_tells_no_time_is_refused_before_the_database() -> None:
    with pytest.raises(ValueError, match="version 7"):
        append_event(build_event(id=uuid4()))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events_event SET event_type = 'x'",
        "UPDATE events_event SET data = '{}' WHERE false OR event_type = 'trigger.fired'",
        "DELETE FROM events_event",
    ],
)
def test_the_database_refuses_to_change_an_event(statement: str) -> None:
    event_id = append_event(build_event())
    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert Event.objects.get(id=event_id).event_type == "trigger.fired"


def test_the_guard_holds_for_replication_sessions_and_on_the_partition_itself() -> None:
    event_id = append_event(build_event())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tableoid::regclass::text FROM events_event WHERE id = %s", [event_id]
        )
        (partition,) = cursor.fetchone()
        cursor.execute("SET LOCAL session_replication_role = replica")
        for verb in ("DELETE FROM", "UPDATE"):
            changes = "" if verb == "DELETE FROM" else "SET data = '{}'"
            with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
                cursor.execute(f"{verb} {partition} {changes}")


@pytest.mark.parametrize("is_parent", [True, False])
def test_the_database_refuses_to_truncate_a_guarded_partition(is_parent: bool) -> None:
    # The test database runs without this guard, so that tests can be flushed: put it back on one.
    event_id = append_event(build_event())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tableoid::regclass::text FROM events_event WHERE id = %s", [event_id]
        )
        (partition,) = cursor.fetchone()
        cursor.execute(
            f"CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON {partition}"
            " FOR EACH STATEMENT EXECUTE FUNCTION clockhook_refuse_change()"
        )
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            cursor.execute(f"TRUNCATE {'events_event' if is_parent else partition}")
    assert Event.objects.filter(id=event_id).exists()


def test_published_event_begins_a_chain_of_its_workspace() -> None:
    workspace_id = new_id()
    event = publish_event(
        workspace_id=workspace_id, event_type="lead.created", source=API, data={"id": 7}, now=NOW
    )
    stored = Event.objects.get(id=event.id)
    assert (stored.workspace_id, stored.event_type, stored.source) == (
        workspace_id,
        "lead.created",
        "API",
    )
    assert stored.chain_id == stored.id
    assert (stored.data, stored.effective_at) == ({"id": 7}, NOW)


@pytest.mark.parametrize(
    ("event_type", "code"),
    [
        ("trigger.fired", "reserved"),
        ("outbound.completed", "reserved"),
        ("webhook.received", "reserved"),
        ("lead.*", "invalid"),
        ("", "invalid"),
        ("a" * 129, "invalid"),
    ],
)
def test_what_only_the_product_writes_cannot_be_published(event_type: str, code: str) -> None:
    with pytest.raises(Unprocessable) as caught:
        publish_event(workspace_id=new_id(), event_type=event_type, source=API, data={}, now=NOW)
    assert [(error.pointer, error.code) for error in caught.value.errors] == [("/event_type", code)]
    assert not Event.objects.exists()


def test_too_much_data_cannot_be_published() -> None:
    def publish(text: str) -> None:
        publish_event(workspace_id=new_id(), event_type="a", source=API, data={"t": text}, now=NOW)

    publish("é" * (128 * 1024 - 8))
    with pytest.raises(Unprocessable) as caught:
        publish("é" * 128 * 1024)
    assert caught.value.errors[0].code == "too_large"

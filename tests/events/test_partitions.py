"""Partitions by day: made once, by whoever comes first, and enough of them ahead."""

import datetime as dt
import threading
from collections.abc import Iterator
from functools import partial
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

import config.celery  # noqa: F401 - the application that the tasks belong to
from events.models import Event
from events.services import (
    analyze_tables,
    append_events,
    count_partitions_ahead,
    create_missing_partitions,
)
from events.services.partitions import PARTITIONED_TABLES, create_partitions
from events.tasks import analyze_tables as analyze_tables_task
from events.tasks import create_partitions as create_partitions_task
from tests.events.factories import build_event, mint_id_at

TODAY = dt.date(2031, 3, 30)


def make_scratch_table() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE scratch (id uuid PRIMARY KEY) PARTITION BY RANGE (id)")


def list_partitions(table: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass"
            " ORDER BY 1",
            [table],
        )
        return [name for (name,) in cursor.fetchall()]


@pytest.fixture
def scratch(db: None) -> None:
    make_scratch_table()


@pytest.fixture
def committed_scratch(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Seen by every connection; no table of the product is touched, so nothing needs a flush."""
    with django_db_blocker.unblock():
        make_scratch_table()
        yield
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE scratch")
        connection.close()


def make(days_ahead: int = 2, *, append_only: bool = False) -> list[str]:
    return create_partitions(
        table="scratch", today=TODAY, days_ahead=days_ahead, append_only=append_only
    )


@pytest.mark.usefixtures("scratch")
def test_partitions_reach_from_yesterday_to_the_days_ahead() -> None:
    expected = [f"scratch_p203103{day}" for day in ("29", "30", "31")] + ["scratch_p20310401"]
    assert make() == expected
    assert list_partitions("scratch") == expected


@pytest.mark.usefixtures("scratch")
def test_making_them_again_makes_only_what_is_new() -> None:
    make()
    assert make() == []
    assert make(days_ahead=3) == ["scratch_p20310402"]


@pytest.mark.usefixtures("scratch")
def test_a_hole_is_filled() -> None:
    make()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE scratch_p20310331")
    assert make() == ["scratch_p20310331"]


@pytest.mark.usefixtures("scratch")
def test_a_row_lands_in_the_partition_of_its_ids_day() -> None:
    make()
    midnight = dt.datetime(2031, 3, 31, tzinfo=dt.UTC)
    ids = [mint_id_at(midnight - dt.timedelta(milliseconds=1)), mint_id_at(midnight)]
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO scratch SELECT unnest(%s::uuid[])", [ids])
        cursor.execute("SELECT tableoid::regclass::text FROM scratch ORDER BY id")
        assert [name for (name,) in cursor.fetchall()] == ["scratch_p20310330", "scratch_p20310331"]


@pytest.mark.usefixtures("scratch")
def test_partitions_of_an_append_only_table_refuse_to_be_truncated() -> None:
    make(append_only=True)
    with connection.cursor() as cursor:
        for name in list_partitions("scratch"):
            with pytest.raises(Exception, match="append-only"), transaction.atomic():
                cursor.execute(f"TRUNCATE {name}")


@pytest.mark.usefixtures("scratch")
def test_no_leftover_constraint_slows_the_inserts() -> None:
    make()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE contype = 'c'"
            " AND conrelid = 'scratch_p20310330'::regclass"
        )
        assert cursor.fetchall() == []


@pytest.mark.usefixtures("committed_scratch")
def test_processes_that_start_together_make_each_partition_once() -> None:
    barrier, created, failures = threading.Barrier(4), [], []

    def start() -> None:
        try:
            barrier.wait()
            created.extend(make(days_ahead=10))
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(created) == 12
    assert sorted(created) == list_partitions("scratch")


@pytest.mark.django_db
def test_every_table_is_partitioned_and_ready_for_a_month() -> None:
    now = dt.datetime.now(dt.UTC)
    create_missing_partitions(today=now.date())
    assert count_partitions_ahead(now) >= 30
    for table in PARTITIONED_TABLES:
        assert f"{table}_p{now:%Y%m%d}" in list_partitions(table)


@pytest.mark.django_db
def test_days_ahead_are_counted_to_the_first_hole_of_any_table() -> None:
    now = dt.datetime.now(dt.UTC)
    create_missing_partitions(today=now.date())
    hole = now.date() + dt.timedelta(days=4)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE webhooks_delivery_p{hole:%Y%m%d}")
    assert count_partitions_ahead(now) == 3


@pytest.mark.django_db
def test_a_missing_partition_of_today_counts_below_zero() -> None:
    assert count_partitions_ahead(dt.datetime(2199, 1, 1, tzinfo=dt.UTC)) == -1


@pytest.mark.django_db
def test_the_day_is_utcs_wherever_the_clock_stands() -> None:
    now = dt.datetime.now(dt.UTC)
    create_missing_partitions(today=now.date())
    east = now.astimezone(dt.timezone(dt.timedelta(hours=14)))
    assert count_partitions_ahead(east) == count_partitions_ahead(now)


@pytest.mark.django_db
def test_the_task_fills_a_hole_and_takes_arguments_of_other_versions() -> None:
    today = dt.datetime.now(dt.UTC)
    create_missing_partitions(today=today.date())
    hole = f"webhooks_delivery_p{today + dt.timedelta(days=9):%Y%m%d}"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {hole}")
    for _ in range(2):
        create_partitions_task(added_in_a_later_version=1)
        assert hole in list_partitions("webhooks_delivery")


@pytest.mark.django_db
def test_the_command_prints_what_it_made() -> None:
    today = dt.datetime.now(dt.UTC)
    create_missing_partitions(today=today.date(), days_ahead=31)
    hole = f"webhooks_delivery_p{today + dt.timedelta(days=9):%Y%m%d}"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {hole}")
    output = StringIO()
    call_command("create_partitions", "--days-ahead", "30", stdout=output)
    assert output.getvalue().splitlines() == [hole]


@pytest.mark.parametrize("days", ["0", "-1", "4000", "many"])
def test_the_command_refuses_odd_numbers_of_days(days: str) -> None:
    with pytest.raises(CommandError, match="days-ahead"):
        call_command("create_partitions", f"--days-ahead={days}")


@pytest.mark.django_db
def test_statistics_of_the_whole_table_are_refreshed() -> None:
    append_events([build_event() for _ in range(3)])
    # What an undone ANALYZE of another test has counted stays counted.
    for analyze in (analyze_tables, partial(analyze_tables_task, added_in_a_later_version=1)):
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE pg_class SET reltuples = 77 WHERE oid = 'events_event'::regclass"
            )
        analyze()
        with connection.cursor() as cursor:
            cursor.execute("SELECT reltuples FROM pg_class WHERE oid = 'events_event'::regclass")
            assert cursor.fetchone()[0] == Event.objects.count()

"""What goes when its days are over, what stays, and that nobody waits for it."""

import datetime as dt
import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.core.checks import run_checks
from django.db import DatabaseError, connection, transaction
from pytest_django import DjangoAssertNumQueries, Settings

from actions.models import Action, OutboundCall
from config import environment
from console import tasks
from console.models import Operation
from console.services import retention
from console.services.retention import CLASSES, prune_history
from runs.models import Run
from runs.services import find_oldest_live_chain, prune_runs
from tests.events.factories import mint_id_at
from tests.factories import ActionFactory, make_backfill, queue_run
from triggers.models import Fire
from workspaces.models import PrunedHistory
from workspaces.services import note_pruned, read_pruned_before
from workspaces.services import retention as batches

NOW = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
OLD = NOW - dt.timedelta(days=91)
KEPT = NOW - dt.timedelta(days=89)


def drop_nothing(*, before: dt.datetime) -> Iterator[str]:
    return iter(())


@pytest.fixture(autouse=True)
def partitions(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dt.datetime]]:
    """What would have been dropped: that is tried on a table of its own."""
    asked: list[tuple[str, dt.datetime]] = []

    def note(*, table: str, before: dt.datetime) -> list[str]:
        asked.append((table, before))
        return []

    monkeypatch.setattr(retention, "drop_old_partitions", note)
    monkeypatch.setitem(CLASSES, "deliveries", drop_nothing)
    return asked


def prune(now: dt.datetime = NOW) -> dict[str, int]:
    return prune_history(now=now, is_time_up=lambda: False)


def make_run(action: Action, made_at: dt.datetime, number: int = 0, **changes: Any) -> UUID:
    """A run made then; ended unless it is told otherwise."""
    id_ = mint_id_at(made_at, number=number)
    given = {"status": "completed", "ended_at": made_at} | changes
    Run.objects.filter(id=queue_run(action, **given).id).update(id=id_)
    return id_


def make_fire(recorded_at: dt.datetime, number: int = 0, **changes: Any) -> UUID:
    id_ = mint_id_at(recorded_at, number=number)
    given: dict[str, Any] = {
        "workspace_id": id_,
        "trigger_id": id_,
        "key": f"slot:{number}",
        "cause": "schedule",
        "scheduled_for": recorded_at,
        "outcome": "fired",
        "created_at": recorded_at,
    }
    Fire.objects.insert_rows([Fire(id=id_, **given | changes)])
    return id_


def make_call(action: Action, made_at: dt.datetime, *, status: str, number: int = 0) -> UUID:
    id_ = mint_id_at(made_at, number=number)
    return OutboundCall.objects.create(
        id=id_,
        workspace_id=action.workspace_id,
        run_id=id_,
        action_id=action.id,
        chain_id=id_,
        triggered_by="schedule",
        phone_to="+14155550101",
        reason="test",
        priority=5,
        max_attempts=1,
        retry_backoff_minutes=1,
        window={},
        status=status,
        next_attempt_at=made_at if status == "pending" else None,
        provider="console",
        last_event_id=id_,
    ).pk


def make_operation(action: Action, asked_at: dt.datetime, *, status: str) -> UUID:
    return Operation.objects.create(
        id=mint_id_at(asked_at),
        workspace_id=action.workspace_id,
        kind="rerun",
        status=status,
        total_count=1,
        created_by="key:1",
        created_at=asked_at,
        advanced_at=asked_at,
    ).pk


@pytest.mark.django_db
def test_ended_runs_go_after_their_days_and_live_ones_never() -> None:
    action = ActionFactory.create()
    for number in range(3):
        make_run(action, OLD, number)
    live = make_run(action, OLD, 3, status="queued", ended_at=None)
    kept = make_run(action, KEPT)
    assert prune() == {"runs": 3}
    assert set(Run.objects.values_list("id", flat=True)) == {live, kept}
    assert prune() == {}


@pytest.mark.django_db
def test_a_fire_stays_as_long_as_its_run_is_alive() -> None:
    action = ActionFactory.create()
    live = make_run(action, OLD, status="queued", ended_at=None)
    ended = make_run(action, KEPT)
    waiting = make_fire(OLD, 1, run_id=live)
    make_fire(OLD, 2, run_id=ended)
    make_fire(OLD, 3, outcome="missed")
    kept = make_fire(KEPT)
    assert prune()["fires"] == 2
    assert set(Fire.objects.values_list("id", flat=True)) == {waiting, kept}


@pytest.mark.django_db
def test_a_running_backfill_keeps_the_fires_that_it_may_ask_for() -> None:
    from_at = OLD - dt.timedelta(days=5)
    make_backfill(id=mint_id_at(KEPT), asked_at=KEPT, from_at=from_at, status="running")
    make_fire(from_at - dt.timedelta(days=1))
    kept = make_fire(OLD)
    assert prune() == {"fires": 1}
    assert Fire.objects.get().pk == kept
    assert read_pruned_before("fires") == from_at


@pytest.mark.django_db
def test_backfills_calls_and_operations_go_when_they_are_over() -> None:
    action = ActionFactory.create()
    make_backfill(
        id=mint_id_at(OLD),
        asked_at=OLD,
        from_at=OLD - dt.timedelta(days=9),
        status="completed",
    )
    make_call(action, OLD, status="completed")
    make_call(action, OLD, status="dispatched", number=1)
    make_call(action, KEPT, status="failed")
    make_operation(action, OLD, status="completed")
    make_operation(action, OLD + dt.timedelta(hours=1), status="running")
    assert prune() == {"backfills": 1, "calls": 1, "operations": 1}
    assert prune() == {}


@pytest.mark.django_db
def test_batches_are_bounded_and_go_on_behind_what_was_spared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "BATCH_SIZE", 2)
    action = ActionFactory.create()
    for number in range(5):
        make_run(action, OLD, number)
    live = make_run(action, OLD, 2**20, status="queued", ended_at=None)
    fires = [make_fire(OLD, number, run_id=live) for number in range(3)]
    make_fire(OLD, 3)
    assert list(prune_runs(before=NOW)) == [2, 2, 1]
    assert prune() == {"fires": 1}
    assert set(Fire.objects.values_list("id", flat=True)) == set(fires)


@pytest.mark.django_db
def test_when_the_time_is_up_the_rest_waits_for_the_next_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "BATCH_SIZE", 2)
    action = ActionFactory.create()
    for number in range(5):
        make_run(action, OLD, number)
    looks = iter([False, True])
    monkeypatch.setattr(retention, "CLASSES", {"runs": prune_runs})
    assert prune_history(now=NOW, is_time_up=lambda: next(looks)) == {"runs": 2}
    assert prune_history(now=NOW, is_time_up=lambda: True) == {}
    assert Run.objects.count() == 3


@pytest.mark.django_db
def test_nothing_goes_that_is_kept_for_ever(settings: Settings) -> None:
    settings.CLOCKHOOK_KEEP_DAYS = dict.fromkeys(settings.CLOCKHOOK_KEEP_DAYS, 0)
    make_run(ActionFactory.create(), OLD)
    make_fire(OLD)
    assert prune() == {}
    assert read_pruned_before("fires") is None


@pytest.mark.django_db
def test_one_class_that_fails_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*, before: dt.datetime) -> Any:
        raise DatabaseError("out of order")

    monkeypatch.setitem(CLASSES, "fires", fail)
    monkeypatch.setattr(connection, "close", lambda: None)
    make_run(ActionFactory.create(), OLD)
    assert prune() == {"runs": 1}


@pytest.mark.django_db
def test_events_go_by_whole_days_and_not_while_their_chain_goes_on(
    partitions: list[tuple[str, dt.datetime]],
) -> None:
    bound = NOW - dt.timedelta(days=180)
    prune()
    assert partitions == [("events_event", bound)]
    action = ActionFactory.create()
    begun = bound - dt.timedelta(days=3)
    make_run(action, begun, status="queued", ended_at=None, chain_id=mint_id_at(begun))
    prune()
    assert partitions[1:] == [("events_event", begun)]
    earlier = begun - dt.timedelta(days=2)
    make_call(action, earlier, status="pending")
    prune()
    assert partitions[2:] == [("events_event", earlier)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "state",
    [
        {"status": "queued"},
        {"status": "queued", "lost_leases": 1},
        {"status": "queued", "waits_for": mint_id_at(OLD)},
        {
            "status": "running",
            "lease_token": mint_id_at(OLD),
            "lease_until": OLD,
            "deadline_at": OLD,
        },
        {"status": "delegated", "deadline_at": OLD},
    ],
)
def test_every_live_run_holds_its_chain(state: dict[str, Any]) -> None:
    action = ActionFactory.create()
    make_run(action, OLD, chain_id=mint_id_at(OLD))
    assert find_oldest_live_chain() is None
    chain = mint_id_at(KEPT)
    make_run(action, KEPT, chain_id=chain, ended_at=None, **state)
    assert find_oldest_live_chain() == chain


@pytest.mark.django_db
def test_what_is_pruned_is_noted_and_never_moves_back() -> None:
    note_pruned("fires", before=KEPT)
    note_pruned("fires", before=OLD)
    assert read_pruned_before("fires") == KEPT
    assert PrunedHistory.objects.count() == 1


@pytest.mark.django_db
def test_each_batch_takes_three_statements(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    action = ActionFactory.create()
    for number in range(4):
        make_run(action, OLD, number)
    # A savepoint here, a transaction there; the ids; the rows.
    with django_assert_num_queries(4):
        assert list(prune_runs(before=NOW)) == [4]


@pytest.mark.django_db(transaction=True)
def test_a_row_that_somebody_holds_is_passed_over() -> None:
    action = ActionFactory.create()
    held, free = make_run(action, OLD, 1), make_run(action, OLD, 2)
    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Run.objects.select_for_update().get(id=held)
            holding.set()
            done.wait(10)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    holding.wait(10)
    try:
        assert list(prune_runs(before=NOW)) == [1]
    finally:
        done.set()
        holder.join()
    assert not Run.objects.filter(id=free).exists()
    assert list(prune_runs(before=NOW)) == [1]


@pytest.mark.django_db(transaction=True)
def test_processes_that_prune_at_once_share_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH_SIZE", 5)
    action = ActionFactory.create()
    for number in range(30):
        make_run(action, OLD, number)
    barrier, gone = threading.Barrier(3), []

    def start() -> None:
        barrier.wait()
        gone.append(sum(prune_runs(before=NOW)))
        connection.close()

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # What one held was passed over by the others, and would go the next time.
    assert sum(gone) + Run.objects.count() == 30
    assert sum(gone) >= 25
    list(prune_runs(before=NOW))
    assert not Run.objects.exists()


@pytest.mark.django_db
def test_the_task_takes_arguments_of_other_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def note(**given: Any) -> dict[str, int]:
        asked.append(given)
        return {"runs": 1}

    monkeypatch.setattr(retention, "prune_history", note)
    tasks.prune_history(added_in_a_later_version=1)
    assert not asked[0]["is_time_up"]()


@pytest.mark.parametrize(
    ("days", "ids"),
    [
        ({}, []),
        ({"events": 89}, ["console.E001"]),
        ({"events": 90}, []),
        ({"events": 0, "runs": 0}, []),
        ({"runs": 0}, ["console.E001"]),
        ({"fires": 30}, ["console.E002"]),
        ({"fires": 0}, []),
        ({"events": 1, "fires": 1}, ["console.E001", "console.E002"]),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    settings: Settings, days: dict[str, int], ids: list[str]
) -> None:
    settings.CLOCKHOOK_KEEP_DAYS = settings.CLOCKHOOK_KEEP_DAYS | days
    found = [message.id for message in run_checks() if str(message.id).startswith("console.")]
    assert found == ids


def test_every_class_has_its_days(settings: Settings) -> None:
    assert set(CLASSES) == set(settings.CLOCKHOOK_KEEP_DAYS)


@pytest.mark.parametrize("text", ["-1", "a week", "1.5"])
def test_odd_numbers_of_days_are_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("CLOCKHOOK_KEEP_RUNS_DAYS", text)
    with pytest.raises(ValueError, match=r"whole number|invalid literal"):
        environment.read_days("CLOCKHOOK_KEEP_RUNS_DAYS", default=90)


def test_days_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOCKHOOK_KEEP_RUNS_DAYS", "7")
    assert environment.read_days("CLOCKHOOK_KEEP_RUNS_DAYS", default=90) == 7
    monkeypatch.setenv("CLOCKHOOK_KEEP_RUNS_DAYS", "")
    assert environment.read_days("CLOCKHOOK_KEEP_RUNS_DAYS", default=90) == 90

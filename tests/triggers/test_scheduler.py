"""The clock: chores that cannot stop each other, one leader, PeriodicTasks behind a fence."""

import datetime as dt
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from celery import current_app
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from tests.factories import TriggerFactory
from triggers import scheduler as module
from triggers.models import Fire, SchedulerGap, SchedulerHeartbeat
from triggers.scheduler import TriggerScheduler
from triggers.services import Leadership, create_backfill
from triggers.services.conditions import CONDITIONS
from workspaces.rules.callers import Caller

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of periodic tasks that were published."""
    names: list[str] = []
    monkeypatch.setattr(
        TriggerScheduler, "apply_async", lambda self, entry, **_: names.append(entry.name)
    )
    monkeypatch.setattr(TriggerScheduler, "producer", None)
    return names


@pytest.fixture
def clock() -> Iterator[TriggerScheduler]:
    scheduler = TriggerScheduler(app=current_app, lazy=True)
    yield scheduler
    scheduler.close()


def periodic_task(name: str = "every-second") -> PeriodicTask:
    every, _ = IntervalSchedule.objects.get_or_create(every=1, period="seconds")
    return PeriodicTask.objects.create(
        name=name,
        task="some.task",
        interval=every,
        last_run_at=timezone.now() - dt.timedelta(minutes=1),
    )


def test_a_tick_fires_what_is_due_and_says_how_long_to_sleep(clock: TriggerScheduler) -> None:
    trigger = TriggerFactory(schedule="* * * * *", next_fire_at=timezone.now())
    delay = clock.tick()
    assert Fire.objects.filter(trigger_id=trigger.id, outcome="fired").count() == 1
    assert 0.05 <= delay <= 1.0


def test_a_tick_sleeps_no_longer_than_to_the_next_slot(clock: TriggerScheduler) -> None:
    TriggerFactory(
        schedule="* * * * *", next_fire_at=timezone.now() + dt.timedelta(milliseconds=400)
    )
    assert clock.tick() < 0.4


def test_a_tick_notes_its_heartbeat(clock: TriggerScheduler) -> None:
    clock.tick()
    heartbeat = SchedulerHeartbeat.objects.get()
    assert heartbeat.is_leader


def test_a_tick_moves_backfills_on(clock: TriggerScheduler, caller: Caller) -> None:
    trigger = TriggerFactory(schedule="@hourly")
    day = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    create_backfill(
        workspace_id=trigger.workspace_id,
        trigger_id=trigger.id,
        fields={"from": day, "to": day + dt.timedelta(days=1)},
        caller=caller,
        now=timezone.now(),
    )
    clock.tick()
    assert Fire.objects.filter(cause="backfill").count() == 5


def test_the_first_tick_after_a_silence_notes_it(clock: TriggerScheduler) -> None:
    last = timezone.now() - dt.timedelta(days=3)
    SchedulerHeartbeat.objects.create(name="gone", started_at=last, ticked_at=last)
    clock.tick()
    assert SchedulerGap.objects.get().started_at == last


def test_a_chore_that_fails_stops_no_other(
    clock: TriggerScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode() -> None:
        raise ZeroDivisionError

    for chore in clock._chores:
        if chore.name == "ring_due_queues":
            chore.perform = explode
    clock.tick()
    assert SchedulerHeartbeat.objects.exists()


def test_a_database_that_is_away_makes_the_clock_back_off_and_come_back(
    clock: TriggerScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **options: Any) -> None:
        raise OperationalError

    trigger = TriggerFactory(schedule="* * * * *", next_fire_at=timezone.now())
    with monkeypatch.context() as away:
        away.setattr(module, "fire_backlog", refuse)
        delays = [clock._do_chores() for _ in range(8)]
    assert delays == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    clock.tick()
    assert Fire.objects.filter(trigger_id=trigger.id).exists()


def test_a_database_that_answers_no_look_makes_the_clock_back_off_too(
    clock: TriggerScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(chores: Any) -> None:
        raise OperationalError

    with monkeypatch.context() as away:
        away.setattr(module, "look_for_work", refuse)
        assert [clock._do_chores() for _ in range(3)] == [0.1, 0.2, 0.4]
    clock._do_chores()
    assert clock._backoff == 0.0


def test_an_idle_tick_asks_once_and_does_nothing(
    clock: TriggerScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.tick()
    done: list[str] = []
    for chore in clock._chores:
        chore.due_at = 0.0
        chore.perform = partial(done.append, chore.name)
    with CaptureQueriesContext(connection) as queries:
        clock.tick()
    assert done == ["record_heartbeat", "forget_dead_heartbeats"]
    looks = [query["sql"] for query in queries if "EXISTS" in query["sql"]]
    assert len(looks) == 1


def test_each_chore_with_a_condition_is_one_of_the_clocks(clock: TriggerScheduler) -> None:
    assert set(CONDITIONS) <= {chore.name for chore in clock._chores}


def test_a_chore_that_nobody_asks_for_is_done_now_and_then(
    clock: TriggerScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.tick()
    done: list[str] = []
    for chore in clock._chores:
        chore.due_at = chore.blind_at = 0.0
        chore.perform = partial(done.append, chore.name)
    clock.tick()
    assert len(done) == len(clock._chores)


def test_a_look_that_fails_hides_no_work(
    clock: TriggerScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.tick()

    def explode(chores: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(module, "look_for_work", explode)
    done: list[str] = []
    for chore in clock._chores:
        chore.due_at = 0.0
        chore.perform = partial(done.append, chore.name)
    assert 0.05 <= clock.tick() <= 1.0
    assert len(done) == len(clock._chores)


def test_ordinary_periodic_tasks_still_run(clock: TriggerScheduler, sent: list[str]) -> None:
    task = periodic_task()
    clock.tick()
    assert sent == ["every-second"]
    before = task.last_run_at
    task.refresh_from_db()
    assert task.total_run_count == 1
    assert task.last_run_at is not None
    assert before is not None
    assert task.last_run_at > before


def test_two_schedulers_send_a_periodic_task_once(sent: list[str]) -> None:
    periodic_task()
    schedulers = [TriggerScheduler(app=current_app, lazy=True) for _ in range(2)]
    entries = [scheduler.schedule["every-second"] for scheduler in schedulers]
    for scheduler, entry in zip(schedulers, entries, strict=True):
        scheduler.reserve(entry)
        scheduler.apply_entry(entry)
    assert sent == ["every-second"]
    assert schedulers[1]._heap is None


def test_a_periodic_task_that_cannot_be_sent_stays_due(
    clock: TriggerScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = periodic_task()

    def refuse(self: Any, entry: Any, **_: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(TriggerScheduler, "apply_async", refuse)
    entry = clock.schedule["every-second"]
    clock.reserve(entry)
    clock.apply_entry(entry)
    before = task.last_run_at
    task.refresh_from_db()
    assert (task.last_run_at, task.total_run_count) == (before, 0)


def test_a_disabled_periodic_task_is_not_sent(clock: TriggerScheduler, sent: list[str]) -> None:
    periodic_task()
    entry = clock.schedule["every-second"]
    PeriodicTask.objects.update(enabled=False)
    clock.reserve(entry)
    clock.apply_entry(entry)
    assert sent == []


def test_only_the_leader_runs_periodic_tasks(clock: TriggerScheduler, sent: list[str]) -> None:
    leader = Leadership()
    assert leader.is_held()
    periodic_task()
    clock.tick()
    assert sent == []
    leader.release()
    clock._leadership._asked_at = 0.0
    clock.tick()
    assert sent == ["every-second"]


def test_a_leader_that_lost_its_session_drops_the_role() -> None:
    leader = Leadership()
    assert leader.is_held()
    assert leader._session is not None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [leader._session.info.backend_pid])
    leader._asked_at = 0.0
    assert not leader.is_held()
    # The old session's end, and with it its lock's, is the server's to say.
    deadline = time.monotonic() + 5
    while not leader.is_held():
        assert time.monotonic() < deadline
        leader._asked_at = 0.0
    leader.release()


def test_setup_beside_another_scheduler_creates_each_entry_once() -> None:
    schedulers = [TriggerScheduler(app=current_app) for _ in range(2)]
    names = list(PeriodicTask.objects.values_list("name", flat=True))
    assert len(names) == len(set(names))
    assert "events-create-partitions" in names
    for scheduler in schedulers:
        scheduler.close()

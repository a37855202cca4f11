"""Due triggers fired by our Beat, beside stock DatabaseScheduler with as many due tasks."""

import datetime as dt
import sys
import time

from django_celery_beat.models import IntervalSchedule, PeriodicTask

from benchmarks import bare
from benchmarks.machine import (
    open_broker,
    query,
    read_cpu_seconds,
    read_postgres_seconds,
    run_process,
    run_program,
    wait_until,
)
from benchmarks.results import Report, Row
from benchmarks.scene import clear_tables, make_due_triggers, make_scene

_DUE = "SELECT 1 FROM triggers_schedulestate WHERE due_at <= now() LIMIT 1"
_FIRES = "SELECT count(*), min(created_at) FROM triggers_fire WHERE outcome = 'fired'"
# One by one, stock Beat begins within this time or counts as this slow.
_FIRST_SECONDS = 240.0


def measure(report: Report, *, stock_seconds: float) -> None:
    """Beats are real processes; the clock runs from the first fire on."""
    for count, bar in ((1_000, None), (10_000, 80.0)):
        ours = _measure_ours(count)
        report.add("schedule", ours)
        stock = _measure_stock(count, seconds=stock_seconds)
        report.add("schedule", stock)
        what = f"schedule: {count:,} due, our Beat / stock DatabaseScheduler, fires per second"
        report.compare(what, ours.rate / stock.rate, at_least=bar)


def _measure_ours(count: int) -> Row:
    clear_tables()
    make_due_triggers(make_scene("schedule"), count)
    postgres_before = read_postgres_seconds()
    with run_program("beat") as beat:
        wait_until(lambda: query("SELECT 1 FROM triggers_fire LIMIT 1"))
        cpu_before = read_cpu_seconds(beat.pid)
        wait_until(lambda: not query(_DUE), pause=0.02)
        ended = query("SELECT clock_timestamp()")[0][0]
        cpu = read_cpu_seconds(beat.pid) - cpu_before
    cpu += read_postgres_seconds() - postgres_before
    fired, first = query(_FIRES)[0]
    return Row(f"Clockhook, {count:,} due", fired, (ended - first).total_seconds(), cpu)


def _measure_stock(count: int, *, seconds: float) -> Row:
    clear_tables()
    broker = open_broker()
    broker.delete(bare.QUEUE)
    _make_due_tasks(count)
    command = [sys.executable, "-m", "celery", "-q", "-A", "benchmarks.bare", "beat"]
    scheduler = ["-S", "django_celery_beat.schedulers:DatabaseScheduler", "--pidfile="]
    postgres_before = read_postgres_seconds()
    with run_process("bench-stock", [*command, *scheduler, "-l", "WARNING"]) as beat:
        begun = time.monotonic()
        started = wait_until(
            lambda: broker.llen(bare.QUEUE) or time.monotonic() - begun > _FIRST_SECONDS,
            seconds=_FIRST_SECONDS + 10,
        )
        cpu_before = read_cpu_seconds(beat.pid)
        ended = wait_until(
            lambda: broker.llen(bare.QUEUE) >= count or time.monotonic() - started >= seconds,
            seconds=seconds + 10,
        )
        sent = int(broker.llen(bare.QUEUE))
        cpu = read_cpu_seconds(beat.pid) - cpu_before + read_postgres_seconds() - postgres_before
    broker.delete(bare.QUEUE)
    return Row(f"stock DatabaseScheduler, {count:,} due", max(1, sent), ended - started, cpu)


def _make_due_tasks(count: int) -> None:
    hourly, _ = IntervalSchedule.objects.get_or_create(every=1, period=IntervalSchedule.HOURS)
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    tasks = [
        PeriodicTask(name=f"due {number}", task="bare.noop", interval=hourly, last_run_at=yesterday)
        for number in range(count)
    ]
    PeriodicTask.objects.bulk_create(tasks, batch_size=1000)

"""Due triggers fired by our Beat, beside stock DatabaseScheduler with as many due tasks."""

import datetime as dt
import statistics
import sys
import time

from django_celery_beat.models import IntervalSchedule, PeriodicTask

from benchmarks import bare
from benchmarks.machine import (
    open_broker,
    query,
    read_cpu_seconds,
    read_peak_megabytes,
    read_postgres_seconds,
    run_process,
    run_program,
    wait_until,
)
from benchmarks.results import Report, Row, find_median_rate
from benchmarks.scene import clear_tables, make_due_triggers, make_many_triggers, make_scene
from config.celery import app
from triggers.scheduler import TriggerScheduler

_DUE = "SELECT 1 FROM triggers_schedulestate WHERE due_at <= now() LIMIT 1"
_FIRES = "SELECT count(*), min(created_at) FROM triggers_fire WHERE outcome = 'fired'"
# One by one, stock Beat begins within this time or counts as this slow.
_FIRST_SECONDS = 240.0
# About one per second, and some chores are done every second time.
_IDLE_TICKS = 15


def measure(report: Report, *, stock_seconds: float, times: int, is_many: bool) -> None:
    """Beats are real processes; the clock runs from the first fire on, and no worker does.

    ``times`` measurements of each, whose medians are compared; with ``is_many``, 100,000 due among
    1,000,000 triggers besides, without a counterpart: the stock one would take hours.
    """
    for count, bar in ((1_000, 30.0), (10_000, 200.0)):
        ours = [_measure_ours(report, count) for _ in range(times)]
        _report_idle_ticks(report, f"{count:,}")
        stock = [_measure_stock(report, count, seconds=stock_seconds) for _ in range(times)]
        what = f"schedule: {count:,} due, our Beat / stock DatabaseScheduler, fires per second"
        report.compare(what, find_median_rate(ours) / find_median_rate(stock), at_least=bar)
        cpu = [statistics.median(row.cpu_milliseconds for row in rows) for rows in (stock, ours)]
        report.compare(f"schedule: {count:,} due, CPU per fire, stock / ours", cpu[0] / cpu[1])
    if is_many:
        _measure_many(report, 1_000_000, due=100_000)


def _measure_ours(report: Report, count: int) -> Row:
    clear_tables()
    make_due_triggers(make_scene("schedule"), count)
    row, megabytes = _run_our_beat(f"Clockhook, {count:,} due", seconds=120)
    report.add("schedule", row)
    report.note(f"Beat's peak memory, {count:,} due: {megabytes:.0f} MB.")
    return row


def _measure_many(report: Report, count: int, *, due: int) -> None:
    clear_tables()
    make_many_triggers(make_scene("many"), count, due=due)
    row, megabytes = _run_our_beat(f"Clockhook, {due:,} due of {count:,}", seconds=600)
    report.add("schedule", row)
    what = f"schedule: {due:,} due of {count:,}"
    report.compare(f"{what}, time", row.seconds, at_most=60, unit="s")
    report.compare(f"{what}, Beat's peak memory", megabytes, at_most=200, unit="MB")
    _report_idle_ticks(report, f"{count:,}")


def _run_our_beat(name: str, *, seconds: float) -> tuple[Row, float]:
    """What is due, fired; and the most memory that Beat held meanwhile, in MB."""
    query("CHECKPOINT")
    postgres_before = read_postgres_seconds()
    with run_program("beat") as beat:
        wait_until(lambda: query("SELECT 1 FROM triggers_fire LIMIT 1"))
        cpu_before = read_cpu_seconds(beat.pid)
        # Often: of the time that a thousand take, a twentieth of a second is a quarter.
        wait_until(lambda: not query(_DUE), pause=0.01, seconds=seconds)
        ended = query("SELECT clock_timestamp()")[0][0]
        cpu = read_cpu_seconds(beat.pid) - cpu_before
        megabytes = read_peak_megabytes(beat.pid)
    cpu += read_postgres_seconds() - postgres_before
    fired, first = query(_FIRES)[0]
    return Row(name, fired, (ended - first).total_seconds(), cpu), megabytes


def _report_idle_ticks(report: Report, triggers: str) -> None:
    """A Beat that leads and has nothing to fire, as long as it takes for each chore to come up."""
    query("TRUNCATE runs_run")
    clock = TriggerScheduler(app=app, lazy=True)
    idle, cpu = [], []
    try:
        # The first one opens the connections.
        clock.tick()
        for _ in range(_IDLE_TICKS):
            begun, cpu_before = time.perf_counter(), time.process_time()
            delay = clock.tick()
            cpu.append((time.process_time() - cpu_before) * 1000)
            idle.append((time.perf_counter() - begun) * 1000)
            time.sleep(delay)
    finally:
        clock.close()
    report.note(
        f"Idle ticks, {triggers} triggers: {max(idle):.1f} ms at most;"
        f" Beat's CPU time {statistics.median(cpu):.1f} ms."
    )
    what = f"schedule: idle tick, {triggers} triggers, median"
    report.compare(what, statistics.median(idle), at_most=5, unit="ms")


def _measure_stock(report: Report, count: int, *, seconds: float) -> Row:
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
    row = Row(f"stock DatabaseScheduler, {count:,} due", max(1, sent), ended - started, cpu)
    report.add("schedule", row)
    return row


def _make_due_tasks(count: int) -> None:
    hourly, _ = IntervalSchedule.objects.get_or_create(every=1, period=IntervalSchedule.HOURS)
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    tasks = [
        PeriodicTask(name=f"due {number}", task="bare.noop", interval=hourly, last_run_at=yesterday)
        for number in range(count)
    ]
    PeriodicTask.objects.bulk_create(tasks, batch_size=1000)

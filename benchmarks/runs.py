"""No-op runs from queued to completed, beside bare Celery's no-op tasks and Procrastinate's."""

import json
import subprocess
import sys
import time
import uuid
from pathlib import Path

from django.conf import settings

from benchmarks import bare
from benchmarks.backlog import work_off
from benchmarks.machine import (
    open_broker,
    query,
    read_cpu_seconds,
    read_postgres_seconds,
    run_process,
    wait_until,
)
from benchmarks.results import Report, Row, find_median_rate
from benchmarks.scene import clear_tables, make_scene
from config import environment

RUNS = 5_000
_HERE = Path(__file__).parent


def measure(report: Report) -> None:
    """All three have a backlog before their worker starts; the clock runs from the first one's
    start to the last one's end.
    """
    ours = [_measure_ours(), _measure_ours(), _measure_ours()]
    theirs = [_measure_bare(), _measure_bare(), _measure_bare()]
    for row in ours + theirs:
        report.add("runs", row)
    ratio = find_median_rate(ours) / find_median_rate(theirs)
    report.compare("runs: no-op runs / bare Celery tasks, per second", ratio, at_least=5)
    other = _measure_procrastinate()
    if other is None:
        report.note("Procrastinate was skipped: its package could not be installed.")
        return
    report.add("runs", other)
    what = "runs: no-op runs / Procrastinate jobs, per second"
    report.compare(what, find_median_rate(ours) / other.rate, at_least=10)


def _measure_ours() -> Row:
    clear_tables()
    return work_off("Clockhook no-op runs", make_scene("runs"), RUNS, worker="instant")


def _measure_bare() -> Row:
    broker = open_broker()
    _publish_bare(RUNS)
    pool = ["-P", "threads", "-c", "2", "--without-gossip", "--without-mingle"]
    command = [sys.executable, "-m", "celery", "-q", "-A", "benchmarks.bare", "worker", *pool]
    with run_process("bench-bare", [*command, "-l", "WARNING", "-Q", bare.QUEUE]) as worker:
        started = wait_until(lambda: broker.llen(bare.QUEUE) < RUNS, pause=0.002)
        cpu_before = read_cpu_seconds(worker.pid)
        ended = wait_until(
            lambda: not broker.llen(bare.QUEUE) and not broker.hlen("unacked"), pause=0.01
        )
        cpu = read_cpu_seconds(worker.pid) - cpu_before
    return Row("bare Celery no-op tasks", RUNS, ended - started, cpu)


def _publish_bare(count: int) -> None:
    """One real message, then copies with ids of their own: sending is not what is measured."""
    broker = open_broker()
    broker.delete(bare.QUEUE)
    bare.noop.apply_async()
    message = json.loads(broker.rpop(bare.QUEUE))
    texts = []
    for _ in range(count):
        message["properties"]["delivery_tag"] = str(uuid.uuid4())
        message["properties"]["correlation_id"] = message["headers"]["id"] = str(uuid.uuid4())
        texts.append(json.dumps(message))
    broker.lpush(bare.QUEUE, *texts)


def _measure_procrastinate() -> Row | None:
    """In an environment of its own, thrown away with the data folder."""
    home = environment.read_data_dir() / "procrastinate"
    python = home / "bin" / "python"
    requirements = _HERE / "requirements-bench.txt"
    try:
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        install = [str(python), "-m", "pip", "install", "-q", "psycopg[binary,pool]"]
        subprocess.run([*install, "-r", str(requirements)], check=True, timeout=180)
    except (OSError, subprocess.SubprocessError):
        return None
    query("DROP DATABASE IF EXISTS procrastinate")
    query("CREATE DATABASE procrastinate")
    postgres_before = read_postgres_seconds()
    url = settings.DATABASE_URL.replace("/clockhook?", "/procrastinate?")
    script = str(_HERE / "procrastinate_noop.py")
    output = subprocess.run(
        [str(python), script, url, str(RUNS // 5)], check=True, capture_output=True, timeout=300
    ).stdout
    time.sleep(0.1)
    result = json.loads(output.splitlines()[-1])
    cpu = result["cpu"] + read_postgres_seconds() - postgres_before
    return Row("Procrastinate no-op jobs", result["count"], result["seconds"], cpu)

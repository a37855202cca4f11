"""Runs that call an HTTP target which takes 50 ms, beside the same calls in as many threads."""

import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from actions.kinds.base import Completed
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
from benchmarks.scene import clear_tables, make_http_scene, queue_runs

RUNS = 3_200
SLOTS = 16
TARGET_MILLISECONDS = 50
_LIVE = "SELECT 1 FROM runs_run WHERE status IN ('queued', 'running') LIMIT 1"
_SPAN = "SELECT extract(epoch FROM max(ended_at) - min(started_at))::float8 FROM runs_run"
_DONE = "SELECT count(*) FROM runs_run WHERE status = 'completed'"


def measure(report: Report) -> None:
    """Both sides make their calls from 16 slots; ours has a backlog before its worker starts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.sink", str(port), str(TARGET_MILLISECONDS)]
    url = f"http://127.0.0.1:{port}/"
    with run_process("bench-sink", command):
        wait_until(lambda: _is_open(port))
        ours = [_measure_ours(url) for _ in range(3)]
        theirs = [_measure_threads(url) for _ in range(3)]
    for row in ours + theirs:
        report.add("http", row)
    report.compare(
        f"http: runs at a {TARGET_MILLISECONDS} ms target / the same httpx loop in {SLOTS} threads",
        sorted(row.rate for row in ours)[1] / sorted(row.rate for row in theirs)[1],
        at_least=0.8,
    )


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _measure_ours(url: str) -> Row:
    clear_tables()
    open_broker().delete("network")
    queue_runs(make_http_scene("http", url=url), RUNS)
    postgres_before = read_postgres_seconds()
    # The chores of Beat ring for the backlog; a worker alone would only hear its own bells.
    with (
        run_program("beat"),
        run_program("network", {"CLOCKHOOK_ALLOW_PRIVATE_TARGETS": "1"}) as worker,
    ):
        wait_until(lambda: query("SELECT 1 FROM runs_run WHERE attempt > 0 LIMIT 1"))
        worker_before = read_cpu_seconds(worker.pid)
        wait_until(lambda: not query(_LIVE), pause=0.1)
        worker_seconds = read_cpu_seconds(worker.pid) - worker_before
    cpu = worker_seconds + read_postgres_seconds() - postgres_before
    return Row("Clockhook http_request runs", query(_DONE)[0][0], query(_SPAN)[0][0], cpu)


def _measure_threads(url: str) -> Row:
    def call(number: int) -> Completed:
        answer = client.post(url, json={"number": number})
        answer.raise_for_status()
        return Completed(output={"status": answer.status_code, "body": answer.json()})

    with httpx.Client() as client, ThreadPoolExecutor(SLOTS) as threads:
        list(threads.map(call, range(SLOTS)))
        cpu, started = time.process_time(), time.monotonic()
        count = sum(1 for _ in threads.map(call, range(RUNS)))
        elapsed = time.monotonic() - started
        return Row("httpx in threads", count, elapsed, time.process_time() - cpu)

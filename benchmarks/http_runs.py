"""Runs that call an HTTP target which takes 50 ms, beside the same calls in as many threads."""

import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from actions.kinds.base import Completed
from benchmarks.backlog import work_off
from benchmarks.machine import run_process, wait_until
from benchmarks.results import Report, Row, find_median_rate
from benchmarks.scene import clear_tables, make_scene

RUNS = 3_200
SLOTS = 16
TARGET_MILLISECONDS = 50


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
        find_median_rate(ours) / find_median_rate(theirs),
        at_least=0.8,
    )


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _measure_ours(url: str) -> Row:
    clear_tables()
    config = {"url": url, "body": {"number": "{{input.number}}"}}
    scene = make_scene("http", action_type="http_request", config=config)
    # The chores of Beat ring for the backlog; a worker alone would only hear its own bells.
    return work_off(
        "Clockhook http_request runs",
        scene,
        RUNS,
        worker="network",
        env={"CLOCKHOOK_ALLOW_PRIVATE_TARGETS": "1"},
        beside=["beat"],
    )


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

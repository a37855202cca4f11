"""At a steady rate: how long a webhook waits for its run, and how late a schedule fires."""

import datetime as dt
import http.client
import json
import statistics
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from uuid import UUID

from benchmarks.ingest import BODY, SIGNATURE
from benchmarks.machine import find_program, query, run_program, wait_until
from benchmarks.results import Report
from benchmarks.scene import clear_tables, make_destination, make_due_triggers, make_scene
from config.stack.welcome import answers

_PROGRAMS = ("web", "beat", "instant", "network")
_STARTED = "SELECT id, started_at FROM runs_run WHERE started_at IS NOT NULL"
_SENDERS = 4
# Requests at a rate's beginning that open connections and fill caches.
_WARM_UP = 20
_LATENESS = """
SELECT extract(epoch FROM fire.created_at - due.at)::float8 * 1000
FROM triggers_fire fire JOIN bench_due due USING (trigger_id) WHERE fire.outcome = 'fired'
"""


@dataclass(frozen=True, slots=True)
class _Sent:
    """One accepted webhook: its run, when it was sent, and how long its answer took."""

    run_id: str
    at: float
    answer_milliseconds: float


def measure(report: Report) -> None:
    """The whole product runs: web, Beat and workers, with the sender on the same machine."""
    with ExitStack() as stack:
        clear_tables()
        destination_id = make_destination(make_scene("latency"))
        for name in _PROGRAMS:
            stack.enter_context(run_program(name))
        port = int(find_program("web").env["PORT"])
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/healthz"))
        for rate, seconds, bar in ((10, 20, 15.0), (100, 20, 25.0)):
            _report_webhooks(report, _send(port, destination_id, rate, seconds), rate, bar)
        _measure_lateness(report, rate=100, seconds=30)


def _report_webhooks(report: Report, sent: Sequence[_Sent], rate: int, bar: float) -> None:
    wait_until(lambda: not query("SELECT 1 FROM runs_run WHERE started_at IS NULL LIMIT 1"))
    started = {str(run_id): at.timestamp() for run_id, at in query(_STARTED)}
    waits = [(started[one.run_id] - one.at) * 1000 for one in sent]
    what = f"latency: webhook sent → run started at {rate}/s"
    report.compare(f"{what}, p50", statistics.median(waits), at_most=bar, unit="ms")
    report.compare(f"{what}, p99", _find_p99(waits), at_most=150, unit="ms")
    answered = [one.answer_milliseconds for one in sent]
    what = f"latency: webhook sent → answer at {rate}/s"
    report.compare(f"{what}, p50", statistics.median(answered), unit="ms")
    report.compare(f"{what}, p99", _find_p99(answered), unit="ms")


def _find_p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100)[-1]


def _send(port: int, destination_id: UUID, rate: int, seconds: int) -> list[_Sent]:
    """``rate`` a second by the clock, whether or not the last one was answered: each sender has
    its own share of the moments.
    """
    sent: list[_Sent] = []
    begin = time.time() + 0.5

    def work(sender: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for number in range(sender, rate * seconds + _WARM_UP, _SENDERS):
            time.sleep(max(0.0, begin + number / rate - time.time()))
            one = _send_one(connection, destination_id, f"{rate}-{number}")
            if number >= _WARM_UP:
                sent.append(one)
        connection.close()

    threads = [threading.Thread(target=work, args=[sender]) for sender in range(_SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(sent) != rate * seconds:
        raise RuntimeError("a webhook was not accepted; see the web server's log")
    return sent


def _send_one(connection: http.client.HTTPConnection, destination_id: UUID, key: str) -> _Sent:
    headers = {
        "Content-Type": "application/json",
        "X-Amigo-Request-Signature": SIGNATURE,
        "X-Amigo-Idempotent-Key": key,
    }
    at, begun = time.time(), time.perf_counter()
    connection.request("POST", f"/v1/hooks/{destination_id}", body=BODY, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"answered {answer.status}: {body[:200]!r}")
    return _Sent(json.loads(body)["run_id"], at, (time.perf_counter() - begun) * 1000)


def _measure_lateness(report: Report, *, rate: int, seconds: int) -> None:
    """Triggers of one slot that come due one after another, evenly."""
    now = dt.datetime.now(dt.UTC)
    slot = now.replace(second=0, microsecond=0) + dt.timedelta(minutes=1)
    if slot - now < dt.timedelta(seconds=10):
        slot += dt.timedelta(minutes=1)
    make_due_triggers(make_scene("lateness"), rate * seconds, slot=slot)
    query("DROP TABLE IF EXISTS bench_due")
    query(
        "CREATE TABLE bench_due AS SELECT trigger_id, next_fire_at + make_interval(secs =>"
        " row_number() OVER () / %s::float8) AS at FROM triggers_schedulestate"
        " WHERE next_fire_at IS NOT NULL",
        [rate],
    )
    query(
        "UPDATE triggers_schedulestate SET due_at = at FROM bench_due"
        " WHERE bench_due.trigger_id = triggers_schedulestate.trigger_id"
    )
    time.sleep((slot - dt.datetime.now(dt.UTC)).total_seconds() + seconds + 2)
    late = [row[0] for row in query(_LATENESS)]
    query("DROP TABLE bench_due")
    what = f"latency: lateness of schedules at {rate} fires/s"
    report.compare(f"{what}, fired", float(len(late)), at_least=rate * seconds, unit="fires")
    report.compare(f"{what}, p50", statistics.median(late), unit="ms")
    report.compare(f"{what}, p99", _find_p99(late), at_most=250, unit="ms")

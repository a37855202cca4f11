"""What must hold while things break: kill -9, Redis gone or emptied, Postgres restarted, many at
once.
"""

import os
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest

from benchmarks.ledger import Acknowledged, find_faults, read_ledger
from tests.acceptance.conftest import Sink, Stack, post_signed, sign, wait_until

pytestmark = pytest.mark.acceptance

# The whole figure of the promise is 5,000; the suite's everyday run is shorter.
DELIVERIES = int(os.environ.get("CLOCKHOOK_TEST_DELIVERIES") or 800)
CONNECTIONS = 16

STATUSES = "SELECT status, count(*) FROM runs_run WHERE trigger_id = ANY(%s) GROUP BY 1"


def read_statuses(stack: Stack, trigger_ids: list[str]) -> dict[str, int]:
    return dict(stack.query(STATUSES, trigger_ids))


def wait_for_all(stack: Stack, trigger_ids: list[str], count: int, *, seconds: float) -> None:
    wait_until(
        lambda: read_statuses(stack, trigger_ids) == {"completed": count},
        seconds=seconds,
        what=f"{count} completed runs (now {read_statuses(stack, trigger_ids)})",
    )


def send_with_retries(
    client: httpx.Client, destination: dict[str, Any], key: str, *, tries: int = 40
) -> dict[str, Any]:
    """Post one delivery as a careful sender does: again, with the same key, until a 2xx."""
    for _ in range(tries):
        try:
            answer = post_signed(client, destination, {"type": "lead.created", "key": key}, key=key)
        except httpx.TransportError:
            time.sleep(0.25)
            continue
        if answer.is_success:
            fired: dict[str, Any] = answer.json()
            return fired
        assert answer.status_code == 503, answer.text
        time.sleep(0.25)
    pytest.fail(f"no 2xx for {key}")


def test_nothing_is_lost_or_doubled_while_everything_is_killed(stack: Stack, sink: Sink) -> None:
    """R2, R3, R9: every 2xx has its one fire, its run ends, each chain is whole."""
    noop = stack.make_trigger(stack.make_action())
    http = stack.make_trigger(
        stack.make_action(action_type="http_request", config={"method": "POST", "url": sink.url})
    )
    ids = [noop["id"], http["id"]]
    destinations = [stack.make_destination(trigger_id) for trigger_id in ids]
    killed_workers: list[float] = []
    stop = threading.Event()

    def break_things() -> None:
        for words, pause in (
            (("granian",), 1.0),
            (("celery", "worker"), 1.5),
            (("celery", "triggers.scheduler:"), 1.0),
        ):
            stop.wait(pause)
            assert stack.kill(*words)
            if "worker" in words:
                killed_workers.append(time.time())
        stop.wait(0.5)
        stack.redis().flushall()

    with (
        ThreadPoolExecutor(CONNECTIONS) as senders,
        httpx.Client(timeout=10, limits=httpx.Limits(max_connections=CONNECTIONS)) as client,
    ):
        breaker = threading.Thread(target=break_things)
        breaker.start()
        answers = list(
            senders.map(
                lambda n: send_with_retries(client, destinations[n % 10 == 0], f"key-{n}"),
                range(DELIVERIES),
            )
        )
        stop.set()
        breaker.join()
    wait_for_all(stack, ids, DELIVERIES, seconds=120)
    _check_ledger(stack, ids, answers)
    _check_sink(stack, http["id"], sink)


def _check_ledger(stack: Stack, trigger_ids: list[str], answers: list[dict[str, Any]]) -> None:
    acknowledged = [
        Acknowledged(
            run_id=answer["run_id"], fired_event_id=answer["fired_event_id"], key=f"key-{number}"
        )
        for number, answer in enumerate(answers)
    ]
    ledger = read_ledger(stack.database_url, trigger_ids)
    assert find_faults(ledger, acknowledged=acknowledged) == []
    assert len(ledger.runs) == DELIVERIES


def _check_sink(stack: Stack, trigger_id: str, sink: Sink) -> None:
    """At least once each; more often only where an attempt did not end."""
    attempts = dict(
        stack.query("SELECT id::text, attempt FROM runs_run WHERE trigger_id = %s", trigger_id)
    )
    assert set(sink.seen) == set(attempts)
    doubled = {run_id for run_id, count in sink.seen.items() if count > 1}
    assert all(sink.seen[run_id] <= attempts[run_id] for run_id in doubled)


def test_a_killed_batch_ends_completed_even_without_retries(stack: Stack) -> None:
    """The claim commits before the work: the reaper returns each run, and each is then claimed
    alone.
    """
    action_id = stack.make_action(retry={"strategy": "none"})
    trigger = stack.make_trigger(action_id)
    running = "SELECT count(*) FROM runs_run WHERE trigger_id = %s AND status = 'running'"
    assert stack.kill("celery", "worker", "instant", number=signal.SIGSTOP)
    with ThreadPoolExecutor(8) as callers:
        fired = callers.map(
            lambda _: stack.post(f"/triggers/{trigger['id']}/fire", {}, status=200), range(40)
        )
        assert len({answer["run_id"] for answer in fired}) == 40
    with psycopg.connect(stack.database_url) as blocker:
        # The worker claims its batch, then waits for its action, which we hold.
        blocker.execute("LOCK TABLE actions_action IN ACCESS EXCLUSIVE MODE")
        stack.kill("celery", "worker", "instant", number=signal.SIGCONT)
        wait_until(
            lambda: stack.query(running, trigger["id"])[0][0] == 40, seconds=10, what="the claim"
        )
        stack.kill("celery", "worker", "instant")
        blocker.rollback()
    wait_for_all(stack, [trigger["id"]], 40, seconds=90)
    attempts = "SELECT DISTINCT attempt, lost_leases FROM runs_run WHERE trigger_id = %s"
    assert stack.query(attempts, trigger["id"]) == [(2, 1)]


def test_fifty_equal_deliveries_at_once_fire_once(stack: Stack) -> None:
    """R3: one fire, forty-nine answers that name it."""
    trigger = stack.make_trigger(stack.make_action())
    destination = stack.make_destination(trigger["id"])
    with ThreadPoolExecutor(50) as senders, httpx.Client(timeout=30) as client:
        answers = list(
            senders.map(lambda _: send_with_retries(client, destination, "the-same"), range(50))
        )
    assert Counter(answer["status"] for answer in answers) == {"fired": 1, "duplicate": 49}
    assert len({answer["run_id"] for answer in answers}) == 1
    assert len({answer["fired_event_id"] for answer in answers}) == 1


@pytest.mark.parametrize("fault", ["black hole", "killed", "emptied"])
def test_redis_may_go_and_come_back(stack: Stack, fault: str) -> None:
    """R9: webhooks are accepted meanwhile, and what was accepted goes on by itself."""
    trigger = stack.make_trigger(stack.make_action())
    destination = stack.make_destination(trigger["id"])
    stack.kill("celery", "worker", number=signal.SIGSTOP)
    servers = stack.find_processes("valkey-server") or stack.find_processes("redis-server")
    assert servers
    try:
        if fault == "black hole":
            os.kill(servers[0], signal.SIGSTOP)
        elif fault == "killed":
            os.kill(servers[0], signal.SIGKILL)
        started = time.monotonic()
        with httpx.Client(timeout=10) as client:
            for n in range(50):
                answer = post_signed(client, destination, {"type": "a"}, key=f"{fault}-{n}")
                assert answer.status_code == 200, answer.text
        assert time.monotonic() - started < 10
        if fault == "emptied":
            stack.redis().flushall()
        time.sleep(3)
    finally:
        if fault == "black hole":
            os.kill(servers[0], signal.SIGCONT)
        stack.kill("celery", "worker", number=signal.SIGCONT)
    wait_for_all(stack, [trigger["id"]], 50, seconds=45)


def test_postgres_may_restart(stack: Stack) -> None:
    """R9: 503 meanwhile, and every process recovers without a hand."""
    trigger = stack.make_trigger(stack.make_action())
    destination = stack.make_destination(trigger["id"])
    (postmaster,) = stack.find_processes("/postgres", " -D ")
    os.kill(postmaster, signal.SIGQUIT)
    statuses: set[int] = set()
    deadline = time.monotonic() + 30
    with httpx.Client(timeout=30) as client:
        while time.monotonic() < deadline:
            answer = post_signed(client, destination, {"type": "a"}, key="after-restart")
            statuses.add(answer.status_code)
            if answer.status_code == 200:
                break
            assert "retry-after" in answer.headers
            time.sleep(0.5)
    assert statuses <= {200, 503}
    assert 200 in statuses
    wait_for_all(stack, [trigger["id"]], 1, seconds=30)
    wait_until(lambda: answers_steadily(stack), seconds=15, what="every web process at work")


def answers_steadily(stack: Stack) -> bool:
    """Twenty fresh connections, which land on all web processes, are answered well."""
    answers = [httpx.get(f"{stack.base_url}/readyz", timeout=10) for _ in range(20)]
    return all(answer.status_code == 200 for answer in answers)


def test_a_wrong_signature_learns_nothing(stack: Stack) -> None:
    """R6: one constant answer, whatever is wrong."""
    trigger = stack.make_trigger(stack.make_action())
    destination = stack.make_destination(trigger["id"])
    body = b'{"type":"a"}'
    attempts = {
        "unsigned": {},
        "stale": sign(destination["secret"], body, timestamp_ms=1_000),
        "wrong": sign("whsec_wrong-wrong-wrong-wrong", body),
        "junk": {"x-amigo-request-signature": "zz"},
    }
    answers = []
    for headers in attempts.values():
        answer = httpx.post(destination["url"], content=body, headers=headers)
        assert answer.status_code == 401
        problem = answer.json()
        problem.pop("request_id")
        answers.append(problem)
    assert all(problem == answers[0] for problem in answers)
    deliveries = stack.get(f"/webhook-destinations/{destination['id']}/deliveries")["items"]
    assert {delivery["cause"] for delivery in deliveries} == {
        "signature_missing",
        "timestamp_stale",
        "signature_mismatch",
    }
    assert not read_statuses(stack, [trigger["id"]])

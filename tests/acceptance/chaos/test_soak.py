"""An hour at half load: nothing grows that should not, and nothing slows down (`make soak`)."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.chaos.checks import Target, check_ledger, wait_until_ended
from tests.acceptance.chaos.load import Load, count_statuses, find_p99
from tests.acceptance.conftest import Stack, list_descendants, read_command

pytestmark = [pytest.mark.acceptance, pytest.mark.soak]

SECONDS = int(os.environ.get("SOAK_SECONDS") or 3600)
RATE = float(os.environ.get("SOAK_RATE") or 0)
HOT_TABLES = ("runs_run", "triggers_schedulestate", "webhooks_destinationsecret")
OURS = ("granian", "celery")


def measure_capacity(destinations: list[dict[str, Any]]) -> float:
    """Deliveries per second that eight senders get accepted as fast as they can."""
    with Load(destinations, rate=0, name="soak-capacity").running() as load:
        time.sleep(15)
    return load.count / 15


def read_memory(stack: Stack) -> float:
    """Resident megabytes of our own processes."""
    pages = 0
    for pid in list_descendants(stack.supervisor.pid):
        if any(word in read_command(pid) for word in OURS):
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def read_dead_tuples(stack: Stack) -> int:
    rows = stack.query(
        "SELECT coalesce(sum(n_dead_tup), 0) FROM pg_stat_user_tables WHERE relname = ANY(%s)",
        list(HOT_TABLES),
    )
    return int(rows[0][0])


@pytest.mark.timeout(SECONDS + 600)
def test_f24_an_hour_at_half_load(stack: Stack, note: Callable[[str], None]) -> None:
    target = Target()
    noop = stack.make_trigger(stack.make_action(), schedule="* * * * *")
    http = stack.make_trigger(target.make_action(stack))
    ids = [noop["id"], http["id"]]
    destinations = [stack.make_destination(trigger_id) for trigger_id in [*[ids[0]] * 4, ids[1]]]
    rate = RATE or measure_capacity(destinations) / 2
    load = Load(destinations, rate=rate, name="soak")
    memory: list[float] = []
    dead: list[int] = []
    # A tenth to warm up; then what the first quarter says is what the last one has to say.
    with load.running():
        time.sleep(SECONDS / 10)
        started = time.monotonic()
        length = SECONDS * 0.9
        while time.monotonic() < started + length:
            memory.append(read_memory(stack))
            dead.append(read_dead_tuples(stack))
            time.sleep(length / 60)
        ended = time.monotonic()
    wait_until_ended(stack, ids, seconds=60)
    quarter = (ended - started) / 4
    first = find_p99(load.list_between(started, started + quarter))
    last = find_p99(load.list_between(ended - quarter, ended))
    note(
        f"{rate:.0f}/s for {SECONDS} s: p99 {first * 1000:.1f} ms, then {last * 1000:.1f};"
        f" memory {memory[0]:.0f} MB, then {memory[-1]:.0f}; dead tuples at most {max(dead)}"
    )
    assert count_statuses(load.answers).keys() == {200}
    assert last <= 1.2 * first
    assert memory[-1] <= 1.1 * memory[0]
    assert max(dead[-15:]) <= 1.5 * max(dead[:15]) + 1000
    check_ledger(
        stack,
        ids,
        load.acknowledged,
        executions=target.seen,
        executed_by=ids[1:],
        has_process_died=False,
    )
    target.close()

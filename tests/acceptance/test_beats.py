"""Three Beats, each killed with -9 again and again: the ledger is the calendar, no slot more, none
less.

``CHAOS=1`` is the whole of it: 2,000 triggers of every minute for ten minutes. ``CHAOS_SEED``
repeats a plan of kills, which is printed.
"""

import datetime as dt
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from signal import SIGCONT, SIGSTOP
from typing import Any

import pytest

from tests.acceptance.conftest import CHECKOUT, Stack, wait_until

pytestmark = pytest.mark.acceptance

IS_WHOLE = os.environ.get("CHAOS") == "1"
SCHEDULE, PERIOD = ("* * * * *", 60) if IS_WHOLE else ("@every 10s", 10)
TRIGGERS = 2000 if IS_WHOLE else 300
KILLED_FOR_SECONDS = 600 if IS_WHOLE else 25
# What the API key is good for is 100 a second.
CALLERS, CREATED_PER_SECOND = 4, 80
BEATS = 3

SCHEDULER = "triggers.scheduler:TriggerScheduler"
COMMAND = [sys.executable, "-m", "celery", "-q", "-A", "config", "beat"]
OPTIONS = ["-S", SCHEDULER, "--pidfile=", "-l", "WARNING"]


@dataclass
class Beats:
    """Beats of the test's own; the stack's is stopped meanwhile."""

    stack: Stack
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> subprocess.Popen[bytes]:
        role = {"CLOCKHOOK_ROLE": "beat", "CLOCKHOOK_SLOTS": "2", "PYTHONTZPATH": ""}
        with self.stack.log.open("ab") as output:
            return subprocess.Popen(
                [*COMMAND, *OPTIONS],
                cwd=CHECKOUT,
                env=self.stack.environment | role,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def kill(self, number: int) -> None:
        """Kill one and start another in its place."""
        self.running[number].kill()
        self.running[number].wait()
        self.running[number] = self.start()


@pytest.fixture
def beats(stack: Stack) -> Iterator[Beats]:
    stack.kill(SCHEDULER, number=SIGSTOP)
    beats = Beats(stack)
    beats.running = [beats.start() for _ in range(BEATS)]
    yield beats
    for beat in beats.running:
        beat.kill()
        beat.wait()
    stack.kill(SCHEDULER, number=SIGCONT)


@dataclass(frozen=True)
class Planned:
    """A trigger with the slots that it is to fire."""

    id: str
    slots: tuple[dt.datetime, ...]
    policy: str


def plan_triggers(stack: Stack, ends_at: dt.datetime) -> dict[str, Planned]:
    action_id = stack.make_action()

    def make(number: int) -> Planned:
        started = time.monotonic()
        policy = "replay" if number % 2 else "coalesce"
        made = stack.make_trigger(
            action_id, schedule=SCHEDULE, catch_up_policy=policy, ends_at=ends_at.isoformat()
        )
        created_at = dt.datetime.fromisoformat(made["created_at"])
        slots = list_slots(dt.datetime.fromisoformat(made["next_fire_at"]), ends_at)
        assert abs(slots[0] - created_at) <= dt.timedelta(seconds=PERIOD)
        time.sleep(max(0.0, CALLERS / CREATED_PER_SECOND - (time.monotonic() - started)))
        return Planned(made["id"], slots, policy)

    with ThreadPoolExecutor(CALLERS) as callers:
        return {one.id: one for one in callers.map(make, range(TRIGGERS))}


def estimate_creation(stack: Stack) -> float:
    """Seconds that making all triggers takes at most, by what the first few take one by one."""
    action_id, count = stack.make_action(), 20
    started = time.monotonic()
    for _ in range(count):
        stack.make_trigger(action_id)
    each = (time.monotonic() - started) / count
    return TRIGGERS * max(each / 2, 1 / CREATED_PER_SECOND) + 2


def list_slots(first: dt.datetime, ends_at: dt.datetime) -> tuple[dt.datetime, ...]:
    """The calendar, by arithmetic of its own: every multiple of the period since 1970."""
    number = -(-int(first.timestamp()) // PERIOD)
    last = int(ends_at.timestamp()) // PERIOD
    return tuple(dt.datetime.fromtimestamp(one * PERIOD, dt.UTC) for one in range(number, last + 1))


def plan_kills(seed: int, start: float, end: float) -> list[tuple[float, int]]:
    """When which Beat dies: at any time, and once more while a slot is being fired."""
    dice = random.Random(seed)  # noqa: S311 - a plan that can be repeated
    moments = []
    moment = start
    while (moment := moment + dice.expovariate(1 / 5)) < end:
        moments.append(moment)
    slots = range(int(start) // PERIOD + 1, int(end) // PERIOD + 1)
    moments += [slot * PERIOD + dice.uniform(0, 0.8) for slot in slots]
    return [(moment, dice.randrange(BEATS)) for moment in sorted(moments)]


def kill_by_plan(
    beats: Beats, kills: list[tuple[float, int]], has_begun: Callable[[], bool]
) -> int:
    """Keep to the plan; how many died while a slot was fired in part."""
    in_between = 0
    for moment, number in kills:
        time.sleep(max(0.0, moment - time.time()))
        in_between += has_begun()
        beats.kill(number)
    return in_between


def count_fired(stack: Stack, ids: list[str]) -> int:
    """How many have fired the slot that came last."""
    slot = dt.datetime.fromtimestamp(int(time.time()) // PERIOD * PERIOD, dt.UTC)
    sql = "SELECT count(*) FROM triggers_fire WHERE trigger_id = ANY(%s) AND scheduled_for = %s"
    return int(stack.query(sql, ids, slot)[0][0])


@pytest.mark.timeout(KILLED_FOR_SECONDS + 600 if IS_WHOLE else 300)
def test_the_ledger_is_the_calendar_while_beats_are_killed(stack: Stack, beats: Beats) -> None:
    """R1, F2, F3: one fire for each slot of each trigger; for each fire one run and one chain."""
    seed = int(os.environ.get("CHAOS_SEED") or random.randrange(2**32))  # noqa: S311
    start = time.time() + estimate_creation(stack)
    ends_at = dt.datetime.fromtimestamp(int(start + KILLED_FOR_SECONDS), dt.UTC)
    planned = plan_triggers(stack, ends_at)
    ids = list(planned)
    kills = plan_kills(seed, time.time(), ends_at.timestamp())
    sys.stdout.write(f"seed {seed}: {len(kills)} kills until {ends_at:%H:%M:%S}\n")
    in_between = kill_by_plan(beats, kills, lambda: 0 < count_fired(stack, ids) < TRIGGERS)
    wait_until(lambda: count_left(stack, ids) == 0, seconds=60, what="the end of all schedules")
    wait_until(lambda: count_live(stack, ids) == 0, seconds=120, what="the end of all runs")
    late = check_ledger(stack, planned)
    check_runs(stack, ids)
    sys.stdout.write(
        f"{len(late)} slots exactly once; {len(kills)} kills, {in_between} of them amid a slot; "
        f"late by {late[len(late) // 2]:.2f} s (p50), {late[len(late) * 99 // 100]:.2f} s (p99), "
        f"{late[-1]:.2f} s (worst)\n"
    )


def count_left(stack: Stack, ids: list[str]) -> int:
    sql = (
        "SELECT count(*) FROM triggers_schedulestate"
        " WHERE trigger_id = ANY(%s) AND next_fire_at IS NOT NULL"
    )
    return int(stack.query(sql, ids)[0][0])


def count_live(stack: Stack, ids: list[str]) -> int:
    sql = "SELECT count(*) FROM runs_run WHERE trigger_id = ANY(%s) AND status <> 'completed'"
    return int(stack.query(sql, ids)[0][0])


def check_ledger(stack: Stack, planned: dict[str, Planned]) -> list[float]:
    """The seconds by which each slot was late, in order."""
    rows = stack.query(
        "SELECT trigger_id::text, scheduled_for, outcome, cause,"
        " extract(epoch FROM created_at - scheduled_for)::float8"
        " FROM triggers_fire WHERE trigger_id = ANY(%s)",
        list(planned),
    )
    ledger = Counter((trigger_id, slot) for trigger_id, slot, *_ in rows)
    calendar = {(one.id, slot) for one in planned.values() for slot in one.slots}
    assert set(ledger) == calendar
    assert set(ledger.values()) == {1}
    for trigger_id, slot, outcome, cause, seconds in rows:
        # What came together with the next slot, where only the latest is to fire.
        may_give_way = planned[trigger_id].policy == "coalesce" and seconds >= PERIOD
        assert cause == "schedule"
        assert outcome == "fired" or (outcome == "superseded" and may_give_way), (slot, seconds)
    return sorted(seconds for *_, seconds in rows)


def check_runs(stack: Stack, ids: list[str]) -> None:
    """One run for each fire and none beside; each with the two events of its chain."""
    wrong: list[tuple[Any, ...]] = stack.query(
        "SELECT f.id, r.id, r.scheduled_for, f.scheduled_for FROM"
        " (SELECT * FROM triggers_fire WHERE trigger_id = ANY(%s) AND outcome = 'fired') f"
        " FULL JOIN (SELECT * FROM runs_run WHERE trigger_id = ANY(%s)) r"
        " ON r.fire_id = f.id AND r.id = f.run_id"
        " WHERE f.id IS NULL OR r.id IS NULL OR r.scheduled_for <> f.scheduled_for",
        ids,
        ids,
    )
    assert wrong == []
    events = Counter(
        stack.query(
            "SELECT event_type, run_id FROM events_event WHERE trigger_id = ANY(%s)"
            " AND event_type <> 'trigger.created'",
            ids,
        )
    )
    runs = [
        run_id
        for (run_id,) in stack.query("SELECT id FROM runs_run WHERE trigger_id = ANY(%s)", ids)
    ]
    assert events == Counter(
        (event_type, run_id)
        for run_id in runs
        for event_type in ("trigger.fired", "trigger.completed")
    )

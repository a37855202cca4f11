"""Processes that are killed outright, at chosen places and at random ones."""

import datetime as dt
import os
import random
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.chaos.checks import Target, check_ledger, wait_until_ended
from tests.acceptance.chaos.conftest import Chaos
from tests.acceptance.chaos.load import Load
from tests.acceptance.conftest import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.chaos]

Note = Callable[[str], None]

KILLED_WEB_PROCESSES = int(os.environ.get("CHAOS_KILLS") or 100)


def fire(chaos: Chaos, trigger: dict[str, Any], **body: Any) -> str:
    return str(chaos.stack.post(f"/triggers/{trigger['id']}/fire", body, status=200)["run_id"])


def read_started(chaos: Chaos, run_id: str) -> float | None:
    """Seconds from the run's making to its first start, on Postgres' clock; None before that."""
    rows = chaos.stack.query(
        "SELECT extract(epoch FROM started_at - created_at)::float8 FROM runs_run WHERE id = %s",
        run_id,
    )
    value: float | None = rows[0][0]
    return value


@pytest.mark.timeout(700)
def test_f1_the_web_killed_at_random(chaos: Chaos, dice: random.Random, note: Note) -> None:
    """Every 2xx has its run; a delivery without an answer may be sent again and fires once."""
    trigger = chaos.stack.make_trigger(chaos.stack.make_action())
    destination = chaos.stack.make_destination(trigger["id"])
    load = Load([destination], rate=60, name="f1")
    killed = 0
    started = time.monotonic()
    with load.running():
        while killed < KILLED_WEB_PROCESSES and time.monotonic() < started + 450:
            # Only who serves can be hit in the middle of it: so many deliveries, then the next.
            accepted = load.count + dice.randrange(1, 40)
            wait_until(lambda: load.count >= accepted, seconds=60, what="a web that serves")  # noqa: B023
            time.sleep(dice.uniform(0, 0.02))
            processes = chaos.find_web_processes()
            if processes:
                os.kill(dice.choice(processes), signal.SIGKILL)
                killed += 1
    seconds = time.monotonic() - started
    wait_until_ended(chaos.stack, [trigger["id"]], seconds=60)
    check_ledger(chaos.stack, [trigger["id"]], load.acknowledged)
    broken = sum(answer.status == 0 for answer in load.answers)
    note(f"{killed} kills in {seconds:.0f} s, {load.count} accepted, {broken} without an answer")
    assert killed == KILLED_WEB_PROCESSES
    assert broken, "no request was ever hit: nothing was proved"


@pytest.mark.parametrize("place", ["selected", "inserted", "advancing", "committed"])
def test_f2_a_beat_killed_in_the_middle_of_a_fire(chaos: Chaos, place: str, note: Note) -> None:
    """Another Beat fires what it had in hand, at most 2 s late."""
    place = place if place == "committed" else f"beat.{place}"
    slot = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(seconds=4)
    trigger = chaos.stack.make_trigger(
        chaos.stack.make_action(), schedule=f"@at {slot:%Y-%m-%dT%H:%M:%SZ}"
    )
    chaos.arm(place)
    wait_until(lambda: chaos.has_struck(place), seconds=15, what="the death of a Beat")
    wait_until(lambda: find_fires(chaos, trigger["id"]), seconds=15, what="the fire")
    wait_until_ended(chaos.stack, [trigger["id"]], seconds=15)
    check_ledger(chaos.stack, [trigger["id"]], calendar={trigger["id"]: [slot]})
    ((fired_at, started_at),) = chaos.stack.query(
        "SELECT f.created_at, r.started_at FROM triggers_fire f JOIN runs_run r ON r.id = f.run_id"
        " WHERE f.trigger_id = %s",
        trigger["id"],
    )
    fired, begun = ((at - slot).total_seconds() for at in (fired_at, started_at))
    note(f"fired {fired:.2f} s after its slot, run started {begun:.2f} s after it")
    assert fired <= 2
    assert begun <= 4


def find_fires(chaos: Chaos, trigger_id: str) -> list[Any]:
    return chaos.stack.query("SELECT id FROM triggers_fire WHERE trigger_id = %s", trigger_id)


def test_f4_a_worker_killed_while_it_runs(chaos: Chaos, note: Note) -> None:
    """Another takes the run over within 35 s: a lease of 30 s and the reaper's round."""
    begun: list[tuple[str, int]] = []

    def hold(run_id: str, attempt: int) -> None:
        begun.append((run_id, attempt))
        if attempt == 1:
            time.sleep(60)

    target = Target(hold)
    trigger = chaos.stack.make_trigger(target.make_action(chaos.stack))
    run_id = fire(chaos, trigger)
    wait_until(lambda: begun, seconds=15, what="the first attempt")
    started = time.monotonic()
    # Which of them has it nobody knows; the supervisor starts others.
    assert chaos.stack.kill("faulty", "network") >= 2
    wait_until(lambda: (run_id, 2) in begun, seconds=60, what="the second attempt")
    taken_over = time.monotonic() - started
    wait_until_ended(chaos.stack, [trigger["id"]], seconds=15)
    check_ledger(chaos.stack, [trigger["id"]], executions=target.seen)
    target.close()
    note(f"taken over after {taken_over:.1f} s")
    assert taken_over <= 35


@pytest.mark.timeout(400)
def test_f5_poison_ends_and_harms_nobody(chaos: Chaos, note: Note) -> None:
    """Runs that kill their workers end ``failed``, ``worker_lost``; their neighbours complete."""
    trigger = chaos.stack.make_trigger(chaos.stack.make_action())
    poison = [
        fire(chaos, trigger, input={"fault": kind}) for kind in ("exit", "segfault", "memory")
    ]
    others = [fire(chaos, trigger, input={"number": number}) for number in range(40)]
    started = time.monotonic()
    wait_until_ended(chaos.stack, [trigger["id"]], seconds=300)
    seconds = time.monotonic() - started
    rows = chaos.stack.query(
        "SELECT id::text, status, error->>'code', lost_leases FROM runs_run WHERE trigger_id = %s",
        trigger["id"],
    )
    ends = {run_id: tuple(rest) for run_id, *rest in rows}
    check_ledger(chaos.stack, [trigger["id"]])
    assert {ends[run_id] for run_id in poison} == {("failed", "worker_lost", 3)}
    assert {ends[run_id][0] for run_id in others} == {"completed"}
    note(f"three poison pills ended after {seconds:.0f} s, 40 neighbours completed")


def test_f6_a_worker_killed_between_pop_and_note(chaos: Chaos, note: Note) -> None:
    """The bell is gone for ever, and the run starts within 3 s all the same."""
    trigger = chaos.stack.make_trigger(chaos.stack.make_action())
    chaos.arm("worker.popped")
    run_id = fire(chaos, trigger)
    wait_until(lambda: read_started(chaos, run_id) is not None, seconds=30, what="the start")
    assert chaos.has_struck("worker.popped"), "no worker died: nothing was proved"
    wait_until_ended(chaos.stack, [trigger["id"]], seconds=15)
    check_ledger(chaos.stack, [trigger["id"]], has_process_died=False)
    seconds = read_started(chaos, run_id)
    assert seconds is not None
    note(f"started after {seconds:.2f} s")
    assert seconds <= 3


@pytest.mark.parametrize("place", ["worker.claimed", "worker.performed"])
def test_a_worker_killed_around_its_action(chaos: Chaos, place: str, note: Note) -> None:
    """Before the action or after it, before the end is written: the run is done again."""
    target = Target()
    trigger = chaos.stack.make_trigger(target.make_action(chaos.stack))
    chaos.arm(place)
    started = time.monotonic()
    fire(chaos, trigger)
    wait_until(lambda: chaos.has_struck(place), seconds=15, what="the death of a worker")
    wait_until_ended(chaos.stack, [trigger["id"]], seconds=60)
    note(f"ended after {time.monotonic() - started:.1f} s")
    check_ledger(chaos.stack, [trigger["id"]], executions=target.seen)
    (seen,) = target.seen.values()
    assert seen == ([2] if place == "worker.claimed" else [1, 2])
    target.close()


@pytest.mark.timeout(300)
def test_f17_a_worker_stopped_for_a_minute(chaos: Chaos, note: Note) -> None:
    """Another finishes the run; the result of the one that wakes up is refused."""
    target = Target(lambda _, attempt: time.sleep(5 if attempt == 1 else 0))
    trigger = chaos.stack.make_trigger(target.make_action(chaos.stack))
    first = chaos.stack.find_processes("faulty", "network@")
    second = chaos.stack.find_processes("faulty", "network2@")
    assert (len(first), len(second)) == (1, 1)
    os.kill(second[0], signal.SIGSTOP)
    try:
        run_id = fire(chaos, trigger)
        wait_until(lambda: target.seen[run_id], seconds=15, what="the first attempt")
        os.kill(first[0], signal.SIGSTOP)
        stopped_at = time.monotonic()
    finally:
        os.kill(second[0], signal.SIGCONT)
    try:
        wait_until_ended(chaos.stack, [trigger["id"]], seconds=50)
        taken_over = time.monotonic() - stopped_at
        before = read_run(chaos, run_id)
        time.sleep(max(0.0, stopped_at + 60 - time.monotonic()))
    finally:
        os.kill(first[0], signal.SIGCONT)
    wait_until(
        lambda: (
            "result_discarded" in chaos.stack.log.read_text()
            and run_id in chaos.stack.log.read_text()
        ),
        seconds=20,
        what="the refusal",
    )
    assert read_run(chaos, run_id) == before
    assert before[0] == ("completed", 2, 1)
    assert target.seen[run_id] == [1, 2]
    check_ledger(chaos.stack, [trigger["id"]], executions=target.seen)
    target.close()
    note(f"finished by another {taken_over:.1f} s after the stop; the late result was refused")


def read_run(chaos: Chaos, run_id: str) -> list[Any]:
    rows = chaos.stack.query(
        "SELECT status, attempt, lost_leases FROM runs_run WHERE id = %s", run_id
    )
    events = chaos.stack.query("SELECT id FROM events_event WHERE run_id = %s ORDER BY id", run_id)
    return [*rows, *events]

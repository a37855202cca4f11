"""Everything at once: a seeded nemesis, a restart in turn, more work than there are hands."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import psycopg
import pytest
import redis

from tests.acceptance.chaos.checks import Target, check_ledger, wait_until_ended
from tests.acceptance.chaos.conftest import Chaos
from tests.acceptance.chaos.load import Load, count_statuses, find_p99
from tests.acceptance.chaos.proxy import Mode
from tests.acceptance.conftest import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.chaos]

Note = Callable[[str], None]

NEMESIS_SECONDS = int(os.environ.get("CHAOS_SECONDS") or 150)


class Nemesis:
    """Breaks one thing after another; which, when and for how long the dice say beforehand."""

    def __init__(self, chaos: Chaos, dice: random.Random) -> None:
        self.chaos, self.dice = chaos, dice
        self.done: Counter[str] = Counter()
        self.faults: dict[str, Callable[[random.Random], None]] = {
            "kill web": lambda dice: self._kill(self.chaos.find_web_processes(), dice),
            "kill beat": lambda dice: self._kill(self._find("beat"), dice),
            "kill instant": lambda dice: self._kill(self._find("instant"), dice),
            "kill network": lambda dice: self._kill(self._find("network,system"), dice),
            "stop a worker": self._stop_a_worker,
            "empty redis": lambda _: self._empty_redis(),
            "cut redis": lambda dice: self._break_redis(Mode.CUT, dice),
            "mute redis": lambda dice: self._break_redis(Mode.MUTE, dice),
            "drop postgres' connections": lambda _: self.chaos.postgres.drop_connections(),
            "mute postgres": lambda dice: self._break_postgres(Mode.MUTE, dice),
            "slow postgres": lambda dice: self._break_postgres(Mode.SLOW, dice),
            "restart postgres": self._restart_postgres,
        }

    def plan(self, seconds: float) -> list[tuple[float, str, int]]:
        """``(pause, fault, seed of its own)``: the same for the same dice, whatever happens."""
        steps: list[tuple[float, str, int]] = []
        names = sorted(self.faults)
        # Each of them once before any comes twice.
        queue: list[str] = []
        while sum(pause + 2 for pause, _, _ in steps) < seconds:
            queue = queue or self.dice.sample(names, len(names))
            step = (self.dice.uniform(1, 8), queue.pop(), self.dice.randrange(1_000_000))
            steps.append(step)
        return steps

    def strike(self, steps: list[tuple[float, str, int]]) -> None:
        for pause, name, seed in steps:
            time.sleep(pause)
            self.faults[name](random.Random(seed))  # noqa: S311 - to be foreseen is the point
            self.done[name] += 1

    def _find(self, word: str) -> list[int]:
        return self.chaos.stack.find_processes("faulty", f" {word}")

    def _kill(self, pids: list[int], dice: random.Random) -> None:
        if pids:
            with suppress(ProcessLookupError):
                os.kill(dice.choice(pids), signal.SIGKILL)

    def _stop_a_worker(self, dice: random.Random) -> None:
        pids = [*self._find("instant"), *self._find("network,system")]
        if not pids:
            return
        pid = dice.choice(pids)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            time.sleep(dice.uniform(1, 10))
            os.kill(pid, signal.SIGCONT)

    def _empty_redis(self) -> None:
        with suppress(redis.RedisError):
            self.chaos.stack.redis().flushall()

    def _break_redis(self, mode: Mode, dice: random.Random) -> None:
        with self.chaos.redis.broken(mode):
            time.sleep(dice.uniform(1, 10))

    def _break_postgres(self, mode: Mode, dice: random.Random) -> None:
        with self.chaos.postgres.broken(mode, delay_seconds=0.2):
            time.sleep(dice.uniform(1, 8))

    def _restart_postgres(self, dice: random.Random) -> None:
        number = dice.choice([signal.SIGINT, signal.SIGQUIT])
        for pid in self.chaos.stack.find_processes("/postgres", " -D "):
            with suppress(ProcessLookupError):
                os.kill(pid, number)


@pytest.mark.timeout(900)
def test_nothing_is_lost_or_doubled_whatever_happens(
    chaos: Chaos, dice: random.Random, seed: int, note: Note
) -> None:
    target = Target()
    noop = chaos.stack.make_trigger(chaos.stack.make_action())
    http = chaos.stack.make_trigger(target.make_action(chaos.stack))
    clock = chaos.stack.make_trigger(target.make_action(chaos.stack), schedule="* * * * *")
    ids = [noop["id"], http["id"], clock["id"]]
    destinations = [chaos.stack.make_destination(trigger_id) for trigger_id in ids[:2]]
    nemesis = Nemesis(chaos, dice)
    steps = nemesis.plan(NEMESIS_SECONDS)
    load = Load(destinations, rate=25, name=f"nemesis-{seed}")
    with load.running():
        nemesis.strike(steps)
    well = chaos.wait_until_well(seconds=90)
    wait_until(lambda: answers(chaos), seconds=30, what="a Postgres that answers")
    chaos.stack.post(f"/triggers/{clock['id']}/pause", {}, status=200)
    wait_until_ended(chaos.stack, ids, seconds=180)
    broken = sum(answer.status == 0 for answer in load.answers)
    done = ", ".join(f"{name} {count}" for name, count in sorted(nemesis.done.items()))
    note(f"{load.count} accepted, {broken} requests without an answer, well after {well:.1f} s")
    note(f"faults: {done}")
    check_ledger(
        chaos.stack,
        ids,
        load.acknowledged,
        executions=target.seen,
        executed_by=ids[1:],
        has_zombie=True,
    )
    check_minutes(chaos, clock["id"])
    target.close()


def answers(chaos: Chaos) -> bool:
    try:
        return bool(chaos.stack.query("SELECT 1"))
    except psycopg.OperationalError:
        return False


def check_minutes(chaos: Chaos, trigger_id: str) -> None:
    """Every minute between the first and the last has its one row, whatever its outcome."""
    rows = chaos.stack.query(
        "SELECT count(*), count(DISTINCT scheduled_for),"
        " extract(epoch FROM max(scheduled_for) - min(scheduled_for)) / 60 + 1"
        " FROM triggers_fire WHERE trigger_id = %s",
        trigger_id,
    )
    count, distinct, minutes = (int(value) for value in rows[0])
    assert count == distinct == minutes


def restart_web(chaos: Chaos) -> None:
    """Granian's own way, its workers in turn: SIGHUP to its master."""
    old = set(chaos.find_web_processes())
    (master,) = chaos.find_web_masters()
    os.kill(master, signal.SIGHUP)
    wait_until(
        lambda: (new := set(chaos.find_web_processes())) and not old & new,
        seconds=60,
        what="other web processes",
    )
    chaos.wait_until_well(seconds=60)


def restart_celery(chaos: Chaos) -> None:
    """Workers and a Beat, one after the other: SIGTERM, and the supervisor starts another."""
    for word in ("instant@", "network@", "beat", "instant2@", "network2@"):
        for pid in chaos.stack.find_processes("faulty", f" {word}")[:1]:
            os.kill(pid, signal.SIGTERM)
        time.sleep(1)
        chaos.wait_until_well(seconds=60)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("restart", [restart_celery, restart_web])
def test_f16_restarted_in_turn(chaos: Chaos, restart: Callable[[Chaos], None], note: Note) -> None:
    """Asked to stop, everything finishes what it has in hand: no caller sees an error."""
    target = Target(lambda *_: time.sleep(0.5))
    trigger = chaos.stack.make_trigger(target.make_action(chaos.stack))
    destination = chaos.stack.make_destination(trigger["id"])
    load = Load([destination], rate=10, name="f16", is_kept_alive=False, is_patient=False)
    with load.running():
        time.sleep(2)
        restart(chaos)
    wait_until_ended(chaos.stack, [trigger["id"]], seconds=60)
    statuses = count_statuses(load.answers)
    note(f"answers {statuses}, p99 {find_p99(load.answers) * 1000:.0f} ms")
    assert statuses.keys() == {200}, [answer for answer in load.answers if answer.status != 200][:3]
    check_ledger(
        chaos.stack,
        [trigger["id"]],
        load.acknowledged,
        executions=target.seen,
        has_process_died=False,
    )
    assert set(map(tuple, target.seen.values())) == {(1,)}, "a run was done twice"
    target.close()


@pytest.mark.timeout(500)
def test_f23_more_deliveries_than_it_can_take(chaos: Chaos, note: Note) -> None:
    """Refused early instead of collapsing; what was accepted is done soon after."""
    trigger = chaos.stack.make_trigger(chaos.stack.make_action())
    destination = chaos.stack.make_destination(trigger["id"])
    with Load([destination], rate=0, senders=12, name="f23-usual").running() as usual:
        time.sleep(20)
    capacity = usual.count / 20
    overload = Load([destination], rate=capacity * 1.5, senders=96, name="f23", is_patient=False)
    with overload.running():
        time.sleep(120)
    ended_at = time.monotonic()
    wait_until_ended(chaos.stack, [trigger["id"]], seconds=60)
    drained = time.monotonic() - ended_at
    refused = [answer for answer in overload.answers if answer.status != 200]
    rate = overload.count / 120
    slowest = max(answer.seconds for answer in overload.answers)
    note(
        f"{capacity:.0f}/s usual; at 1.5 times that {rate:.0f}/s accepted, statuses"
        f" {count_statuses(overload.answers)}, p99 {find_p99(overload.answers):.2f} s,"
        f" slowest {slowest:.2f} s, refusals' p99 {find_p99(refused):.2f} s;"
        f" drained {drained:.1f} s after"
    )
    assert count_statuses(overload.answers).keys() <= {200, 429, 503}
    assert slowest <= 5
    assert rate >= 0.8 * capacity
    assert drained <= 30
    check_ledger(
        chaos.stack,
        [trigger["id"]],
        [*usual.acknowledged, *overload.acknowledged],
        has_process_died=False,
    )

"""Postgres restarted, out of seats, mute, and full of sessions that hold things up."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any

import psycopg
import pytest

from benchmarks.ledger import Acknowledged
from tests.acceptance.chaos.checks import Target, check_ledger, wait_until_ended
from tests.acceptance.chaos.conftest import Chaos
from tests.acceptance.chaos.load import Load, count_statuses
from tests.acceptance.chaos.proxy import Mode
from tests.acceptance.conftest import Stack, open_stack, wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.chaos]

Note = Callable[[str], None]


def make_scene(chaos: Chaos) -> tuple[list[str], list[dict[str, Any]], Target]:
    """A trigger that does nothing, and one that calls a target."""
    target = Target()
    triggers = [
        chaos.stack.make_trigger(chaos.stack.make_action()),
        chaos.stack.make_trigger(target.make_action(chaos.stack)),
    ]
    destinations = [chaos.stack.make_destination(trigger["id"]) for trigger in triggers]
    return [trigger["id"] for trigger in triggers], destinations, target


def find_programs(chaos: Chaos) -> set[int]:
    """Every process of ours that a trouble with Postgres might end."""
    return {*chaos.stack.find_processes("faulty"), *chaos.find_web_masters()}


def answers_again(load: Load, since: float) -> float | None:
    """Seconds from then to the first of twenty good answers in a row; None so far."""
    answers = sorted(load.list_between(since, time.monotonic()), key=lambda answer: answer.at)
    good = 0
    for answer in answers:
        good = good + 1 if answer.status == 200 else 0
        if good == 20:
            return answer.at - since
    return None


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
def test_f11_postgres_restarted(chaos: Chaos, number: signal.Signals, note: Note) -> None:
    """503 meanwhile, and every process is well 15 s later, by itself."""
    trigger_ids, destinations, target = make_scene(chaos)
    programs = find_programs(chaos)
    load = Load(destinations, rate=30, name=f"f11-{number}")
    with load.running():
        time.sleep(5)
        (postmaster,) = chaos.stack.find_processes("/postgres", " -D ")
        os.kill(postmaster, number)
        wait_until(
            lambda: chaos.stack.find_processes("/postgres", " -D ") not in ([], [postmaster]),
            seconds=30,
            what="another Postgres",
        )
        wait_until(lambda: can_connect(chaos), seconds=30, what="a Postgres that answers")
        back_at = time.monotonic()
        well = chaos.wait_until_well(seconds=60)
        recovered = wait_until(lambda: answers_again(load, back_at), seconds=60, what="answers")
        last = load.count
        wait_until(lambda: load.count >= last + 60, seconds=30, what="more deliveries")
    wait_until_ended(chaos.stack, trigger_ids, seconds=60)
    # A claim whose answer was lost with its session is an attempt that no target saw.
    check_ledger(
        chaos.stack,
        trigger_ids,
        load.acknowledged,
        executions=target.seen,
        executed_by=trigger_ids[1:],
    )
    target.close()
    statuses = count_statuses(load.answers)
    note(f"answers {statuses}; webhooks after {recovered:.1f} s, everything after {well:.1f} s")
    assert statuses.keys() <= {200, 503}
    assert recovered <= 15
    assert well <= 15
    assert find_programs(chaos) == programs, "a process died of it"


def can_connect(chaos: Chaos) -> bool:
    try:
        psycopg.connect(chaos.stack.database_url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", [Mode.CUT, Mode.MUTE])
def test_postgres_cut_off_and_mute(chaos: Chaos, mode: Mode, note: Note) -> None:
    """The web answers 503 in time; all go on within 30 s of its return."""
    trigger_ids, destinations, target = make_scene(chaos)
    load = Load(destinations, rate=20, name=f"postgres-{mode}")
    with load.running():
        time.sleep(5)
        broken_at = time.monotonic()
        with chaos.postgres.broken(mode):
            time.sleep(40)
        back_at = time.monotonic()
        recovered = wait_until(lambda: answers_again(load, back_at), seconds=60, what="answers")
        well = chaos.wait_until_well(seconds=60)
    wait_until_ended(chaos.stack, trigger_ids, seconds=60)
    # A worker that could not keep its lease has lost it: that is no death, yet an attempt more.
    check_ledger(
        chaos.stack,
        trigger_ids,
        load.acknowledged,
        executions=target.seen,
        executed_by=trigger_ids[1:],
        has_zombie=True,
    )
    target.close()
    during = load.list_between(broken_at, back_at)
    slowest = max(answer.seconds for answer in during)
    note(
        f"answers meanwhile {count_statuses(during)}, slowest {slowest:.1f} s;"
        f" webhooks after {recovered:.1f} s, everything after {well:.1f} s"
    )
    assert count_statuses(load.answers).keys() <= {200, 503}
    assert slowest <= 10
    assert recovered <= 30
    assert well <= 30


@contextmanager
def sessions_ended(chaos: Chaos, *, times_per_second: float) -> Iterator[list[int]]:
    """One session after another is ended by the server inside the block."""
    ended: list[int] = []
    stop = threading.Event()

    def end_sessions() -> None:
        with psycopg.connect(chaos.stack.database_url, autocommit=True) as connection:
            while not stop.wait(1 / times_per_second):
                row = connection.execute(
                    "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    " AND backend_type = 'client backend' ORDER BY random() LIMIT 1"
                ).fetchone()
                if row is not None:
                    ended.append(row[0])

    thread = threading.Thread(target=end_sessions)
    thread.start()
    try:
        yield ended
    finally:
        stop.set()
        thread.join()


@pytest.mark.timeout(400)
def test_f12_sessions_ended_five_times_a_second(chaos: Chaos, note: Note) -> None:
    """At least nine tenths of the undisturbed throughput, for two minutes."""
    seconds = 120
    trigger_ids, destinations, target = make_scene(chaos)
    completed = "SELECT count(*) FROM runs_run WHERE trigger_id = ANY(%s::uuid[]) AND status = %s"
    load = Load(destinations, rate=40, name="f12")
    with load.running():
        time.sleep(3)
        before = chaos.stack.query(completed, trigger_ids, "completed")[0][0]
        time.sleep(30)
        usual = (chaos.stack.query(completed, trigger_ids, "completed")[0][0] - before) / 30
        with sessions_ended(chaos, times_per_second=5) as ended:
            before = read_patiently(chaos, completed, trigger_ids)
            time.sleep(seconds)
            after = read_patiently(chaos, completed, trigger_ids)
    disturbed = (after - before) / seconds
    wait_until_ended(chaos.stack, trigger_ids, seconds=60)
    check_ledger(
        chaos.stack,
        trigger_ids,
        load.acknowledged,
        executions=target.seen,
        executed_by=trigger_ids[1:],
    )
    target.close()
    statuses = count_statuses(load.answers)
    note(f"{len(ended)} sessions ended: {disturbed:.1f} runs/s, {usual:.1f} before; {statuses}")
    assert statuses.keys() <= {200, 503}
    assert disturbed >= 0.9 * usual


def read_patiently(chaos: Chaos, sql: str, trigger_ids: list[str]) -> int:
    """Our own session may be the one that is ended."""
    while True:
        try:
            return int(chaos.stack.query(sql, trigger_ids, "completed")[0][0])
        except psycopg.OperationalError:
            continue


@pytest.mark.timeout(200)
def test_f13_no_seat_is_left(chaos: Chaos, note: Note) -> None:
    """Answers within a second, be it 503; well at once when seats are free again."""
    trigger_ids, destinations, target = make_scene(chaos)
    load = Load(destinations, rate=30, senders=16, name="f13")
    with load.running(), ExitStack() as sessions:
        time.sleep(3)
        taken = take_seats(chaos, sessions, most=300)
        # What the pools hold is all that there is: have them ask for more.
        chaos.postgres.drop_connections()
        taken += take_seats(chaos, sessions, most=300)
        full_at = time.monotonic()
        time.sleep(15)
        sessions.close()
        freed_at = time.monotonic()
        recovered = wait_until(lambda: answers_again(load, freed_at), seconds=30, what="answers")
    wait_until_ended(chaos.stack, trigger_ids, seconds=60)
    check_ledger(
        chaos.stack,
        trigger_ids,
        load.acknowledged,
        executions=target.seen,
        executed_by=trigger_ids[1:],
    )
    target.close()
    during = load.list_between(full_at, freed_at)
    slowest = max(answer.seconds for answer in during)
    note(
        f"{taken} sessions taken; answers meanwhile {count_statuses(during)}, slowest"
        f" {slowest:.2f} s; well {recovered:.1f} s after"
    )
    assert count_statuses(load.answers).keys() <= {200, 503}
    assert slowest <= 1.5  # The pool's second, and the way there and back.
    assert recovered <= 5


def take_seats(chaos: Chaos, sessions: ExitStack, *, most: int) -> int:
    for number in range(most):
        try:
            sessions.enter_context(psycopg.connect(chaos.stack.database_url, autocommit=True))
        except psycopg.OperationalError:
            return number
    return most


@pytest.fixture
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A second stack that nothing is done to."""
    with open_stack(tmp_path_factory.mktemp("control"), "config.stack", "run") as stack:
        yield stack


@pytest.mark.timeout(600)
def test_f14_old_snapshots_are_held_open(chaos: Chaos, control: Stack, note: Note) -> None:
    """An idle transaction and four old readers: seven tenths, and all of it a minute later."""
    trigger_ids, destinations, _ = make_scene(chaos)
    calm = control.make_destination(control.make_trigger(control.make_action())["id"])
    sides = Sides(destinations[:1], [calm])
    sides.compare(seconds=8)
    usual = sides.compare(seconds=60)
    with ExitStack() as held:
        hold_snapshots(chaos, held)
        disturbed = sides.compare(seconds=150)
    sides.compare(seconds=60)
    afterwards = sides.compare(seconds=60)
    wait_until_ended(chaos.stack, trigger_ids, seconds=120)
    check_ledger(chaos.stack, trigger_ids, sides.acknowledged, has_process_died=False)
    note(
        f"accepts by the control's: {disturbed / usual:.3f} of before during,"
        f" {afterwards / usual:.3f} after a minute ({len(sides.acknowledged)} accepted)"
    )
    assert disturbed >= 0.7 * usual
    assert afterwards >= 0.95 * usual


class Sides:
    """Two stacks under the same load, in turn: a machine's own speed moves by a third within a
    minute, and so does what either of them accepts.
    """

    def __init__(self, *destinations: list[dict[str, Any]]) -> None:
        self.acknowledged: list[Acknowledged] = []
        self._destinations = destinations
        self._turn = 0

    def load(self, side: int, *, seconds: float) -> float:
        """As many deliveries as six senders can, to one side; how many it accepted per second."""
        self._turn += 1
        load = Load(self._destinations[side], rate=0, senders=6, name=f"f14-{self._turn}")
        started = time.monotonic()
        with load.running():
            time.sleep(seconds)
        if side == 0:
            self.acknowledged += load.acknowledged
        return load.count / (time.monotonic() - started)

    def compare(self, *, seconds: float, turn: float = 2.0) -> float:
        """What the first side accepts by what the second does, in the median of their turns."""
        ratios = [
            self.load(0, seconds=turn) / self.load(1, seconds=turn)
            for _ in range(round(seconds / turn / 2))
        ]
        return median(ratios)


def hold_snapshots(chaos: Chaos, held: ExitStack) -> None:
    for number in range(5):
        session = held.enter_context(psycopg.connect(chaos.stack.database_url))
        if number:
            session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        else:
            # Idle in its transaction, with an id of its own.
            session.execute("SELECT pg_current_xact_id()")
        session.execute("SELECT count(*) FROM runs_run")

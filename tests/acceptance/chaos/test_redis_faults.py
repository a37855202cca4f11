"""Redis gone, mute, emptied and full of old messages: it rings, and nothing depends on it."""

import base64
import json
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.acceptance.chaos.checks import Target, check_ledger, wait_until_ended
from tests.acceptance.chaos.conftest import Chaos
from tests.acceptance.chaos.load import Load, count_statuses, find_p99
from tests.acceptance.chaos.proxy import Mode
from tests.acceptance.conftest import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.chaos]

Note = Callable[[str], None]

# Where bells wait; what else Celery sends goes to another one.
QUEUES = ("instant", "network")
COUNT = 5000


@pytest.fixture
def target() -> Iterator[Target]:
    target = Target()
    yield target
    target.close()


@contextmanager
def stopped_workers(chaos: Chaos) -> Iterator[None]:
    chaos.stack.kill("faulty", "worker", number=signal.SIGSTOP)
    try:
        yield
    finally:
        chaos.stack.kill("faulty", "worker", number=signal.SIGCONT)


def make_destinations(chaos: Chaos, target: Target) -> tuple[list[str], list[dict[str, Any]]]:
    """Nine of ten deliveries do nothing, the tenth calls the target; each asks Redis for a rate."""
    noop = chaos.stack.make_trigger(chaos.stack.make_action())
    http = chaos.stack.make_trigger(target.make_action(chaos.stack))
    destinations = [
        chaos.stack.make_destination(trigger["id"], rate_limit_per_minute=100_000)
        for trigger in [noop] * 9 + [http]
    ]
    return [noop["id"], http["id"]], destinations


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("mode", "seconds"), [(Mode.CUT, 60), (Mode.MUTE, 30), (Mode.SLOW, 20)])
def test_f7_f9_redis_away_under_load(
    chaos: Chaos, target: Target, note: Note, mode: Mode, seconds: int
) -> None:
    """Webhooks are accepted as fast as before, and workers work within 30 s of its return."""
    trigger_ids, destinations = make_destinations(chaos, target)
    load = Load(destinations, rate=40, name=f"redis-{mode}")
    with load.running():
        time.sleep(15)
        broken_at = time.monotonic()
        with chaos.redis.broken(mode, delay_seconds=2):
            time.sleep(seconds)
        returned_at = time.monotonic()
    wait_until_ended(chaos.stack, trigger_ids, seconds=60)
    recovered = time.monotonic() - returned_at
    before = load.list_between(broken_at - 12, broken_at)
    during = load.list_between(broken_at, returned_at)
    quiet, broken = find_p99(before), find_p99(during)
    slowest, usual = (max(a.seconds for a in answers) for answers in (during, before))
    note(
        f"p99 {broken * 1000:.0f} ms (before {quiet * 1000:.0f}), slowest {slowest * 1000:.0f} ms"
        f" (before {usual * 1000:.0f}); all {load.count} done {recovered:.1f} s after its return"
    )
    check_ledger(
        chaos.stack,
        trigger_ids,
        load.acknowledged,
        executions=target.seen,
        executed_by=trigger_ids[1:],
        has_process_died=False,
    )
    assert count_statuses(load.answers).keys() == {200}
    assert recovered <= 30
    if mode is Mode.CUT:
        assert broken <= 2 * quiet
    else:
        # What the limiter may wait, beyond what a request takes on this machine anyway.
        assert slowest <= 0.1 + usual


@pytest.mark.timeout(300)
def test_f8_redis_emptied_with_runs_in_the_queue(chaos: Chaos, note: Note) -> None:
    """Rung again within 3 s, and all complete."""
    trigger = chaos.stack.make_trigger(chaos.stack.make_action())
    destination = chaos.stack.make_destination(trigger["id"])
    load = Load([destination], rate=0, senders=12, name="f8")
    with stopped_workers(chaos):
        with load.running():
            wait_until(lambda: load.count >= COUNT, seconds=150, what=f"{COUNT} deliveries")
        chaos.stack.redis().flushall()
        emptied_at = time.monotonic()
        wait_until(lambda: chaos.stack.redis().llen("instant"), seconds=10, what="a bell")
        rung = time.monotonic() - emptied_at
    released_at = time.monotonic()
    wait_until_ended(chaos.stack, [trigger["id"]], seconds=60)
    done = time.monotonic() - released_at
    note(f"rung after {rung:.2f} s; {load.count} runs done {done:.1f} s after their workers could")
    check_ledger(chaos.stack, [trigger["id"]], load.acknowledged, has_process_died=False)
    assert rung <= 3


def read_bells(chaos: Chaos) -> dict[str, list[Any]]:
    return {name: chaos.stack.redis().lrange(name, 0, -1) for name in QUEUES}


def ring_again(chaos: Chaos, bells: dict[str, list[bytes]]) -> int:
    for name, messages in bells.items():
        if messages:
            chaos.stack.redis().lpush(name, *messages)
    return sum(map(len, bells.values()))


def age_bell(message: bytes, *, is_expired: bool) -> bytes:
    """The message as it is ten minutes later; or one that has no end, so that it is heard."""
    bell = json.loads(message)
    bell["headers"]["expires"] = "2026-01-01T00:00:00+00:00" if is_expired else None
    assert json.loads(base64.b64decode(bell["body"]))[1]["queue"]
    return json.dumps(bell).encode()


def collect_bells(chaos: Chaos, target: Target, *, count: int) -> tuple[list[str], Load, Any]:
    """Runs of both kinds that nobody does yet, and the bells that were rung for them."""
    trigger_ids, destinations = make_destinations(chaos, target)
    load = Load(destinations, rate=60, name=f"bells-{time.monotonic_ns()}")
    with load.running():
        wait_until(lambda: load.count >= count, seconds=60, what=f"{count} deliveries")
    wait_until(
        lambda: all(read_bells(chaos)[name] for name in ("instant", "network")),
        seconds=15,
        what="bells of both kinds",
    )
    return trigger_ids, load, read_bells(chaos)


def test_f15_every_bell_three_times_shuffled_and_late(
    chaos: Chaos, target: Target, dice: random.Random, note: Note
) -> None:
    """The same state, and one execution per attempt."""
    with stopped_workers(chaos):
        trigger_ids, load, bells = collect_bells(chaos, target, count=200)
        chaos.stack.redis().flushall()
        late = {
            name: [
                age_bell(message, is_expired=dice.random() < 0.5)
                for message in messages
                for _ in range(3)
            ]
            for name, messages in bells.items()
        }
        for messages in late.values():
            dice.shuffle(messages)
        count = ring_again(chaos, late)
    wait_until_ended(chaos.stack, trigger_ids, seconds=30)
    ring_again(chaos, late)
    wait_until(
        lambda: not any(read_bells(chaos).values()), seconds=30, what="every bell to be heard"
    )
    check_ledger(chaos.stack, trigger_ids, load.acknowledged, has_process_died=False)
    assert set(map(tuple, target.seen.values())) == {(1,)}
    note(f"{load.count} runs, {count} late bells before their end and as many after it")


def test_f10_redis_comes_back_with_what_it_had_long_ago(
    chaos: Chaos, target: Target, note: Note
) -> None:
    """Extra bells are no-ops, and what it forgot is rung again."""
    with stopped_workers(chaos):
        trigger_ids, load, _ = collect_bells(chaos, target, count=100)
        redis = chaos.stack.redis()
        old = {key: redis.dump(key) or b"" for key in redis.keys("*")}
    wait_until_ended(chaos.stack, trigger_ids, seconds=30)
    with stopped_workers(chaos):
        more = make_destinations(chaos, target)
        second = Load(more[1], rate=60, name="f10-second")
        with second.running():
            wait_until(lambda: second.count >= 100, seconds=60, what="100 deliveries")
        with chaos.redis.broken(Mode.CUT):
            redis.flushall()
            for key, value in old.items():
                redis.restore(key, 0, value)
        returned_at = time.monotonic()
    wait_until_ended(chaos.stack, more[0], seconds=30)
    recovered = time.monotonic() - returned_at
    everything = [*trigger_ids, *more[0]]
    check_ledger(chaos.stack, everything, [*load.acknowledged, *second.acknowledged])
    assert set(map(tuple, target.seen.values())) == {(1,)}
    note(f"{len(old)} old keys came back; the new runs were done {recovered:.1f} s later")

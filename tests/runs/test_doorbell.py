"""The doorbell: collects, publishes once, goes silent when the broker is away, never raises."""

import threading
import time
from itertools import pairwise
from typing import Any

import pytest

from runs import doorbell as module
from runs.doorbell import Doorbell


class Broker:
    """Counts what is published; fails as long as it is told to."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.tries = 0
        self.unheard = 0
        self.is_away = False
        self.heard = threading.Event()

    def send_task(self, name: str, *, queue: str, **options: Any) -> None:
        assert options["retry"] is False
        assert options["expires"] == 60
        self.tries += 1
        self.heard.set()
        if self.is_away:
            raise ConnectionError
        self.sent.append(queue)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(module, "current_app", broker)
    monkeypatch.setattr(module, "_count_waiting", lambda queue: broker.unheard)
    return broker


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "nothing happened for 5 s"
        time.sleep(0.005)


def test_a_ring_is_published_by_a_thread_of_its_own(broker: Broker) -> None:
    Doorbell().ring("instant")
    wait_until(lambda: broker.sent == ["instant"])


def test_many_rings_become_few_bells_and_the_last_one_counts(broker: Broker) -> None:
    doorbell = Doorbell()
    for _ in range(500):
        doorbell.ring("instant")
    wait_until(lambda: broker.sent)
    time.sleep(0.1)
    assert 1 <= len(broker.sent) <= 10
    before = len(broker.sent)
    doorbell.ring("instant")
    wait_until(lambda: len(broker.sent) == before + 1)


def test_a_queue_of_slow_runs_gets_one_bell_per_run_up_to_sixteen(broker: Broker) -> None:
    Doorbell().ring("network", 3)
    wait_until(lambda: len(broker.sent) == 3)
    Doorbell().ring("network", 300)
    wait_until(lambda: len(broker.sent) == 19)


def test_a_dead_broker_silences_the_bell_and_one_trial_follows(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BREAKER_SECONDS", 0.2)
    broker.is_away = True
    doorbell = Doorbell()
    for tries in (1, 2, 3):
        doorbell.ring("instant")
        wait_until(lambda tries=tries: broker.tries == tries)
    for _ in range(5):
        doorbell.ring("instant")
        time.sleep(0.025)
    assert broker.tries == 3
    broker.is_away = False
    time.sleep(0.25)
    doorbell.ring("instant")
    wait_until(lambda: broker.sent == ["instant"])


def test_bells_that_nobody_heard_are_not_added_to(broker: Broker) -> None:
    broker.unheard = 31
    Doorbell().ring("network", 16)
    wait_until(lambda: broker.sent == ["network"])
    broker.unheard = 40
    Doorbell().ring("network", 16)
    time.sleep(0.1)
    assert len(broker.sent) == 1


def test_while_bells_wait_unheard_one_looks_less_often_and_rings_as_soon_as_they_are_heard(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []

    def count_waiting(queue: str) -> int:
        looks.append(time.monotonic())
        return broker.unheard

    monkeypatch.setattr(module, "_count_waiting", count_waiting)
    broker.unheard = 2
    doorbell = Doorbell()
    ends_at = time.monotonic() + 0.3
    while time.monotonic() < ends_at:
        doorbell.ring("instant")
        time.sleep(0.002)
    assert not broker.sent
    assert all(later - look >= module.UNHEARD_SECONDS for look, later in pairwise(looks))
    broker.unheard = 0
    doorbell.ring("instant")
    wait_until(lambda: broker.sent == ["instant"])

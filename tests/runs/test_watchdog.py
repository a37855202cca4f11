"""The verdict that a worker is deaf: every sign has to speak for it, twice."""

import os
import signal
from collections.abc import Collection
from typing import Any

import pytest

from runs import tasks
from runs.execution import Watchdog, ear


class Scene:
    """A worker's surroundings, deaf unless told otherwise."""

    def __init__(self) -> None:
        self.silence = 60.0
        self.is_slot_free = True
        self.due: Collection[tuple[str, int, float]] = [("network", 3, 60.0)]
        self.is_redis_well = True
        self.rung: list[str] = []
        self.watchdog = Watchdog(
            queues={"network"},
            read_silence=lambda: self.silence,
            has_free_slot=lambda: self.is_slot_free,
            find_due=lambda _: self.due,
            is_redis_well=lambda: self.is_redis_well,
            ring=self.rung.append,
        )

    def look(self, *times: float) -> list[bool]:
        return [self.watchdog.is_deaf(now=now) for now in times]


def test_the_first_finding_rings_and_the_one_after_five_seconds_is_the_verdict() -> None:
    scene = Scene()
    assert scene.look(0, 2, 4, 6) == [False, False, False, True]
    assert scene.rung == ["network"]


@pytest.mark.parametrize(
    ("sign", "value"),
    [
        ("silence", 1.0),
        ("is_slot_free", False),
        ("due", []),
        ("due", [("instant", 1, 60.0), ("network.capped", 9, 60.0)]),
        ("is_redis_well", False),
    ],
)
def test_one_sign_of_health_is_enough(sign: str, value: Any) -> None:
    scene = Scene()
    setattr(scene, sign, value)
    assert scene.look(0, 10, 20) == [False] * 3
    assert scene.rung == []


def test_a_worker_that_hears_the_ring_is_well_and_the_count_begins_anew() -> None:
    scene = Scene()
    assert scene.look(0) == [False]
    scene.silence = 1.0
    assert scene.look(10) == [False]
    scene.silence = 60.0
    assert scene.look(20, 22) == [False, False]
    assert scene.rung == ["network", "network"]


def test_a_silence_that_is_too_short_is_no_verdict_yet() -> None:
    scene = Scene()
    scene.silence = 6.0
    assert scene.look(0, 6) == [False, False]
    scene.silence = 10.0
    assert scene.look(8) == [True]


def test_looking_for_work_is_heard() -> None:
    ear.hear()
    assert ear.read_silence() < 5


def test_a_worker_whose_slots_are_processes_is_not_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    class Consumer:
        pool = object()

    def refuse(*_: Any, **__: Any) -> None:
        pytest.fail("a thread was started")

    monkeypatch.setattr("runs.tasks.threading.Thread", refuse)
    tasks.watch_worker(sender=Consumer())


def test_a_deaf_process_asks_itself_to_stop_and_then_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[Any] = []
    monkeypatch.setattr("runs.tasks.os.kill", lambda _, number: steps.append(number))
    monkeypatch.setattr("runs.tasks.os._exit", steps.append)
    monkeypatch.setattr("runs.tasks.time.sleep", lambda _: None)
    tasks.leave()
    assert steps == [signal.SIGTERM, os.EX_TEMPFAIL]

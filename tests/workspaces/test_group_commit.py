"""Threads that have something to write at the same moment: one of them sends for all."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from workspaces.services import group_commit
from workspaces.services.group_commit import GroupCommit

WAIT = 10


class Refused(Exception):
    """What the door of these tests says to some."""


@dataclass
class Door:
    """Notes what was sent together; the first to come is held until ``opened``."""

    opened: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)
    sent: list[list[str]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    @property
    def items(self) -> list[str]:
        return [item for items in self.sent for item in items]

    def send(self, items: Sequence[str]) -> None:
        self.sent.append(list(items))
        if not self.reached.is_set():
            self.reached.set()
            assert self.opened.wait(WAIT)
        if self.refused.intersection(items):
            raise Refused(", ".join(items))


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as threads:
        yield threads


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Long enough that nobody in these tests loses it, unless one says otherwise."""

    def have(seconds: float) -> None:
        monkeypatch.setattr(group_commit, "PATIENCE_SECONDS", seconds)

    have(WAIT)
    return have


@contextmanager
def first_one_held(
    door: Door, pool: ThreadPoolExecutor
) -> Iterator[tuple[GroupCommit[str], Callable[..., Future[None]]]]:
    """While "first" is being sent, whatever comes has to wait; it is let go at the end."""
    company = GroupCommit(door.send)

    def come(item: str, *, kind: str = "kind", key: str | None = None) -> Future[None]:
        return pool.submit(company.send, item, kind=kind, key=key or item)

    first = come("first")
    assert door.reached.wait(WAIT)
    yield company, come
    door.opened.set()
    first.result(WAIT)


def wait_for(company: GroupCommit[str], count: int) -> None:
    ends_at = time.monotonic() + WAIT
    while len(company._waiting) < count:
        assert time.monotonic() < ends_at
        time.sleep(0.001)


def test_alone_nobody_waits(door: Door) -> None:
    door.opened.set()
    company = GroupCommit(door.send)
    for item in ("a", "b"):
        company.send(item, kind="kind", key=item)
    assert door.sent == [["a"], ["b"]]


def test_who_comes_while_another_sends_goes_with_the_next(
    door: Door, pool: ThreadPoolExecutor
) -> None:
    with first_one_held(door, pool) as (company, come):
        others = [come(f"item {number}") for number in range(11)]
        wait_for(company, 11)
        assert door.sent == [["first"]]
    for other in others:
        other.result(WAIT)
    assert [len(items) for items in door.sent] == [1, 8, 2, 1]
    assert sorted(door.items) == sorted(["first", *(f"item {n}" for n in range(11))])


def test_only_what_is_of_one_kind_goes_together(door: Door, pool: ThreadPoolExecutor) -> None:
    with first_one_held(door, pool) as (company, come):
        others = [come(f"{kind}{n}", kind=kind) for n in range(2) for kind in "ab"]
        wait_for(company, 4)
    for other in others:
        other.result(WAIT)
    assert {frozenset(items) for items in door.sent[1:]} == {
        frozenset({"a0", "a1"}),
        frozenset({"b0", "b1"}),
    }


def test_two_of_one_key_never_go_together(door: Door, pool: ThreadPoolExecutor) -> None:
    with first_one_held(door, pool) as (company, come):
        others = [come(f"item {number}", key="the key") for number in range(3)]
        wait_for(company, 3)
    for other in others:
        other.result(WAIT)
    assert [len(items) for items in door.sent] == [1, 1, 1, 1]


def test_where_one_fails_only_he_suffers(door: Door, pool: ThreadPoolExecutor) -> None:
    door.refused.add("item 2")
    with first_one_held(door, pool) as (company, come):
        others = [come(f"item {number}") for number in range(4)]
        wait_for(company, 4)
    failures = [other.exception(WAIT) for other in others]
    assert [type(failure) for failure in failures] == [type(None)] * 2 + [Refused, type(None)]
    assert str(failures[2]) == "item 2"
    assert [len(items) for items in door.sent] == [1, 4, 1, 1, 1, 1]


def test_an_error_of_the_one_who_sends_alone_is_his(door: Door) -> None:
    door.opened.set()
    door.refused.add("a")
    company = GroupCommit(door.send)
    with pytest.raises(Refused):
        company.send("a", kind="kind", key="a")
    company.send("b", kind="kind", key="b")
    assert door.sent == [["a"], ["b"]]


def test_nobody_queues_behind_one_that_is_stuck(
    door: Door, pool: ThreadPoolExecutor, patience: Callable[[float], None]
) -> None:
    patience(0.01)
    with first_one_held(door, pool) as (company, come):
        for other in [come(f"item {number}") for number in range(6)]:
            other.result(WAIT)
        assert company._waiting == []
        assert len(door.items) == 7
    # And the order of things is restored.
    come("last").result(WAIT)
    assert door.sent[-1] == ["last"]
    assert company._sending == 0


@pytest.mark.parametrize("seconds", [0.0, 0.0005, WAIT])
def test_each_is_sent_once_whatever_happens(
    pool: ThreadPoolExecutor, patience: Callable[[float], None], seconds: float
) -> None:
    patience(seconds)
    done: Counter[int] = Counter()
    sizes: Counter[int] = Counter()
    lock = threading.Lock()

    def send(items: Sequence[int]) -> None:
        time.sleep(random.random() / 2000)  # noqa: S311 - any will do
        if any(item % 50 == 0 for item in items):
            raise Refused
        with lock:
            done.update(items)
            sizes[len(items)] += 1

    company = GroupCommit(send)
    futures = {
        number: pool.submit(company.send, number, kind=number % 2, key=number // 2)
        for number in range(1, 2001)
    }
    for number, future in futures.items():
        assert isinstance(future.exception(WAIT), Refused if number % 50 == 0 else type(None))
    assert done == Counter(number for number in futures if number % 50)
    assert max(sizes) > 1 or seconds < WAIT
    assert (company._sending, company._waiting) == (0, [])

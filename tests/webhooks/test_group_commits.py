"""Deliveries that come at the same moment are committed together, and are none the worse for it."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import OperationalError, connection

from events.models import Event
from runs.models import Run
from tests.webhooks.conftest import LEAD, Sender, do_elsewhere
from tests.webhooks.factories import DestinationFactory
from triggers.models import Fire, Trigger
from webhooks.models import DedupeKey, Delivery, Destination
from workspaces.models.writing import fetch_prepared
from workspaces.services import group_commit, together

pytestmark = pytest.mark.django_db(transaction=True)

WAIT = 20


class Line:
    """The way to Postgres: the first statement of what is written together waits for its release,
    and each is noted, with how many deliveries it holds.
    """

    def __init__(self) -> None:
        self.is_held = threading.Event()
        self.released = threading.Event()
        self.sizes: list[int] = []
        self.failures = 0

    def fetch(self, sql: str, values: Any) -> Any:
        size = sql.count(" UNION ALL ") + 1
        if self.is_held.is_set() and size > 1 and self.failures:
            self.failures -= 1
            raise OperationalError("the connection is lost")
        self.sizes.append(size)
        if not self.is_held.is_set():
            self.is_held.set()
            assert self.released.wait(WAIT)
        return fetch_prepared(sql, values)


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    line = Line()
    monkeypatch.setattr(together, "fetch_prepared", line.fetch)
    monkeypatch.setattr(group_commit, "PATIENCE_SECONDS", WAIT)
    return line


def post(destination: Destination, key: str, payload: Any = LEAD) -> dict[str, Any]:
    try:
        answer = Sender().post(destination, payload, key=key)
        return {"code": answer.status_code, **answer.json()}
    finally:
        connection.close()


@dataclass
class Crowd:
    """Deliveries that arrive one after the other, and the answers that they had in the end."""

    pool: ThreadPoolExecutor
    futures: list[Future[dict[str, Any]]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)

    def come(self, destination: Destination, key: str, payload: Any = LEAD) -> None:
        self.futures.append(self.pool.submit(post, destination, key, payload))
        ends_at = time.monotonic() + WAIT
        while len(together._company._waiting) < len(self.futures):
            assert time.monotonic() < ends_at
            time.sleep(0.001)

    @property
    def statuses(self) -> list[str]:
        return [answer["status"] for answer in self.answers]


@contextmanager
def held(line: Line, destination: Destination) -> Iterator[Crowd]:
    """What is posted inside arrives while the first delivery is on its way."""
    with ThreadPoolExecutor(16) as pool:
        first = pool.submit(post, destination, "first")
        assert line.is_held.wait(WAIT)
        crowd = Crowd(pool)
        try:
            yield crowd
        finally:
            line.released.set()
        assert first.result(WAIT)["status"] == "fired"
        crowd.answers = [future.result(WAIT) for future in crowd.futures]


def test_those_of_several_destinations_go_out_as_one_statement(
    line: Line, destination: Destination
) -> None:
    others: list[Destination] = [destination, DestinationFactory(), DestinationFactory()]
    with held(line, destination) as crowd:
        for number in range(4):
            crowd.come(others[number % 3], f"evt-{number}", {"type": f"type.{number}", "n": number})
    assert line.sizes == [1, 4]
    assert crowd.statuses == ["fired"] * 4
    for number, answer in enumerate(crowd.answers):
        delivery = Delivery.objects.get(event_id=answer["event_id"])
        run, fire = Run.objects.get(id=answer["run_id"]), Fire.objects.get(run_id=answer["run_id"])
        events = dict(Event.objects.filter(delivery_id=delivery.id).values_list("event_type", "id"))
        key = DedupeKey.objects.get(delivery_id=delivery.id)
        target = others[number % 3]
        # Each row holds its own delivery's, and not a neighbour's.
        assert (delivery.destination_id, delivery.dedupe_key) == (target.id, f"evt-{number}")
        assert delivery.payload_event_type == f"type.{number}"
        assert (run.trigger_id, run.fire_id, delivery.fire_id) == (
            target.trigger_id,
            fire.id,
            fire.id,
        )
        assert fire.key == f"webhook:{delivery.id}"
        assert (key.destination_id, key.run_id) == (target.id, run.id)
        assert set(events) == {"webhook.received", "trigger.fired"}
        assert str(events["trigger.fired"]) == answer["fired_event_id"]
        assert run.chain_id == events["trigger.fired"]
    assert Run.objects.count() == Delivery.objects.count() == 5


def test_a_duplicate_among_them_is_one_and_the_others_are_none(
    line: Line, destination: Destination
) -> None:
    with held(line, destination) as crowd:
        crowd.come(destination, "first")
        for number in range(3):
            crowd.come(destination, f"evt-{number}")
    assert line.sizes[:2] == [1, 4]
    # What is a duplicate is written by itself.
    assert line.sizes[2:] == [1]
    assert Counter(crowd.statuses) == {"fired": 3, "duplicate": 1}
    assert Run.objects.count() == DedupeKey.objects.count() == 4
    assert Delivery.objects.filter(status="duplicate").count() == 1


def test_one_whose_trigger_was_paused_meanwhile_leaves_the_others_alone(
    line: Line, destination: Destination
) -> None:
    paused = DestinationFactory()
    with held(line, destination) as crowd:
        for number in range(3):
            crowd.come(destination, f"evt-{number}")
        crowd.come(paused, "evt-paused")
        do_elsewhere(lambda: Trigger.objects.filter(id=paused.trigger_id).update(is_active=False))
    assert crowd.statuses == ["fired", "fired", "fired", "filtered"]
    assert not Run.objects.filter(trigger_id=paused.trigger_id).exists()
    assert Run.objects.count() == 4
    assert line.sizes[1] == 4


def test_a_connection_that_is_lost_with_all_of_them_loses_none(
    line: Line, destination: Destination
) -> None:
    line.failures = 1
    with held(line, destination) as crowd:
        for number in range(4):
            crowd.come(destination, f"evt-{number}")
    assert crowd.statuses == ["fired"] * 4
    assert line.sizes == [1] * 5
    assert Run.objects.count() == Fire.objects.count() == 5


def test_a_commit_that_only_seemed_to_fail_stands_for_each_of_them(
    line: Line, destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Postgres committed the group, and its answer was lost."""
    fetch = line.fetch

    def lose(sql: str, values: Any) -> Any:
        rows = fetch(sql, values)
        if len(rows) > 1:
            raise OperationalError("the answer is lost")
        return rows

    monkeypatch.setattr(together, "fetch_prepared", lose)
    with held(line, destination) as crowd:
        for number in range(4):
            crowd.come(destination, f"evt-{number}")
    assert crowd.statuses == ["fired"] * 4
    assert Run.objects.count() == Fire.objects.count() == Delivery.objects.count() == 5
    for answer in crowd.answers:
        delivery = Delivery.objects.get(event_id=answer["event_id"])
        assert (str(delivery.run_id), delivery.status) == (answer["run_id"], "accepted")


def test_what_is_of_another_shape_goes_with_its_own(line: Line, destination: Destination) -> None:
    """A payload without a type fills a column less."""
    with held(line, destination) as crowd:
        for number in range(2):
            crowd.come(destination, f"evt-{number}")
            crowd.come(destination, f"untyped-{number}", {"n": number})
    assert crowd.statuses == ["fired"] * 4
    assert line.sizes == [1, 2, 2]
    types = Delivery.objects.order_by("id").values_list("payload_event_type", flat=True)
    assert Counter(types) == {"lead.created": 3, None: 2}

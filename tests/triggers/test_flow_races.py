"""Many fires of one trigger at once: the row lock makes the count exact."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.utils import timezone

from runs.models import Run
from tests.factories import TriggerFactory
from tests.triggers.test_firing import deliver, fire
from triggers.models import Fire, ScheduleState, Trigger
from triggers.services import FireLimited, fire_due_triggers
from workspaces.rules.callers import Caller

pytestmark = pytest.mark.django_db(transaction=True)


def together(count: int, perform: Callable[[], str]) -> Counter[str]:
    """The results of ``count`` threads that begin at the same moment."""
    barrier = threading.Barrier(count)

    def one(_: int) -> str:
        try:
            barrier.wait(10)
            return perform()
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return Counter(pool.map(one, range(count)))


def post(trigger: Trigger) -> str:
    """One delivery, in a transaction as the receiver has it."""
    try:
        with transaction.atomic():
            return deliver(trigger, {}).outcome
    except FireLimited:
        return "refused"


def test_two_fires_at_once_with_skip_make_one_run() -> None:
    trigger = TriggerFactory.create(overlap_policy="skip")
    assert together(2, lambda: post(trigger)) == {"fired": 1, "overlap_skipped": 1}
    assert Run.objects.count() == 1


def test_the_clock_and_a_delivery_at_once_with_skip_make_one_run() -> None:
    trigger = TriggerFactory.create(
        overlap_policy="skip", schedule="0 0 1 1 *", next_fire_at=timezone.now()
    )
    todo = [lambda: post(trigger), lambda: str(fire_due_triggers().fired)]

    def take() -> str:
        return todo.pop()()

    together(2, take)
    # Beat passes over a locked row, and comes again.
    fire_due_triggers()
    assert Run.objects.count() == 1
    outcomes = Fire.objects.filter(trigger_id=trigger.id).values_list("outcome", flat=True)
    assert sorted(outcomes) == ["fired", "overlap_skipped"]


def test_ten_at_once_with_buffer_one_leave_one_to_run_and_one_held() -> None:
    trigger = TriggerFactory.create(overlap_policy="buffer_one")
    assert together(10, lambda: post(trigger)) == {"fired": 10}
    runs = Run.objects.order_by("id")
    live = runs.filter(status="queued")
    assert [run.waits_for is None for run in live].count(True) == 1
    (free,) = live.filter(waits_for=None)
    (held,) = live.exclude(waits_for=None)
    assert held.waits_for == free.id
    assert Counter(Fire.objects.values_list("outcome", flat=True)) == {
        "fired": 2,
        "overlap_skipped": 8,
    }
    assert runs.filter(status="cancelled").count() == 8


def test_twenty_at_once_within_a_limit_of_five_fire_exactly_five() -> None:
    trigger = TriggerFactory.create(fire_limit={"max": 5, "window": "1h"})
    assert together(20, lambda: post(trigger)) == {"fired": 5, "refused": 15}
    assert Run.objects.count() == Fire.objects.count() == 5


def test_twenty_calls_by_hand_at_once_are_limited_too(caller: Caller) -> None:
    trigger = TriggerFactory.create(fire_limit={"max": 5, "window": "1h"})
    assert together(20, lambda: fire(trigger, caller).outcome) == {"fired": 5, "limited": 15}
    assert Counter(Fire.objects.values_list("outcome", flat=True)) == {"fired": 5, "limited": 15}


def test_five_at_once_with_cancel_other_leave_one_live_run() -> None:
    trigger = TriggerFactory.create(overlap_policy="cancel_other")
    assert together(5, lambda: post(trigger)) == {"fired": 5}
    assert Counter(Run.objects.values_list("status", flat=True)) == {"queued": 1, "cancelled": 4}


def test_a_trigger_that_lets_runs_overlap_waits_for_no_lock() -> None:
    trigger = TriggerFactory.create()
    with transaction.atomic():
        ScheduleState.objects.select_for_update().get(trigger=trigger)
        assert together(1, lambda: post(trigger)) == {"fired": 1}

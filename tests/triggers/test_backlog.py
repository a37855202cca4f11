"""A backlog: two claims at once, once each slot, and no thread that is left behind."""

import threading
from collections.abc import Callable

import pytest
from django.db import OperationalError
from django.utils import timezone

from tests.factories import ActionFactory, TriggerFactory
from triggers.models import Fire, Trigger
from triggers.services import DueBatch, backlog, fire_backlog, fire_due_triggers

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def claimants(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The threads that claimed, in order; batches are of three."""
    return replace_claim(monkeypatch, lambda: fire_due_triggers(limit=3))


def replace_claim(monkeypatch: pytest.MonkeyPatch, claim: Callable[[], DueBatch]) -> list[str]:
    names: list[str] = []

    def claim_by_name() -> DueBatch:
        names.append(threading.current_thread().name)
        return claim()

    monkeypatch.setattr(backlog, "fire_due_triggers", claim_by_name)
    return names


def make_due(count: int) -> list[Trigger]:
    action, now = ActionFactory.create(), timezone.now()
    return [
        TriggerFactory.create(action=action, schedule="* * * * *", next_fire_at=now)
        for _ in range(count)
    ]


def test_a_backlog_is_claimed_by_two_and_each_slot_fires_once(claimants: list[str]) -> None:
    triggers = make_due(20)
    batches: list[DueBatch] = []
    fire_backlog(batches, seconds=30)
    assert len(set(claimants)) == 2
    assert sum(batch.fired for batch in batches) == 20
    fired = Fire.objects.filter(outcome="fired").values_list("trigger_id", flat=True)
    assert sorted(fired) == sorted(trigger.pk for trigger in triggers)
    assert not [one for one in threading.enumerate() if one.name.startswith("claims")]


def test_a_batch_that_is_not_full_needs_no_thread(claimants: list[str]) -> None:
    make_due(2)
    batches: list[DueBatch] = []
    fire_backlog(batches, seconds=30)
    assert [batch.fired for batch in batches] == [2]
    assert claimants == [threading.current_thread().name]


def test_the_time_of_a_tick_ends_both_claims(claimants: list[str]) -> None:
    make_due(9)
    batches: list[DueBatch] = []
    fire_backlog(batches, seconds=0)
    assert [batch.fired for batch in batches] == [3]


@pytest.mark.parametrize("is_broken_beside", [True, False])
def test_an_error_of_either_claim_is_raised_and_no_thread_stays(
    monkeypatch: pytest.MonkeyPatch, *, is_broken_beside: bool
) -> None:
    caller = threading.current_thread()
    calls: list[bool] = []

    def claim() -> DueBatch:
        is_beside = threading.current_thread() is not caller
        calls.append(is_beside)
        if len(calls) > 1 and is_beside is is_broken_beside:
            raise OperationalError
        return DueBatch(claimed=3, fired=3, is_full=len(calls) == 1)

    replace_claim(monkeypatch, claim)
    batches: list[DueBatch] = []
    with pytest.raises(OperationalError):
        fire_backlog(batches, seconds=30)
    assert sum(batch.fired for batch in batches) == 6
    assert not [one for one in threading.enumerate() if one.name.startswith("claims")]

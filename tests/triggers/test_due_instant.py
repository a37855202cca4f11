"""Edits, pauses and deletes at the very instant at which a slot is due: old or new, never both, and
nothing after a pause has committed.
"""

import datetime as dt
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from runs.models import Run
from tests.factories import ActionFactory, TriggerFactory
from triggers.models import Fire, ScheduleState, Trigger
from triggers.services import (
    TriggerNotFound,
    delete_trigger,
    due,
    fire_due_triggers,
    pause_trigger,
    planning,
    resume_trigger,
    update_trigger,
)
from workspaces.rules.callers import Caller

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = dt.timedelta(hours=1)
VERBS = ["pause", "edit", "delete", "resume"]


def this_hour() -> dt.datetime:
    return timezone.now().replace(minute=0, second=0, microsecond=0)


def change(verb: str, trigger: Trigger, caller: Caller) -> None:
    target: dict[str, Any] = {
        "workspace_id": trigger.workspace_id,
        "trigger_id": trigger.pk,
        "caller": caller,
        "now": timezone.now(),
    }
    if verb == "pause":
        pause_trigger(**target, reason=None, until=None)
    elif verb == "edit":
        update_trigger(**target, fields={"schedule": "0 0 1 1 *"})
    elif verb == "delete":
        delete_trigger(**target)
    else:
        resume_trigger(**target)


def beside(perform: Callable[[], object]) -> threading.Thread:
    """Somebody else, with a connection of its own."""

    def run() -> None:
        try:
            perform()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@contextmanager
def held_claim(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Beat that has decided what to fire, and does not commit before the block is left."""
    has_claimed, may_go_on = threading.Event(), threading.Event()
    write = planning.write_fires

    def write_slowly(*arguments: Any, **options: Any) -> set[Any]:
        written = write(*arguments, **options)
        has_claimed.set()
        assert may_go_on.wait(10)
        return written

    with monkeypatch.context() as slowed:
        slowed.setattr(due, "write_fires", write_slowly)
        beat = beside(fire_due_triggers)
        assert has_claimed.wait(10)
        yield
        may_go_on.set()
        beat.join()


def list_outcomes(trigger: Trigger) -> list[str]:
    fires = Fire.objects.filter(trigger_id=trigger.pk).order_by("scheduled_for")
    return list(fires.values_list("outcome", flat=True))


@pytest.mark.parametrize("verb", VERBS)
def test_who_comes_after_beat_waits_and_changes_what_is_to_come(
    monkeypatch: pytest.MonkeyPatch, caller: Caller, verb: str
) -> None:
    trigger = TriggerFactory.create(schedule="@hourly", next_fire_at=this_hour())
    with held_claim(monkeypatch):
        changing = beside(lambda: change(verb, trigger, caller))
        changing.join(0.3)
        assert changing.is_alive(), "the row is Beat's until its commit"
    changing.join()
    assert list_outcomes(trigger) == ["fired"]
    assert fire_due_triggers().claimed == 0
    assert Run.objects.count() == 1
    state = ScheduleState.objects.filter(trigger_id=trigger.pk).first()
    if verb == "delete":
        assert state is None
    else:
        assert state is not None
        assert (state.next_fire_at is None) == (verb == "pause")
        assert state.next_fire_at is None or state.next_fire_at > this_hour() - HOUR


@pytest.mark.parametrize("verb", ["pause", "edit", "delete"])
def test_beat_passes_over_what_is_being_changed_and_finds_nothing_after(
    caller: Caller, verb: str
) -> None:
    trigger = TriggerFactory.create(schedule="@hourly", next_fire_at=this_hour())
    other = TriggerFactory.create(schedule="@hourly", next_fire_at=this_hour())
    claimed: list[int] = []
    with transaction.atomic():
        change(verb, trigger, caller)
        beside(lambda: claimed.append(fire_due_triggers().claimed)).join()
    assert claimed == [1]
    assert fire_due_triggers().claimed == 0
    assert (list_outcomes(trigger), list_outcomes(other)) == ([], ["fired"])


def test_a_change_that_is_undone_leaves_the_slot_to_beat(caller: Caller) -> None:
    trigger = TriggerFactory.create(schedule="@hourly", next_fire_at=this_hour())

    def change_in_vain() -> None:
        with transaction.atomic():
            change("pause", trigger, caller)
            beside(fire_due_triggers).join()
            transaction.set_rollback(True)

    change_in_vain()
    assert list_outcomes(trigger) == []
    fire_due_triggers()
    assert list_outcomes(trigger) == ["fired"]


def test_a_storm_of_changes_at_the_due_instant(caller: Caller) -> None:
    """Three Beats claim a few at a time, while everything due is paused, edited or deleted."""
    dice = random.Random(20)  # noqa: S311 - the same order each time
    action = ActionFactory.create()
    triggers = [
        TriggerFactory.create(action=action, schedule="@hourly", next_fire_at=this_hour())
        for _ in range(60)
    ]
    after_commit: dict[Any, list[str]] = {}
    is_over = threading.Event()

    def beat() -> None:
        while not is_over.is_set():
            fire_due_triggers(limit=3)

    def meddle(mine: list[Trigger]) -> None:
        for trigger in mine:
            verb = dice.choice(["pause", "edit", "delete"])
            change(verb, trigger, caller)
            after_commit[trigger.pk] = list_outcomes(trigger)

    dice.shuffle(triggers)
    others = [beside(beat) for _ in range(3)]
    for thread in [beside(partial(meddle, triggers[part::3])) for part in range(3)]:
        thread.join()
    is_over.set()
    for thread in others:
        thread.join()
    while fire_due_triggers().claimed:
        pass
    assert {one.pk: list_outcomes(one) for one in triggers} == after_commit
    assert all(outcomes in ([], ["fired"]) for outcomes in after_commit.values())
    assert Run.objects.count() == sum(map(len, after_commit.values()))


def test_what_is_deleted_is_gone_for_everybody(caller: Caller) -> None:
    trigger = TriggerFactory.create(schedule="@hourly", next_fire_at=this_hour())
    change("delete", trigger, caller)
    for verb in VERBS:
        with pytest.raises(TriggerNotFound):
            change(verb, trigger, caller)

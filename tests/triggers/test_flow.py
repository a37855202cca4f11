"""Overlap and limits on real rows: what is fired, held, displaced, cancelled and turned away."""

import datetime as dt
import uuid
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events.models import Event
from runs.execution.claim import claim_runs
from runs.models import Run
from runs.services import cancel_run
from tests.factories import TriggerFactory
from tests.triggers.test_firing import deliver, fire
from triggers.models import Fire, Trigger
from triggers.services import FireLimited, FireResult, fire_due_triggers, update_trigger
from workspaces.rules.callers import Caller

pytestmark = pytest.mark.django_db

HOURLY = {"max": 2, "window": "1h"}


def make(policy: str = "allow", **fields: Any) -> Trigger:
    return TriggerFactory.create(overlap_policy=policy, **fields)


def statuses(*results: FireResult) -> list[str]:
    rows = dict(Run.objects.values_list("id", "status"))
    return [rows[result.run_id] for result in results if result.run_id is not None]


def read_run(result: FireResult) -> Run:
    assert result.run_id is not None
    return Run.objects.get(id=result.run_id)


def cancel(result: FireResult, caller: Caller) -> None:
    run = read_run(result)
    cancel_run(workspace_id=run.workspace_id, run_id=run.id, caller=caller, now=timezone.now())


def test_skip_turns_a_second_delivery_away_and_says_so() -> None:
    trigger = make("skip")
    first, second = deliver(trigger, {}), deliver(trigger, {})
    assert (first.outcome, second.outcome, second.run_id) == ("fired", "overlap_skipped", None)
    assert Run.objects.count() == 1
    row = Fire.objects.get(outcome="overlap_skipped")
    assert str(first.run_id) in (row.reason or "")
    assert (row.run_id, row.fired_event_id) == (None, None)
    skipped = Event.objects.get(event_type="trigger.skipped")
    assert skipped.data["reason"] == "overlap_skipped"


def test_skip_fires_again_once_the_run_has_ended(caller: Caller) -> None:
    trigger = make("skip")
    cancel(deliver(trigger, {}), caller)
    assert deliver(trigger, {}).outcome == "fired"


def test_a_call_by_hand_overlaps_as_it_likes_and_counts_as_a_live_run(caller: Caller) -> None:
    trigger = make("skip")
    assert [fire(trigger, caller).outcome for _ in range(2)] == ["fired", "fired"]
    assert deliver(trigger, {}).outcome == "overlap_skipped"


def test_buffer_one_holds_one_and_displaces_it_by_the_next() -> None:
    trigger = make("buffer_one")
    running, displaced, held = (deliver(trigger, {}) for _ in range(3))
    assert statuses(running, displaced, held) == ["queued", "cancelled", "queued"]
    assert read_run(held).waits_for == running.run_id
    row = Fire.objects.get(run_id=displaced.run_id)
    assert (row.outcome, row.run_id) == ("overlap_skipped", displaced.run_id)
    assert str(held.fire_id) in (row.reason or "")
    cancelled = Event.objects.get(event_type="trigger.cancelled", run_id=displaced.run_id)
    assert cancelled.data["cancelled_by"] == "system:overlap"
    assert str(held.fire_id) in cancelled.data["reason"]


def test_buffer_all_holds_a_row_that_goes_one_by_one(caller: Caller) -> None:
    trigger = make("buffer_all")
    row = [deliver(trigger, {}) for _ in range(4)]
    assert [run.id for run in claim_runs("instant", limit=50)] == [row[0].run_id]
    for ended, following in pairwise(row):
        cancel(ended, caller)
        assert [run.id for run in claim_runs("instant", limit=50)] == [following.run_id]


def test_a_held_run_that_is_cancelled_hands_its_place_down(caller: Caller) -> None:
    trigger = make("buffer_all")
    first, second, third = (deliver(trigger, {}) for _ in range(3))
    cancel(second, caller)
    assert read_run(third).waits_for == first.run_id
    cancel(first, caller)
    assert read_run(third).waits_for is None


def test_cancel_other_ends_what_is_live_and_fires() -> None:
    trigger = make("cancel_other")
    first = deliver(trigger, {})
    claim_runs("instant", limit=1)
    second = deliver(trigger, {})
    assert statuses(first, second) == ["cancelled", "queued"]
    # It did fire, and was ended later.
    assert Fire.objects.get(run_id=first.run_id).outcome == "fired"


def test_the_same_delivery_again_moves_nobody() -> None:
    trigger = make("cancel_other")
    delivery_id = uuid.uuid4()
    first = deliver(trigger, {}, delivery_id=delivery_id)
    deliver(trigger, {}, delivery_id=delivery_id)
    assert statuses(first) == ["queued"]
    assert Run.objects.count() == 1


def test_a_run_of_another_trigger_is_no_overlap() -> None:
    deliver(make("skip"), {})
    assert deliver(make("skip"), {}).outcome == "fired"


def test_a_policy_that_is_set_later_sees_the_runs_that_are_there(caller: Caller) -> None:
    trigger = make()
    deliver(trigger, {})
    update_trigger(
        workspace_id=trigger.workspace_id,
        trigger_id=trigger.id,
        fields={"overlap_policy": "skip"},
        caller=caller,
        now=timezone.now(),
    )
    assert deliver(trigger, {}).outcome == "overlap_skipped"


def replay(policy: str, **fields: Any) -> list[str]:
    """Three owed slots, fired by one claim; their outcomes."""
    minute = timezone.now().replace(second=0, microsecond=0)
    trigger = make(
        policy,
        schedule="* * * * *",
        catch_up_policy="replay",
        next_fire_at=minute - dt.timedelta(minutes=2),
        **fields,
    )
    fire_due_triggers()
    rows = Fire.objects.filter(trigger_id=trigger.id).order_by("scheduled_for")[:3]
    return [row.outcome for row in rows]


@pytest.mark.parametrize(
    ("policy", "outcomes"),
    [
        ("allow", ["fired", "fired", "fired"]),
        ("skip", ["fired", "overlap_skipped", "overlap_skipped"]),
        ("buffer_one", ["fired", "overlap_skipped", "fired"]),
        ("buffer_all", ["fired", "fired", "fired"]),
        ("cancel_other", ["overlap_skipped", "overlap_skipped", "fired"]),
    ],
)
def test_slots_of_one_claim_see_each_other(policy: str, outcomes: list[str]) -> None:
    assert replay(policy) == outcomes


def test_slots_of_one_claim_wait_in_a_row() -> None:
    replay("buffer_all")
    runs = list(Run.objects.order_by("scheduled_for")[:3])
    assert [run.waits_for for run in runs] == [None, runs[0].id, runs[1].id]
    assert [run.is_awaited for run in runs[:2]] == [True, True]


def test_the_clock_counts_no_turned_away_slot_as_fired() -> None:
    trigger = make("skip", schedule="* * * * *")
    state = trigger.schedule_state
    # A schedule without a next slot is exhausted, and takes no delivery either.
    state.next_fire_at = state.due_at = timezone.now().replace(second=0, microsecond=0)
    state.save()
    deliver(trigger, {})
    assert fire_due_triggers().fired == 0
    state.refresh_from_db()
    assert state.last_fire_id is None
    assert state.next_fire_at is not None
    assert state.next_fire_at > timezone.now()


def test_slots_beyond_the_limit_are_limited_in_the_ledger() -> None:
    assert replay("allow", fire_limit=HOURLY) == ["fired", "fired", "limited"]
    assert Run.objects.count() == 2
    assert Event.objects.get(event_type="trigger.skipped").data["reason"] == "limited"


def test_a_call_by_hand_beyond_the_limit_is_told_when_to_come_again(caller: Caller) -> None:
    trigger, now = make(fire_limit=HOURLY), timezone.now()
    for minutes in (50, 20):
        fire(trigger, caller, now=now - dt.timedelta(minutes=minutes))
    result = fire(trigger, caller, now=now)
    assert (result.outcome, result.run_id) == ("limited", None)
    assert result.retry_after_seconds == pytest.approx(600)
    assert fire(trigger, caller, now=now + dt.timedelta(minutes=11)).outcome == "fired"


def test_a_dry_run_is_not_limited(caller: Caller) -> None:
    trigger = make(fire_limit={"max": 1, "window": "1h"})
    fire(trigger, caller)
    assert fire(trigger, caller, dry_run=True).outcome == "dry_run"


def test_a_delivery_beyond_the_limit_is_refused() -> None:
    trigger = make(fire_limit={"max": 1, "window": "1h"})
    deliver(trigger, {})
    with pytest.raises(FireLimited) as caught:
        deliver(trigger, {})
    assert caught.value.headers["Retry-After"] == "3600"


def test_a_displaced_fire_gives_its_place_in_the_limit_back() -> None:
    trigger = make("buffer_one", fire_limit={"max": 3, "window": "1h"})
    assert [deliver(trigger, {}).outcome for _ in range(3)] == ["fired"] * 3
    # Two count: the first, and the one that is held. The second was displaced.
    assert deliver(trigger, {}).outcome == "fired"


def test_a_trigger_without_flow_control_costs_no_statement_more() -> None:
    plain, trigger = make(), make("skip", fire_limit=HOURLY)
    with CaptureQueriesContext(connection) as unlimited:
        deliver(plain, {})
    with CaptureQueriesContext(connection) as controlled:
        deliver(trigger, {})
    assert not [q for q in unlimited.captured_queries if "FOR " in q["sql"]]
    # Lock, keys, live runs, recent fires; guard the run, count the fire.
    assert len(controlled) - len(unlimited) == 6

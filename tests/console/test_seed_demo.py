"""The demonstration's workspace: made once, with a history that the engine could have had."""

import datetime as dt
import json
from collections import Counter, defaultdict
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from actions.models import OutboundCall
from console.services.demo import Demo, NotTheDemo, open_demo, seed_demo
from events.models import Event
from events.rules.ids import read_id_time
from runs.models import Run
from runs.rules import states
from triggers.models import Fire, ScheduleState, Trigger
from triggers.rules.schedule import iterate_slots, parse_schedule
from webhooks.models import Delivery
from workspaces.services import authenticate_key, create_workspace, new_id

pytestmark = pytest.mark.django_db
DAYS = 1
ENDS = {"trigger.completed", "trigger.failed", "trigger.cancelled"}
CALL_ENDS = {"outbound.completed", "outbound.failed", "outbound.cancelled"}


@pytest.fixture(autouse=True)
def rings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    rung: list[str] = []
    monkeypatch.setattr("runs.services.ring", lambda queue, count=1: rung.append(queue))
    return rung


@pytest.fixture
def now() -> dt.datetime:
    return timezone.now()


@pytest.fixture
def demo(now: dt.datetime) -> Demo:
    return seed_demo(workspace_name="demo", days=DAYS, now=now)


def read_chains() -> dict[Any, list[Event]]:
    chains: dict[Any, list[Event]] = defaultdict(list)
    for event in Event.objects.order_by("id"):
        chains[event.chain_id].append(event)
    return chains


def test_every_fire_has_one_end_and_every_chain_one_root(demo: Demo) -> None:
    for chain_id, events in read_chains().items():
        types = Counter(event.event_type for event in events)
        ids = {event.pk for event in events}
        roots = [event for event in events if event.parent_id is None]
        assert [root.pk for root in roots] == [chain_id]
        assert all(event.parent_id in ids for event in events if event not in roots)
        if types["trigger.fired"]:
            assert sum(types[end] for end in ENDS) == 1
        if types["outbound.scheduled"]:
            assert sum(types[end] for end in CALL_ENDS) == 1


def test_nothing_is_left_alive_and_no_bell_rings(demo: Demo, rings: list[str]) -> None:
    assert set(Run.objects.values_list("status", flat=True)) <= states.TERMINAL
    assert {call.status for call in OutboundCall.objects.all()} == {"completed", "failed"}
    assert rings == []


def test_ids_and_times_are_those_of_their_day(demo: Demo, now: dt.datetime) -> None:
    since = now - dt.timedelta(days=DAYS)
    millisecond = dt.timedelta(milliseconds=2)
    for event in Event.objects.all():
        assert since - millisecond <= event.created_at <= now
        assert abs(event.created_at - event.effective_at) < dt.timedelta(seconds=1)
    for run in Run.objects.all():
        assert run.started_at is not None
        assert run.ended_at is not None
        assert run.created_at <= run.started_at <= run.ended_at <= now
        assert abs(read_id_time(run.pk) - run.created_at) < dt.timedelta(seconds=1)
    for call in OutboundCall.objects.all():
        assert call.ended_at is not None
        assert abs(read_id_time(call.pk) - call.created_at) < dt.timedelta(seconds=1)
    for delivery in Delivery.objects.all():
        assert read_id_time(delivery.pk) == delivery.created_at <= now


def test_every_slot_has_its_row_in_the_ledger_and_the_schedule_goes_on(
    demo: Demo, now: dt.datetime
) -> None:
    for trigger in Trigger.objects.filter(schedule__isnull=False):
        until = now - dt.timedelta(minutes=1)
        slots = list(
            iterate_slots(
                parse_schedule(trigger.schedule or ""),
                timezone=trigger.timezone,
                dst_gap=trigger.dst_gap,
                dst_overlap=trigger.dst_overlap,
                after=now - dt.timedelta(days=DAYS),
                until=until,
                limit=10_000,
            )
        )
        kept = Fire.objects.filter(
            trigger_id=trigger.pk, cause="schedule", scheduled_for__lte=until
        )
        assert list(kept.order_by("scheduled_for").values_list("scheduled_for", flat=True)) == slots
        state = ScheduleState.objects.get(trigger=trigger)
        assert state.next_fire_at is not None
        assert state.next_fire_at > until


def test_the_story_holds_every_sort_of_end(demo: Demo) -> None:
    outcomes = set(Fire.objects.values_list("cause", "outcome"))
    assert outcomes == {
        ("schedule", "fired"),
        ("schedule", "missed"),
        ("schedule", "superseded"),
        ("webhook", "fired"),
        ("manual", "fired"),
    }
    assert set(Run.objects.filter(family="trigger").values_list("status", flat=True)) == {
        "completed",
        "failed",
        "cancelled",
    }
    assert Run.objects.filter(family="trigger", status="completed", attempt=2).exists()
    assert set(Delivery.objects.values_list("status", "cause")) == {
        ("accepted", None),
        ("duplicate", None),
        ("rejected", "signature_mismatch"),
    }
    assert {(call.status, call.attempt) for call in OutboundCall.objects.all()} >= {
        ("completed", 1),
        ("completed", 2),
        ("completed", 3),
        ("failed", 1),
        ("failed", 3),
    }
    assert Event.objects.filter(event_type="trigger.missed").exists()


def test_a_runs_row_is_what_its_chain_tells(demo: Demo) -> None:
    for run in Run.objects.filter(family="trigger"):
        events = Event.objects.filter(chain_id=run.chain_id)
        own = [event for event in events if event.entity_id == run.pk]
        last = max(own, key=lambda event: event.pk)
        assert (last.pk, last.event_type) == (run.last_event_id, f"trigger.{run.status}")
        retries = sum(event.event_type == "trigger.retrying" for event in own)
        assert run.attempt in {retries, retries + 1}
        assert Fire.objects.filter(run_id=run.pk, fired_event_id=run.fired_event_id).count() == 1


def test_the_triggers_history_shows_all_of_it(demo: Demo) -> None:
    assert demo.api_key is not None
    assert authenticate_key(demo.api_key, now=timezone.now()) is not None
    lead = Trigger.objects.get(external_key="demo-new-lead")
    chains = Event.objects.filter(trigger_id=lead.pk, event_type="trigger.fired")
    assert demo.made["deliveries"]["accepted"] == chains.count() > 5
    assert sum(demo.made["calls"].values()) == chains.count()
    # Ids of the trigger's own day: reads that start there see everything.
    assert all(lead.pk < event.pk for event in chains)


def test_a_second_seed_changes_nothing_and_shows_no_secret(demo: Demo, now: dt.datetime) -> None:
    before = Event.objects.count()
    again = seed_demo(workspace_name="demo", days=30, now=now)
    assert (again.is_new, again.workspace_id) == (False, demo.workspace_id)
    assert (again.api_key, again.destination_secret, again.made) == (None, None, {})
    assert Event.objects.count() == before
    key = open_demo(again, name="more", expires_at=now + dt.timedelta(hours=1))
    assert authenticate_key(key, now=now) is not None


def test_somebody_elses_workspace_is_left_alone(now: dt.datetime) -> None:
    create_workspace(name="Demo", slug="demo")
    with pytest.raises(NotTheDemo):
        seed_demo(workspace_name="demo", days=1, now=now)
    with pytest.raises(CommandError, match="no demonstration"):
        call_command("seed_demo")
    assert not Trigger.objects.exists()


@pytest.mark.parametrize("days", [0, 31])
def test_days_out_of_bounds_are_refused(days: int) -> None:
    with pytest.raises(CommandError, match="1 to 30"):
        call_command("seed_demo", days=days)


def test_the_command_prints_key_and_secret_once() -> None:
    first, second = StringIO(), StringIO()
    for output in (first, second):
        call_command("seed_demo", workspace_name="Show room", days=1, json=True, stdout=output)
    made, again = json.loads(first.getvalue()), json.loads(second.getvalue())
    assert made["slug"] == again["slug"] == "show-room"
    assert made["api_key"].startswith("chk_")
    assert made["destination_secret"].startswith("whsec_")
    assert made["destination_url"].endswith(made["destination_path"])
    assert (again["api_key"], again["destination_secret"], again["destination_url"]) == (None,) * 3
    text = StringIO()
    call_command("seed_demo", workspace_name="Show room", days=1, stdout=text)
    assert "nothing was changed" in text.getvalue()
    text = StringIO()
    call_command("seed_demo", workspace_name="Another", days=1, stdout=text)
    assert "(shown once)" in text.getvalue()


def test_ids_are_of_now_again_after_the_history(demo: Demo, now: dt.datetime) -> None:
    assert read_id_time(new_id()) > now - dt.timedelta(seconds=1)

"""The dispatch loop: once per attempt, in order, inside the window; its doors."""

import datetime as dt
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from actions.models import OutboundCall
from events.models import Event
from runs.execution import reap_expired_leases
from runs.execution.claim import claim_runs
from runs.models import Run
from runs.services import find_run, list_runs, start_due_calls
from tests.calls import (
    ALWAYS,
    BUSY,
    BUSY_TWICE,
    DEADLY,
    REFUSED,
    drain,
    place_due,
    report_ended,
    schedule_call,
    work_off,
)
from tests.clients import open_door
from tests.factories import ActionFactory
from workspaces.rules.problems import NotFound

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rings")]


class WorkerDied(BaseException):
    """What no code of a worker survives."""


@pytest.fixture
def placed(tmp_path: Path, settings: Settings) -> Any:
    """How often the console provider noted each attempt."""
    path = tmp_path / "calls.jsonl"
    path.touch()
    settings.CLOCKHOOK_CONSOLE_CALLS_FILE = str(path)

    def count() -> Counter[tuple[str, int]]:
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        return Counter((line["call_id"], line["attempt"]) for line in lines)

    return count


@pytest.fixture
def mortal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill -9 that the test survives."""

    def die(*_: Any) -> None:
        raise WorkerDied

    monkeypatch.setattr("actions.providers.console.os.kill", die)


def list_events(call: OutboundCall) -> list[Event]:
    return list(
        Event.objects.filter(chain_id=call.chain_id, event_type__startswith="outbound.").order_by(
            "id"
        )
    )


def list_types(call: OutboundCall) -> list[str]:
    return [event.event_type.removeprefix("outbound.") for event in list_events(call)]


def lose_leases() -> None:
    Run.objects.filter(status="running").update(lease_until=timezone.now() - dt.timedelta(1))
    assert reap_expired_leases() == 1


def test_a_call_is_dispatched_and_completed_with_parents(placed: Any) -> None:
    call = schedule_call()
    place_due()
    call.refresh_from_db()
    assert (call.status, call.attempt, call.next_attempt_at) == ("dispatched", 1, None)
    assert call.call_sid == f"console-{call.pk}:1"
    report_ended()
    call.refresh_from_db()
    assert (call.status, call.attempt) == ("completed", 1)
    assert call.ended_at is not None
    scheduled, dispatched, completed = list_events(call)
    assert (dispatched.parent_id, completed.parent_id) == (scheduled.id, dispatched.id)
    for event in (dispatched, completed):
        assert (event.run_id, event.entity_id) == (call.run_id, call.pk)
        assert event.data["call_sid"] == call.call_sid
        assert event.data["triggered_by"] == call.triggered_by
    assert completed.data["outcome"] == "answered"
    assert placed() == {(str(call.pk), 1): 1}


def test_a_number_that_is_busy_twice_is_called_three_times(placed: Any) -> None:
    call = schedule_call(BUSY_TWICE)
    work_off()
    assert list_types(call) == [
        "scheduled",
        "dispatched",
        "retrying",
        "dispatched",
        "retrying",
        "dispatched",
        "completed",
    ]
    retrying = [event.data for event in list_events(call) if event.event_type.endswith("retrying")]
    assert [(data["attempt"], data["reason"]) for data in retrying] == [(1, "busy"), (2, "busy")]
    assert all(data["next_attempt_at"].endswith("Z") for data in retrying)
    assert placed() == {(str(call.pk), attempt): 1 for attempt in (1, 2, 3)}


def test_a_number_that_is_always_busy_ends_failed_once(placed: Any) -> None:
    call = schedule_call(BUSY, max_attempts=2)
    work_off()
    call.refresh_from_db()
    assert (call.status, call.attempt) == ("failed", 2)
    assert call.error is not None
    assert call.error["code"] == "busy"
    assert list_types(call) == ["scheduled", "dispatched", "retrying", "dispatched", "failed"]
    assert list_events(call)[-1].data["reason"] == "busy"
    assert len(placed()) == 2


def test_a_number_that_is_refused_ends_failed_at_once(placed: Any) -> None:
    call = schedule_call(REFUSED)
    work_off(3)
    assert list_types(call) == ["scheduled", "failed"]
    assert placed() == {}


def test_a_retry_waits_for_its_backoff() -> None:
    call = schedule_call(BUSY, retry_backoff_minutes=30)
    work_off(3)
    call.refresh_from_db()
    assert (call.status, call.attempt) == ("retrying", 1)
    assert call.next_attempt_at is not None
    wait = call.next_attempt_at - timezone.now()
    assert dt.timedelta(minutes=29) < wait < dt.timedelta(minutes=31)


@pytest.mark.usefixtures("mortal")
def test_a_worker_that_dies_after_placing_places_no_second_time(placed: Any) -> None:
    call = schedule_call(DEADLY)
    with pytest.raises(WorkerDied):
        place_due()
    lose_leases()
    work_off(2)
    call.refresh_from_db()
    assert (call.status, call.attempt) == ("completed", 1)
    assert list_types(call) == ["scheduled", "retrying", "dispatched", "completed"]
    assert list_events(call)[1].data["reason"] == "worker_lost"
    assert placed() == {(str(call.pk), 1): 1}


def test_a_worker_that_dies_before_placing_costs_no_attempt(placed: Any) -> None:
    call = schedule_call(BUSY, max_attempts=1)
    start_due_calls(now=timezone.now())
    assert len(claim_runs("network", limit=1)) == 1
    lose_leases()
    work_off(2)
    assert list_types(call) == ["scheduled", "retrying", "dispatched", "failed"]
    assert placed() == {(str(call.pk), 1): 1}


@pytest.mark.usefixtures("mortal")
def test_an_attempt_that_nobody_remembers_is_spent_and_not_repeated(settings: Settings) -> None:
    settings.CLOCKHOOK_CONSOLE_CALLS_FILE = ""
    call = schedule_call(DEADLY)
    with pytest.raises(WorkerDied):
        place_due()
    lose_leases()
    work_off(3)
    reasons = [event.data.get("reason") for event in list_events(call)[1:3]]
    assert reasons == ["worker_lost", "placement_unknown"]
    assert list_types(call)[3:] == ["dispatched", "completed"]
    assert list_events(call)[-1].data["attempt"] == 2


@pytest.mark.django_db(transaction=True)
def test_many_dispatchers_at_once_start_each_call_once(placed: Any) -> None:
    action = ActionFactory(action_type="schedule_outbound_call")
    calls = [schedule_call(action=action) for _ in range(12)]

    def dispatch(_: int) -> int:
        try:
            return start_due_calls(now=timezone.now() + dt.timedelta(seconds=1))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as beats:
        started = sum(beats.map(dispatch, range(8)))
    assert started == 12
    drain("network")
    assert placed() == {(str(call.pk), 1): 1 for call in calls}


def test_a_call_waits_for_its_window_to_open() -> None:
    call = schedule_call()
    tomorrow = timezone.now() + dt.timedelta(days=1)
    opens = (tomorrow + dt.timedelta(hours=2)).strftime("%H:00")
    closes = (tomorrow + dt.timedelta(hours=4)).strftime("%H:00")
    OutboundCall.objects.update(window={"start": opens, "end": closes, "timezone": "UTC"})
    assert start_due_calls(now=tomorrow) == 0
    call.refresh_from_db()
    assert call.status == "pending"
    assert call.next_attempt_at is not None
    assert call.next_attempt_at.strftime("%H:%M") == opens
    assert start_due_calls(now=call.next_attempt_at) == 1


def test_a_window_that_closes_before_the_worker_comes_costs_no_attempt(placed: Any) -> None:
    call = schedule_call(max_attempts=1)
    start_due_calls(now=timezone.now())
    run = Run.objects.get(family="outbound")
    now = timezone.now().astimezone(dt.UTC)
    closed = {
        "start": (now + dt.timedelta(hours=2)).strftime("%H:00"),
        "end": (now + dt.timedelta(hours=3)).strftime("%H:00"),
        "timezone": "UTC",
    }
    Run.objects.filter(id=run.id).update(input={**run.input, "window": closed})
    drain("network")
    call.refresh_from_db()
    run.refresh_from_db()
    assert (call.status, run.status, run.attempt, placed()) == ("retrying", "queued", 0, {})
    assert call.error is not None
    assert call.error["code"] == "window_closed"
    assert run.available_at.strftime("%H:%M") == closed["start"]
    Run.objects.update(input={**run.input, "window": ALWAYS}, available_at=now)
    work_off(1)
    assert list_types(call) == ["scheduled", "retrying", "dispatched", "completed"]
    assert placed() == {(str(call.pk), 1): 1}


def test_higher_priorities_are_placed_first(tmp_path: Path, settings: Settings) -> None:
    settings.CLOCKHOOK_CONSOLE_CALLS_FILE = str(tmp_path / "calls")
    action = ActionFactory(action_type="schedule_outbound_call")
    calls = {priority: schedule_call(action=action, priority=priority) for priority in (3, 9, 5)}
    place_due()
    lines = (tmp_path / "calls").read_text().splitlines()
    assert [json.loads(line)["call_id"] for line in lines] == [
        str(calls[priority].pk) for priority in (9, 5, 3)
    ]


def test_the_run_that_places_a_call_is_no_run_of_the_workspace() -> None:
    call = schedule_call()
    place_due()
    internal = Run.objects.get(family="outbound")
    assert [run.id for run in list_runs(call.workspace_id)] == [call.run_id]
    with pytest.raises(NotFound):
        find_run(workspace_id=call.workspace_id, run_id=internal.id)
    door = open_door(call.workspace_id, "*")
    for verb in ("cancel", "rerun"):
        url = f"/v1/{call.workspace_id}/runs/{internal.id}/{verb}"
        assert door.post(url).status_code == 404


def test_a_call_goes_on_when_its_action_was_deleted(placed: Any) -> None:
    action = ActionFactory(action_type="schedule_outbound_call")
    call = schedule_call(action=action)
    action.delete()
    work_off(1)
    assert list_types(call)[-1] == "completed"
    assert len(placed()) == 1


# ── by HTTP ──────────────────────────────────────────────────────────────────────────────────────


def test_calls_are_listed_and_filtered() -> None:
    action = ActionFactory(action_type="schedule_outbound_call")
    first, second = schedule_call(action=action), schedule_call(BUSY, action=action)
    schedule_call()
    door = open_door(action.workspace_id, "runs:read")
    url = f"/v1/{action.workspace_id}/outbound-calls"

    def ids(**parameters: Any) -> list[str]:
        answer = door.get(url, parameters)
        assert answer.status_code == 200, answer.json()
        return [item["id"] for item in answer.json()["items"]]

    assert ids() == [str(second.pk), str(first.pk)]
    assert ids(phone_to=BUSY) == [str(second.pk)]
    assert ids(status="pending,failed") == ids()
    assert ids(status="completed") == []
    assert ids(trigger_id=str(uuid4())) == []
    for bad in ({"status": "x"}, {"trigger_id": "x"}, {"limit": 0}, {"phone_to": "1" * 21}):
        assert door.get(url, bad).status_code == 422
    shown = door.get(f"{url}/{first.pk}").json()
    assert shown == next(
        item for item in door.get(url).json()["items"] if item["id"] == shown["id"]
    )
    assert (shown["status"], shown["phone_to"], shown["attempt"]) == ("pending", first.phone_to, 0)


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_a_live_call_is_cancelled_once(steps: int, placed: Any) -> None:
    call = schedule_call()
    if steps == 1:
        start_due_calls(now=timezone.now())
    elif steps == 2:
        place_due()
    door = open_door(call.workspace_id, "runs:write")
    url = f"/v1/{call.workspace_id}/outbound-calls/{call.pk}/cancel"
    answer = door.post(url)
    assert answer.status_code == 200, answer.json()
    previous = ("pending", "placing", "dispatched")[steps]
    assert (answer.json()["status"], answer.json()["previous_status"]) == ("cancelled", previous)
    assert answer.json()["ended_at"] is not None
    again = door.post(url)
    assert (again.status_code, again.json()["errors"][0]["code"]) == (409, "call_ended")
    work_off(2)
    types = list_types(call)
    assert types[-1] == "cancelled"
    assert types.count("cancelled") == 1
    event = list_events(call)[-1]
    assert event.data["cancelled_by"].startswith("key:")
    assert set(event.data) == {"triggered_by", "cancelled_by"}
    assert event.parent_id == list_events(call)[-2].id
    assert len(placed()) == (1 if steps == 2 else 0)


def test_calls_need_scopes_and_their_own_workspace() -> None:
    call = schedule_call()
    url = f"/v1/{call.workspace_id}/outbound-calls"
    reader = open_door(call.workspace_id, "runs:read")
    writer = open_door(call.workspace_id, "runs:write")
    assert reader.post(f"{url}/{call.pk}/cancel").status_code == 403
    assert writer.get(url).status_code == 403
    elsewhere = ActionFactory().workspace_id
    stranger = open_door(elsewhere, "*")
    for path in (f"/{call.pk}", f"/{uuid4()}", "/garbage"):
        theirs = f"/v1/{elsewhere}/outbound-calls{path}"
        assert stranger.get(theirs).status_code == 404
        assert stranger.post(f"{theirs}/cancel").status_code == 404
    call.refresh_from_db()
    assert call.status == "pending"


def test_the_admin_shows_calls_and_changes_none() -> None:
    call = schedule_call()
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    listing = "/admin/actions/outboundcall/"
    assert call.phone_to.encode() in client.get(listing, {"status": "pending"}).content
    assert client.get(listing, {"q": str(call.pk)}).status_code == 200
    assert client.get(f"{listing}{call.pk}/change/").status_code == 200
    assert client.get(f"{listing}add/").status_code == 403
    assert client.post(f"{listing}{call.pk}/delete/", {"post": "yes"}).status_code == 403

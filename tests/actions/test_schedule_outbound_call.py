"""The kind that schedules calls: what it takes, what it refuses, what it writes."""

import datetime as dt
from typing import Any

import pytest

from actions.kinds import KINDS, find_kind
from actions.kinds.base import Completed, Failed
from actions.models import OutboundCall
from actions.services import InputRefused, check_input
from events.models import Event
from tests.actions.conftest import Person
from tests.actions.doors import list_pointers, send
from tests.actions.factories import build_call, load_spec
from tests.factories import ActionFactory, WorkspaceFactory

pytestmark = pytest.mark.django_db
KIND = KINDS["schedule_outbound_call"]
# A Tuesday, 05:00 in New York.
EARLY = dt.datetime(2026, 11, 24, 10, tzinfo=dt.UTC)
GOOD = "+14155550100"


def perform(given: dict[str, Any], **changes: Any) -> Any:
    workspace_id = WorkspaceFactory.create().pk
    call = build_call(
        "schedule_outbound_call", input=given, workspace_id=workspace_id, now=EARLY, **changes
    )
    return KIND.perform(call)


def test_what_is_not_given_has_its_default() -> None:
    outcome = perform({"phone_to": GOOD, "goal": None, "something": "else"})
    assert isinstance(outcome, Completed)
    call = OutboundCall.objects.get()
    assert outcome.output == {"call_id": str(call.pk)}
    assert (call.status, call.attempt, call.provider) == ("pending", 0, "console")
    # 09:00 in New York.
    assert call.next_attempt_at == EARLY.replace(hour=14)
    event = Event.objects.get()
    assert outcome.event_ids == (event.id,) == (call.last_event_id,)
    assert (event.event_type, event.entity_type, event.entity_id) == (
        "outbound.scheduled",
        "outbound_call",
        call.pk,
    )
    assert (event.chain_id, event.run_id) == (call.chain_id, call.run_id)
    assert event.data == {
        "call_id": str(call.pk),
        "next_attempt_at": "2026-11-24T14:00:00Z",
        "phone_to": GOOD,
        "phone_from": None,
        "reason": "outbound_intake",
        "goal": None,
        "priority": 8,
        "max_attempts": 3,
        "retry_backoff_minutes": 30,
        "window": {"start": "09:00", "end": "18:00", "timezone": "America/New_York"},
        "service_id": None,
        "patient_entity_id": None,
        "provider": "console",
        "triggered_by": "schedule",
    }


def test_every_parameter_is_kept() -> None:
    given = {
        "phone_to": GOOD,
        "phone_from": "+4915123456789",
        "reason": "follow_up",
        "goal": "Find a date",
        "priority": 10,
        "max_attempts": 1,
        "retry_backoff_minutes": 0.5,
        "window": {"start": "22:00", "end": "06:00", "timezone": "Europe/Berlin", "days": ["fri"]},
        "service_id": "s-1",
        "patient_entity_id": "p-1",
    }
    perform(given)
    call = OutboundCall.objects.get()
    assert {name: getattr(call, name) for name in given} == given
    assert given.items() <= Event.objects.get().data.items()


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({}, "/phone_to"),
        ({"phone_to": None}, "/phone_to"),
        ({"phone_to": 14155550100}, "/phone_to"),
        ({"phone_to": "4155550100"}, "/phone_to"),
        ({"phone_to": "+1 415 555 0100"}, "/phone_to"),
        ({"phone_to": "+1415555"}, "/phone_to"),
        ({"phone_to": "+999123456789"}, "/phone_to"),
        ({"phone_to": GOOD + "x"}, "/phone_to"),
        ({"phone_to": GOOD, "phone_from": "me"}, "/phone_from"),
        ({"phone_to": GOOD, "priority": 0}, "/priority"),
        ({"phone_to": GOOD, "priority": 11}, "/priority"),
        ({"phone_to": GOOD, "max_attempts": 0}, "/max_attempts"),
        ({"phone_to": GOOD, "max_attempts": 11}, "/max_attempts"),
        ({"phone_to": GOOD, "retry_backoff_minutes": -1}, "/retry_backoff_minutes"),
        ({"phone_to": GOOD, "window": {"start": "9:00"}}, "/window/start"),
        ({"phone_to": GOOD, "window": {"end": "24:00"}}, "/window/end"),
        ({"phone_to": GOOD, "window": {"timezone": "Mars/Base"}}, "/window/timezone"),
        ({"phone_to": GOOD, "window": {"timezone": "../etc/passwd"}}, "/window/timezone"),
        ({"phone_to": GOOD, "window": {"timezone": "America"}}, "/window/timezone"),
        ({"phone_to": GOOD, "window": {"days": []}}, "/window/days"),
        ({"phone_to": GOOD, "window": {"days": ["someday"]}}, "/window/days/0"),
        ({"phone_to": GOOD, "window": {"until": "10:00"}}, "/window/until"),
    ],
)
def test_what_cannot_be_called_is_refused_by_field(given: dict[str, Any], pointer: str) -> None:
    spec = load_spec(ActionFactory(action_type="schedule_outbound_call"))
    with pytest.raises(InputRefused) as caught:
        check_input(spec, given)
    assert [error.pointer for error in caught.value.errors] == [pointer]
    outcome = perform(given)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert not OutboundCall.objects.exists()


def test_an_attempt_made_twice_schedules_one_call() -> None:
    workspace_id = WorkspaceFactory.create().pk
    call = build_call("schedule_outbound_call", input={"phone_to": GOOD}, workspace_id=workspace_id)
    first, second = KIND.perform(call), KIND.perform(call)
    assert isinstance(first, Completed)
    assert isinstance(second, Completed)
    assert first.output == second.output
    assert Event.objects.count() == 1


def test_a_dry_run_tells_when_it_would_call_and_schedules_nothing(alice: Person) -> None:
    action = ActionFactory(workspace=alice.workspace, action_type="schedule_outbound_call")
    url = f"{alice.url}/{action.pk}/test"
    answer = send(alice.client, "POST", url, {"input": {"phone_to": GOOD}})
    assert answer.status_code == 200, answer.content
    assert answer.json()["plan"]["phone_to"] == GOOD
    assert answer.json()["plan"]["next_attempt_at"].endswith("Z")
    assert not OutboundCall.objects.exists()
    refused = send(alice.client, "POST", url, {"input": {"phone_to": "1"}})
    assert list_pointers(refused) == [("/input/phone_to", "invalid_phone_number")]


def test_the_kind_that_places_calls_is_not_for_workspaces(alice: Person) -> None:
    assert find_kind("place_outbound_call") is None
    body = {"name": "x", "action_type": "place_outbound_call"}
    assert send(alice.client, "POST", alice.url, body).status_code == 422

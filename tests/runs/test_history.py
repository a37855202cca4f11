"""Runs that are written down after the fact: as the engine would have left them, or not at all."""

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from actions.kinds.base import Completed, Delegated, Failed
from actions.models import OutboundCall
from actions.rules.retry import RetryPolicy
from actions.services import claim_due_calls, load_actions
from events.models import Event
from events.rules.ids import read_id_time
from runs.models import Run
from runs.services import NewRun, PastStep, record_run
from runs.services.history import LifeUnfinished
from tests.calls import schedule_call
from tests.factories import ActionFactory
from workspaces.rules.callers import Caller
from workspaces.services import mint_ids_of

pytestmark = pytest.mark.django_db
BUSY = Failed("http_503", "busy", retryable=True)


@pytest.fixture(autouse=True)
def _no_bells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runs.services.ring", lambda queue, count=1: None)


@pytest.fixture
def then() -> dt.datetime:
    return timezone.now() - dt.timedelta(hours=3)


def record(then: dt.datetime, *steps: PastStep, **options: Any) -> Run:
    action = ActionFactory.create(**options.pop("action", {}))
    spec = load_actions([action.pk])[action.pk]
    with mint_ids_of(then):
        new = NewRun(
            workspace_id=action.workspace_id,
            action=spec,
            input=options.pop("input", {"a": 1}),
            cause="manual",
            triggered_by="manual:key:k1",
            retry=RetryPolicy("backoff", 1, 4.0, 60.0),
        )
    record_run(new, steps=steps, now=then, **options)
    return Run.objects.get(id=new.run_id)


def chain(run: Run) -> list[str]:
    return [
        event.event_type for event in Event.objects.filter(chain_id=run.chain_id).order_by("id")
    ]


def test_a_past_run_is_retried_by_the_policy_and_performed_as_of_then(then: dt.datetime) -> None:
    run = record(
        then, PastStep(takes_seconds=1, outcome=BUSY), PastStep(waits_seconds=1, takes_seconds=0.5)
    )
    assert chain(run) == ["trigger.fired", "trigger.retrying", "trigger.completed"]
    assert (run.status, run.attempt, run.output, run.error) == ("completed", 2, {"a": 1}, None)
    assert (run.created_at, run.lease_token) == (then, None)
    # 0.02 s to the claim, 1 s of work, half of the 4 s of backoff, 1 s to the claim, 0.5 s of work.
    assert run.ended_at == then + dt.timedelta(seconds=4.52)
    assert run.last_event_id == Event.objects.order_by("id").last().pk  # type: ignore[union-attr]


def test_attempts_end_where_the_policy_ends(then: dt.datetime) -> None:
    run = record(then, *[PastStep(takes_seconds=1, outcome=BUSY)] * 2)
    assert (run.status, run.error) == (
        "failed",
        {"code": "http_503", "message": "busy", "retryable": True},
    )


def test_a_past_run_may_have_been_cancelled(then: dt.datetime) -> None:
    caller = Caller("key", "k1", None, frozenset(), is_operator=False)
    run = record(then, PastStep(takes_seconds=1, cancelled_by=caller))
    assert (run.status, chain(run)) == ("cancelled", ["trigger.fired", "trigger.cancelled"])
    assert Event.objects.get(event_type="trigger.cancelled").data["cancelled_by"] == "key:k1"


@pytest.mark.parametrize("steps", [(), (PastStep(takes_seconds=1, outcome=BUSY),)])
def test_a_life_without_an_end_is_refused(then: dt.datetime, steps: tuple[PastStep, ...]) -> None:
    with pytest.raises(LifeUnfinished):
        record(then, *steps)
    assert not Run.objects.exists()


def test_a_life_does_not_go_on_after_its_end(then: dt.datetime) -> None:
    with pytest.raises(ValueError, match="does not go from completed"):
        record(then, *[PastStep(takes_seconds=1)] * 2)


def test_the_call_that_a_past_run_scheduled_ends_too(then: dt.datetime) -> None:
    window = {"start": "00:00", "end": "00:00", "timezone": "UTC"}
    placed = Delegated(60.0, {"call_sid": "s", "provider": "console"})
    busy = Failed("busy", "", retryable=True, retry_after_seconds=60)
    run = record(
        then,
        PastStep(takes_seconds=0.1),
        action={"action_type": "schedule_outbound_call"},
        input={"phone_to": "+14155550100", "window": window},
        calls=[
            PastStep(takes_seconds=1, outcome=placed),
            PastStep(takes_seconds=9, outcome=busy),
            PastStep(takes_seconds=1, outcome=placed),
            PastStep(takes_seconds=9, outcome=Completed({"outcome": "answered"})),
        ],
    )
    assert chain(run) == [
        "trigger.fired",
        "outbound.scheduled",
        "trigger.completed",
        "outbound.dispatched",
        "outbound.retrying",
        "outbound.dispatched",
        "outbound.completed",
    ]
    call = OutboundCall.objects.get(run_id=run.pk)
    assert (call.status, call.attempt, call.call_sid, call.look_up_at) == (
        "completed",
        2,
        "s",
        None,
    )
    assert abs(call.created_at - then) < dt.timedelta(seconds=1)
    assert abs(read_id_time(call.pk) - then) < dt.timedelta(seconds=1)
    events = Event.objects.filter(entity_type="outbound_call")
    assert {event.run_id for event in events} == {run.pk}


def test_one_call_can_be_claimed_and_no_other() -> None:
    first, second = schedule_call(), schedule_call()
    (due,) = claim_due_calls(limit=5, now=timezone.now(), call_id=second.pk)
    assert due.input["call_id"] == str(second.pk)
    first.refresh_from_db()
    assert first.status == "pending"

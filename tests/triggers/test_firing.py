"""Firing by hand and for a webhook: merging, refusals, pauses, filters."""

import uuid
from typing import Any

import pytest
from django.utils import timezone

from actions.services import InputRefused
from events.models import Event
from runs.models import Run
from tests.factories import ActionFactory, TriggerFactory, WorkspaceFactory
from triggers.models import Fire, Trigger
from triggers.services import (
    FireResult,
    TriggerNotFound,
    fire_trigger_by_hand,
    load_trigger,
    plan_from_webhook,
    write_fire,
)
from workspaces.rules.callers import Caller
from workspaces.services import new_id

pytestmark = pytest.mark.django_db


def fire(trigger: Trigger, caller: Caller, **options: Any) -> FireResult:
    return fire_trigger_by_hand(
        **{
            "workspace_id": trigger.workspace_id,
            "trigger_id": trigger.id,
            "overrides": {},
            "caller": caller,
            "now": timezone.now(),
            **options,
        }
    )


def deliver(trigger: Trigger, payload: Any, **options: Any) -> FireResult:
    loaded = load_trigger(trigger.id)
    assert loaded is not None
    now = timezone.now()
    plan = plan_from_webhook(
        *loaded,
        **{
            "destination_id": uuid.uuid4(),
            "delivery_id": new_id(),
            "payload": payload,
            "event": {"type": "lead.created"},
            "mapped": {},
            "now": now,
            "fire_id": new_id(),
            "run_id": new_id(),
            "fired_event_id": new_id(),
            **options,
        },
    )
    return plan if isinstance(plan, FireResult) else write_fire(plan, now=now)


def read_fired_event(result: FireResult) -> Event:
    assert result.fired_event_id is not None
    return Event.objects.get(id=result.fired_event_id)


def read_run(result: FireResult) -> Run:
    assert result.run_id is not None
    return Run.objects.get(id=result.run_id)


def test_a_call_by_hand_merges_its_input_over_the_templates_top_level(caller: Caller) -> None:
    trigger = TriggerFactory(input_template={"a": {"x": 1, "y": 2}, "name": "{{ trigger.name }}"})
    result = fire(trigger, caller, overrides={"a": {"z": "{{ trigger.id }}"}})
    run = Run.objects.get()
    assert run.input == {"a": {"z": "{{ trigger.id }}"}, "name": trigger.name}
    assert (result.outcome, result.run_id) == ("fired", run.id)
    assert run.triggered_by == "manual:key:k1"
    event = read_fired_event(result)
    assert event.data["manual"] is True
    assert "forced" not in event.data


def test_a_paused_trigger_fires_by_hand_and_the_event_says_forced(caller: Caller) -> None:
    result = fire(TriggerFactory(is_active=False), caller)
    assert read_fired_event(result).data["forced"] is True


def test_two_calls_by_hand_are_two_fires(caller: Caller) -> None:
    trigger = TriggerFactory()
    assert fire(trigger, caller).run_id != fire(trigger, caller).run_id
    assert Fire.objects.filter(trigger_id=trigger.id, cause="manual").count() == 2


def test_a_dry_run_shows_the_input_and_writes_nothing(caller: Caller) -> None:
    trigger = TriggerFactory(input_template={"a": 1})
    result = fire(trigger, caller, overrides={"b": 2}, dry_run=True)
    assert result.input == {"a": 1, "b": 2}
    assert not Run.objects.exists()
    assert not Fire.objects.exists()


def test_an_input_that_the_action_refuses_fires_nothing(caller: Caller) -> None:
    action = ActionFactory(input_schema={"type": "object", "required": ["lead"]})
    trigger = TriggerFactory(action=action)
    with pytest.raises(InputRefused):
        fire(trigger, caller)
    assert not Fire.objects.exists()
    assert not Event.objects.exists()


def test_an_input_that_grows_past_its_bound_is_refused(caller: Caller) -> None:
    trigger = TriggerFactory(input_template={"a": "{{ payload.big }}" * 4})
    with pytest.raises(InputRefused):
        deliver(trigger, {"big": "x" * 100_000})


def test_a_disabled_action_is_in_the_ledger_and_starts_nothing(caller: Caller) -> None:
    result = fire(TriggerFactory(action=ActionFactory(enabled=False)), caller)
    assert (result.outcome, result.run_id) == ("action_disabled", None)
    assert Fire.objects.get().outcome == "action_disabled"
    assert Event.objects.get().event_type == "trigger.skipped"


def test_a_trigger_of_another_workspace_cannot_be_fired(caller: Caller) -> None:
    trigger = TriggerFactory()
    with pytest.raises(TriggerNotFound):
        fire(trigger, caller, workspace_id=WorkspaceFactory().id)


def test_a_delivery_renders_payload_and_event_and_merges_what_is_mapped() -> None:
    trigger = TriggerFactory(
        input_template={
            "lead": "{{ payload.lead.id }}",
            "kind": "{{ event.type }}",
            "contact": {"country": "US"},
        }
    )
    destination_id = uuid.uuid4()
    result = deliver(
        trigger,
        {"lead": {"id": 7}, "evil": "{{ trigger.id }}"},
        mapped={"contact": {"phone": "{{ trigger.id }}"}},
        destination_id=destination_id,
    )
    run = read_run(result)
    assert run.input == {
        "lead": 7,
        "kind": "lead.created",
        "contact": {"country": "US", "phone": "{{ trigger.id }}"},
    }
    assert run.triggered_by == f"webhook:{destination_id}"
    event = read_fired_event(result)
    assert event.destination_id == destination_id
    assert event.data["manual"] is False


def test_a_paused_trigger_takes_no_deliveries() -> None:
    result = deliver(TriggerFactory(is_active=False), {})
    assert (result.outcome, result.fire_id) == ("trigger_paused", None)
    assert not Fire.objects.exists()


@pytest.mark.parametrize(("status", "outcome"), [("open", "fired"), ("shut", "filter_miss")])
def test_the_filter_decides_on_the_payload(status: str, outcome: str) -> None:
    trigger = TriggerFactory(event_filter={"data.status": "open"})
    assert deliver(trigger, {"data": {"status": status}}).outcome == outcome


def test_the_same_delivery_twice_fires_once() -> None:
    trigger = TriggerFactory()
    delivery_id = new_id()
    deliver(trigger, {}, delivery_id=delivery_id)
    deliver(trigger, {}, delivery_id=delivery_id)
    assert Run.objects.count() == 1


def test_the_triggers_retry_wins_over_the_actions_and_the_kinds(caller: Caller) -> None:
    action = ActionFactory(retry={"strategy": "backoff", "max_retries": 9})
    fire(TriggerFactory(action=action), caller)
    fire(TriggerFactory(action=action, retry={"strategy": "none"}), caller)
    policies = [run.retry for run in Run.objects.order_by("id")]
    assert [policy["strategy"] for policy in policies] == ["backoff", "none"]
    assert policies[0]["max_retries"] == 9

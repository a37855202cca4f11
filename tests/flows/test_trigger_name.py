"""An action's config reads the name of the trigger that it works for."""

from typing import Any

import pytest
from django.utils import timezone

from events.models import Event
from runs.execution import drain_queue
from runs.models import Run
from runs.services import rerun_run
from tests.factories import ActionFactory, TriggerFactory, queue_run
from triggers.models import Trigger
from triggers.services import fire_due_triggers, fire_trigger_by_hand, update_trigger
from workspaces.rules.callers import Caller

pytestmark = pytest.mark.django_db
CONFIG = {"event_type": "told", "data": {"by": "{{ trigger.name }}", "id": "{{ trigger.id }}"}}


@pytest.fixture(autouse=True)
def _no_bells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runs.services.ring", lambda queue, count=1: None)


@pytest.fixture
def caller() -> Caller:
    return Caller(
        kind="key", id="k1", workspace_id=None, scopes=frozenset({"*"}), is_operator=False
    )


@pytest.fixture
def trigger() -> Trigger:
    action = ActionFactory.create(action_type="emit_event", config=CONFIG)
    return TriggerFactory.create(
        action=action, name="Nightly", schedule="* * * * *", next_fire_at=timezone.now()
    )


def read_told() -> list[dict[str, Any]]:
    drain_queue("instant", should_stop=lambda: False, ring=lambda queue: None)
    return [event.data for event in Event.objects.filter(event_type="told").order_by("id")]


def test_a_slot_and_a_call_by_hand_tell_the_triggers_name(trigger: Trigger, caller: Caller) -> None:
    fire_due_triggers()
    fire_trigger_by_hand(
        workspace_id=trigger.workspace_id,
        trigger_id=trigger.id,
        overrides={},
        caller=caller,
        now=timezone.now(),
    )
    told = read_told()
    assert [(data["by"], data["id"]) for data in told] == [("Nightly", str(trigger.id))] * 2


def test_a_run_and_its_rerun_keep_the_name_that_the_trigger_had(
    trigger: Trigger, caller: Caller
) -> None:
    fire_due_triggers()
    now = timezone.now()
    update_trigger(
        workspace_id=trigger.workspace_id,
        trigger_id=trigger.id,
        fields={"name": "Daily"},
        caller=caller,
        now=now,
    )
    run = Run.objects.get()
    rerun_run(workspace_id=trigger.workspace_id, run_id=run.id, caller=caller, now=now)
    assert [data["by"] for data in read_told()] == ["Nightly", "Nightly"]


def test_a_run_without_a_trigger_has_no_name_to_tell() -> None:
    queue_run(ActionFactory.create(action_type="emit_event", config=CONFIG))
    assert [(data["by"], data["id"]) for data in read_told()] == [(None, None)]

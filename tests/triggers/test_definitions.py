"""Create, update, pause, resume, delete: what next_fire_at promises and what history keeps."""

import datetime as dt
import uuid
from typing import Any

import pytest
from django.utils import timezone

from events.models import Event
from runs.models import Run
from tests.factories import ActionFactory, TriggerFactory, WorkspaceFactory
from triggers.models import Fire, ScheduleState, Trigger
from triggers.services import (
    ExternalKeyTaken,
    TriggerNotFound,
    create_trigger,
    delete_trigger,
    fire_due_triggers,
    list_triggers,
    pause_trigger,
    read_limits,
    resume_elapsed_pauses,
    resume_trigger,
    update_trigger,
)
from workspaces.models import Revision
from workspaces.rules.callers import Caller
from workspaces.rules.problems import Conflict, Unprocessable
from workspaces.services import TriggerLimitExceeded

pytestmark = pytest.mark.django_db

NOON = dt.datetime(2026, 3, 10, 12, 0, 30, tzinfo=dt.UTC)


def create(caller: Caller, *, now: dt.datetime = NOON, **fields: Any) -> Trigger:
    action = fields.pop("action", None) or ActionFactory()
    return create_trigger(
        workspace_id=action.workspace_id,
        fields={"name": "t", "event_type": "a.b", "action_id": action.id, **fields},
        caller=caller,
        now=now,
    )


def update(trigger: Trigger, caller: Caller, *, now: dt.datetime = NOON, **fields: Any) -> Trigger:
    return update_trigger(
        workspace_id=trigger.workspace_id,
        trigger_id=trigger.id,
        fields=fields,
        caller=caller,
        now=now,
    )


def next_fire_at(trigger: Trigger) -> dt.datetime | None:
    return ScheduleState.objects.get(trigger=trigger).next_fire_at


def pause(trigger: Trigger, caller: Caller, **options: Any) -> Trigger:
    return pause_trigger(
        **{
            "workspace_id": trigger.workspace_id,
            "trigger_id": trigger.id,
            "reason": None,
            "until": None,
            "caller": caller,
            "now": NOON,
            **options,
        }
    )


def resume(trigger: Trigger, caller: Caller, *, now: dt.datetime) -> Trigger:
    return resume_trigger(
        workspace_id=trigger.workspace_id, trigger_id=trigger.id, caller=caller, now=now
    )


def test_a_new_trigger_promises_its_next_slot_in_its_own_zone(caller: Caller) -> None:
    trigger = create(caller, schedule="30 2 * * *", timezone="Europe/Berlin")
    assert next_fire_at(trigger) == dt.datetime(2026, 3, 11, 1, 30, tzinfo=dt.UTC)
    assert create(caller).schedule_state.next_fire_at is None


def test_a_trigger_that_is_created_paused_promises_nothing(caller: Caller) -> None:
    assert next_fire_at(create(caller, schedule="@hourly", is_active=False)) is None


def test_every_bad_field_is_named_at_once(caller: Caller) -> None:
    with pytest.raises(Unprocessable) as caught:
        create(
            caller,
            schedule="61 * * * *",
            timezone="Mars/Olympus",
            event_filter={"a": {"$nope": 1}},
            input_template={"a": "{{ broken"},
            retry={"max_retries": 99},
            action_id=uuid.uuid4(),
        )
    pointers = {error.pointer for error in caught.value.errors}
    assert {"/schedule", "/timezone", "/retry/max_retries", "/action_id"} <= pointers
    assert any(pointer.startswith("/event_filter") for pointer in pointers)
    assert any(pointer.startswith("/input_template") for pointer in pointers)
    assert not Trigger.objects.exists()


def test_a_schedule_whose_time_is_past_is_refused(caller: Caller) -> None:
    with pytest.raises(Unprocessable) as caught:
        create(caller, schedule="@at 2026-03-10T11:00:00Z")
    assert [error.pointer for error in caught.value.errors] == ["/schedule"]
    once = create(caller, schedule="@at 2026-03-10T13:00:00Z")
    exhausted = update(
        once, caller, schedule=once.schedule, name="b", now=NOON + dt.timedelta(hours=5)
    )
    assert exhausted.name == "b"


def test_a_pause_that_has_ended_already_is_refused(caller: Caller) -> None:
    with pytest.raises(Unprocessable):
        pause(create(caller), caller, until=NOON)


def test_an_action_of_another_workspace_is_refused(caller: Caller) -> None:
    with pytest.raises(Unprocessable):
        create(caller, action_id=ActionFactory().id)


def test_an_external_key_is_unique_in_its_workspace_only(caller: Caller) -> None:
    action = ActionFactory()
    create(caller, action=action, external_key="nightly")
    create(caller, external_key="nightly")
    with pytest.raises(ExternalKeyTaken):
        create(caller, action=action, external_key="nightly")


def test_an_edit_of_the_schedule_counts_from_now(caller: Caller) -> None:
    """R4: an edit never fires a slot in the past."""
    trigger = create(caller, schedule="0 * * * *")
    later = NOON + dt.timedelta(hours=5)
    update(trigger, caller, schedule="15 * * * *", now=later)
    assert next_fire_at(trigger) == dt.datetime(2026, 3, 10, 17, 15, tzinfo=dt.UTC)
    update(trigger, caller, schedule=None, now=later)
    assert next_fire_at(trigger) is None


def test_an_edit_of_something_else_leaves_the_promise_alone(caller: Caller) -> None:
    trigger = create(caller, schedule="0 * * * *")
    update(trigger, caller, name="other", now=NOON + dt.timedelta(hours=5))
    assert next_fire_at(trigger) == dt.datetime(2026, 3, 10, 13, 0, tzinfo=dt.UTC)


def test_a_resume_never_fires_what_went_by(caller: Caller) -> None:
    """R4: paused at 02:29, resumed at 02:31: nothing at 02:30."""
    trigger = create(caller, schedule="30 2 * * *")
    night = dt.datetime(2026, 3, 11, 2, 29, tzinfo=dt.UTC)
    paused = pause(trigger, caller, reason="holiday", now=night)
    assert (paused.is_active, paused.pause_reason, next_fire_at(trigger)) == (
        False,
        "holiday",
        None,
    )
    resumed = resume(trigger, caller, now=night + dt.timedelta(minutes=2))
    assert (resumed.is_active, resumed.pause_reason) == (True, None)
    assert next_fire_at(trigger) == dt.datetime(2026, 3, 12, 2, 30, tzinfo=dt.UTC)
    assert not Fire.objects.exists()


def test_a_paused_trigger_does_not_fire_even_when_it_was_due(caller: Caller) -> None:
    trigger = TriggerFactory(
        schedule="* * * * *", next_fire_at=timezone.now() - dt.timedelta(seconds=5)
    )
    pause(trigger, caller, now=timezone.now())
    assert fire_due_triggers().claimed == 0
    assert not Run.objects.exists()


def test_is_active_in_an_update_pauses_and_resumes(caller: Caller) -> None:
    trigger = create(caller, schedule="0 * * * *")
    update(trigger, caller, is_active=False)
    assert next_fire_at(trigger) is None
    update(trigger, caller, is_active=True, now=NOON + dt.timedelta(hours=3))
    assert next_fire_at(trigger) == dt.datetime(2026, 3, 10, 16, 0, tzinfo=dt.UTC)
    types = list(Event.objects.order_by("id").values_list("event_type", flat=True))
    assert types == ["trigger.created", "trigger.paused", "trigger.resumed"]


def test_resuming_an_active_trigger_changes_nothing(caller: Caller) -> None:
    trigger = create(caller, schedule="0 * * * *")
    resume(trigger, caller, now=NOON + dt.timedelta(hours=3))
    assert next_fire_at(trigger) == dt.datetime(2026, 3, 10, 13, 0, tzinfo=dt.UTC)
    assert Event.objects.count() == 1


def test_a_pause_with_an_end_ends_by_itself(caller: Caller) -> None:
    trigger = create(caller, schedule="0 * * * *")
    until = NOON + dt.timedelta(hours=2)
    pause(trigger, caller, until=until)
    assert resume_elapsed_pauses(caller=caller, now=until - dt.timedelta(seconds=1)) == 0
    assert resume_elapsed_pauses(caller=caller, now=until) == 1
    trigger.refresh_from_db()
    assert (trigger.is_active, trigger.paused_until) == (True, None)
    assert next_fire_at(trigger) == dt.datetime(2026, 3, 10, 15, 0, tzinfo=dt.UTC)


def test_a_deleted_trigger_is_gone_and_its_history_stays(caller: Caller) -> None:
    trigger = TriggerFactory(schedule="* * * * *", next_fire_at=timezone.now())
    fire_due_triggers()
    options: dict[str, Any] = {
        "workspace_id": trigger.workspace_id,
        "trigger_id": trigger.id,
        "caller": caller,
        "now": timezone.now(),
    }
    delete_trigger(**options)
    assert Fire.objects.count() == Run.objects.count() == 1
    assert Event.objects.filter(event_type="trigger.deleted").count() == 1
    assert Revision.objects.latest("number").document is None
    with pytest.raises(TriggerNotFound):
        delete_trigger(**options)


def test_a_trigger_from_configuration_only_pauses_and_resumes(caller: Caller) -> None:
    trigger = TriggerFactory(source="config")
    with pytest.raises(Conflict):
        update(trigger, caller, name="other")
    assert not pause(trigger, caller).is_active


def test_every_change_is_a_numbered_revision(caller: Caller) -> None:
    trigger = create(caller, external_key="nightly")
    update(trigger, caller, name="b")
    numbers = Revision.objects.filter(kind="trigger", external_key="nightly").order_by("number")
    assert [revision.number for revision in numbers] == [1, 2]
    document = numbers[1].document
    assert document is not None
    assert document["name"] == "b"


def test_the_plan_bounds_scheduled_triggers(caller: Caller) -> None:
    action = ActionFactory(workspace=WorkspaceFactory(plan_id="basic"))
    for _ in range(2):
        create(caller, action=action, schedule="@daily")
    free = create(caller, action=action)
    with pytest.raises(TriggerLimitExceeded) as caught:
        create(caller, action=action, schedule="@daily")
    assert caught.value.members["current_count"] == caught.value.members["limit"] == 2
    with pytest.raises(TriggerLimitExceeded):
        update(free, caller, schedule="@daily")
    assert read_limits(action.workspace_id)["scheduled_triggers"] == {
        "current_count": 2,
        "limit": 2,
    }


def test_triggers_are_listed_by_any_of_their_filters() -> None:
    one = TriggerFactory(name="Nightly report", event_type="a.b")
    TriggerFactory(workspace=one.workspace, action=one.action, is_active=False, name="Other")
    TriggerFactory(name="Nightly of a stranger")
    found = list_triggers(one.workspace_id, is_active=True, event_type="a.b", text="nightly")
    assert [trigger.id for trigger in found] == [one.id]
    assert list_triggers(None).count() == 3

"""``auto_pause_after_failures``: so many failed runs in a row, read from below."""

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events.models import Event
from runs.models import Run
from tests.factories import TriggerFactory, queue_run
from triggers.models import Trigger
from triggers.scheduler import BEAT
from triggers.services import auto_pause, pause_failing_triggers, resume_trigger, update_trigger
from triggers.services.definitions import pause_for_failures
from workspaces.models import Revision

pytestmark = pytest.mark.django_db


def make(after: int | None = 3, **fields: object) -> Trigger:
    return TriggerFactory.create(
        auto_pause_after_failures=after,
        **{"schedule": "@hourly", "next_fire_at": timezone.now() + dt.timedelta(hours=1), **fields},
    )


def end(trigger: Trigger, *statuses: str) -> None:
    """Runs of the trigger that ended like this, in this order."""
    for status in statuses:
        run = queue_run(trigger.action, trigger_id=trigger.id)
        if status != "queued":
            Run.objects.filter(id=run.id).update(status=status, ended_at=timezone.now())


def look() -> None:
    pause_failing_triggers(after=None, caller=BEAT, now=timezone.now())


def is_active(trigger: Trigger) -> bool:
    return Trigger.objects.get(id=trigger.id).is_active


def test_so_many_failures_in_a_row_pause_with_an_event_and_a_revision() -> None:
    trigger = make(3)
    end(trigger, "completed", "failed", "failed", "failed")
    look()
    trigger = Trigger.objects.select_related("schedule_state").get(id=trigger.id)
    assert (trigger.is_active, trigger.pause_reason) == (False, "its last 3 runs failed")
    assert trigger.schedule_state.next_fire_at is None
    event = Event.objects.get(event_type="trigger.auto_paused")
    assert (event.source, event.trigger_id) == ("AUTOMATION", trigger.id)
    assert event.data == {"triggered_by": "system:beat", "reason": "its last 3 runs failed"}
    assert Revision.objects.filter(workspace_id=trigger.workspace_id).count() == 1
    look()
    assert Event.objects.filter(event_type="trigger.auto_paused").count() == 1


@pytest.mark.parametrize(
    "statuses",
    [
        (),
        ("failed", "failed"),
        ("failed", "failed", "completed"),
        ("failed", "completed", "failed", "failed"),
        ("failed", "failed", "queued"),
        ("failed", "failed", "cancelled"),
    ],
)
def test_fewer_or_interrupted_failures_do_not(statuses: tuple[str, ...]) -> None:
    trigger = make(3)
    end(trigger, *statuses)
    look()
    assert is_active(trigger)


@pytest.mark.parametrize("between", ["queued", "cancelled"])
def test_what_has_no_result_neither_counts_nor_interrupts(between: str) -> None:
    trigger = make(2)
    end(trigger, "failed", between, "failed")
    look()
    assert not is_active(trigger)


def test_a_trigger_without_the_field_is_never_looked_at() -> None:
    trigger = make(None)
    end(trigger, *["failed"] * 5)
    with CaptureQueriesContext(connection) as queries:
        look()
    assert len(queries) == 1
    assert is_active(trigger)


def test_another_triggers_failures_do_not_count() -> None:
    trigger, other = make(2), make(None)
    end(trigger, "failed")
    end(other, "failed", "failed")
    look()
    assert is_active(trigger)


def test_a_resumed_trigger_begins_anew() -> None:
    trigger = make(2)
    end(trigger, "failed", "failed")
    look()
    resume_trigger(
        workspace_id=trigger.workspace_id,
        trigger_id=trigger.id,
        caller=BEAT,
        now=timezone.now() + dt.timedelta(milliseconds=1),
    )
    Run.objects.update(created_at=timezone.now() - dt.timedelta(seconds=5))
    end(trigger, "failed")
    look()
    assert is_active(trigger)
    end(trigger, "failed")
    Run.objects.filter(created_at__gt=timezone.now() - dt.timedelta(seconds=5)).update(
        created_at=timezone.now() + dt.timedelta(seconds=5)
    )
    look()
    assert not is_active(trigger)


def test_failures_from_before_the_field_was_set_do_not_count() -> None:
    trigger = make(None)
    end(trigger, "failed", "failed")
    update_trigger(
        workspace_id=trigger.workspace_id,
        trigger_id=trigger.id,
        fields={"auto_pause_after_failures": 2},
        caller=BEAT,
        now=timezone.now() + dt.timedelta(seconds=1),
    )
    look()
    assert is_active(trigger)


def test_an_edit_between_the_look_and_the_lock_wins() -> None:
    trigger = make(2)
    seen = Trigger.objects.get(id=trigger.id)
    trigger.save()
    assert pause_for_failures(seen, caller=BEAT, now=timezone.now()) is False


def test_a_full_batch_says_where_the_next_one_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto_pause, "BATCH_SIZE", 2)
    triggers = [make(1) for _ in range(3)]
    for trigger in triggers:
        end(trigger, "failed")
    now = timezone.now()
    after = pause_failing_triggers(after=None, caller=BEAT, now=now)
    assert after == triggers[1].id
    assert pause_failing_triggers(after=after, caller=BEAT, now=now) is None
    assert not Trigger.objects.filter(is_active=True).exists()

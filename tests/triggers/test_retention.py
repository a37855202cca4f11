"""How far the ledger reaches: what explain and backfills say of slots behind that."""

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from tests.factories import TriggerFactory
from tests.triggers.conftest import Person
from triggers.models import Backfill, Fire, Trigger
from workspaces.rules.times import render_time
from workspaces.services import note_pruned

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)
NOON = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0) - DAY


@pytest.fixture
def trigger(alice: Person) -> Trigger:
    """Fires daily at noon, and is a year old."""
    made: Trigger = TriggerFactory.create(
        workspace=alice.workspace,
        schedule="0 12 * * *",
        created_at=NOON - 365 * DAY,
        next_fire_at=NOON + 2 * DAY,
    )
    return made


def explain(person: Person, trigger: Trigger, at: dt.datetime) -> dict[str, Any]:
    answer = person.client.get(f"{person.url}/{trigger.pk}/explain", {"at": render_time(at) or ""})
    assert answer.status_code == 200, answer.json()
    return dict(answer.json())


def backfill(person: Person, trigger: Trigger, start: dt.datetime, **fields: Any) -> Any:
    body = {"from": render_time(start), "to": render_time(start + 2 * DAY), **fields}
    return person.client.post(f"{person.url}/{trigger.pk}/backfills", body, format="json")


def test_a_slot_behind_the_ledger_is_pruned_not_missed(bob: Person, trigger: Trigger) -> None:
    told = explain(bob, trigger, NOON - 120 * DAY)
    assert told["verdict"] == "pruned"
    assert told["answer"].startswith(
        "What became of it is no longer on record: fires are kept since "
    )
    assert explain(bob, trigger, NOON - 80 * DAY)["verdict"] == "not_a_slot"


def test_what_is_still_there_is_told(bob: Person, trigger: Trigger) -> None:
    slot = NOON - 120 * DAY
    Fire.objects.create(
        workspace_id=trigger.workspace_id,
        trigger_id=trigger.pk,
        key="slot:old",
        cause="schedule",
        scheduled_for=slot,
        outcome="fired",
        created_at=slot,
    )
    assert explain(bob, trigger, slot)["verdict"] == "fired"


@pytest.mark.parametrize(
    ("days", "verdict"), [(120.5, "not_a_slot"), (400, "before_creation"), (-30, "future")]
)
def test_what_needs_no_ledger_is_told_as_ever(
    bob: Person, trigger: Trigger, days: float, verdict: str
) -> None:
    assert explain(bob, trigger, NOON - days * DAY)["verdict"] == verdict


def test_days_that_were_raised_do_not_bring_back_what_was_pruned(
    bob: Person, trigger: Trigger, settings: Settings
) -> None:
    note_pruned("fires", before=NOON - 90 * DAY)
    settings.CLOCKHOOK_KEEP_DAYS = settings.CLOCKHOOK_KEEP_DAYS | {"fires": 0}
    assert explain(bob, trigger, NOON - 91 * DAY)["verdict"] == "pruned"
    assert explain(bob, trigger, NOON - 90 * DAY)["verdict"] == "not_a_slot"


def test_with_everything_kept_nothing_is_pruned(
    bob: Person, trigger: Trigger, settings: Settings
) -> None:
    settings.CLOCKHOOK_KEEP_DAYS = settings.CLOCKHOOK_KEEP_DAYS | {"fires": 0}
    assert explain(bob, trigger, NOON - 300 * DAY)["verdict"] == "not_a_slot"


def test_a_pause_whose_event_is_gone_is_not_put_on_the_creator(
    bob: Person, trigger: Trigger
) -> None:
    Trigger.objects.update(is_active=False, pause_reason="holidays")
    told = explain(bob, trigger, NOON)
    assert told["verdict"] == "paused"
    assert told["answer"].startswith("The trigger was paused by whoever did it before ")
    assert told["answer"].endswith("(holidays).")


@pytest.mark.parametrize("mode", ["only_missed", "all"])
@pytest.mark.parametrize("dry_run", [True, False])
def test_a_backfill_that_reaches_behind_the_ledger_is_refused(
    alice: Person, trigger: Trigger, mode: str, dry_run: bool
) -> None:
    refused = backfill(alice, trigger, NOON - 91 * DAY, mode=mode, dry_run=dry_run)
    assert refused.status_code == 422
    (error,) = refused.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/from", "beyond_ledger")
    assert not Backfill.objects.exists()


def test_a_backfill_within_the_ledger_is_taken(alice: Person, trigger: Trigger) -> None:
    assert backfill(alice, trigger, NOON - 80 * DAY).status_code == 202


def test_a_trigger_younger_than_the_kept_fires_has_lost_nothing(
    alice: Person, trigger: Trigger
) -> None:
    young = TriggerFactory.create(workspace=alice.workspace, schedule="@daily")
    assert backfill(alice, young, NOON - 200 * DAY).status_code == 202

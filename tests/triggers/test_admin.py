"""Triggers in the admin: to look at, and to pause, resume and fire."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from runs.models import Run
from tests.factories import ActionFactory, TriggerFactory
from tests.workspaces.factories import StaffFactory
from triggers.models import Fire, SchedulerHeartbeat, Trigger

pytestmark = pytest.mark.django_db
LIST = "admin:triggers_trigger_changelist"


@pytest.fixture
def staff() -> User:
    return StaffFactory.create(is_superuser=True)


@pytest.fixture
def browser(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


def act(browser: Client, verb: str, *triggers: Trigger) -> Any:
    body = {"action": verb, "_selected_action": [trigger.pk for trigger in triggers]}
    return browser.post(reverse(LIST), body, follow=True)


def test_every_page_can_be_looked_at_and_nothing_changed(browser: Client) -> None:
    trigger = TriggerFactory.create(schedule="0 9 * * *")
    SchedulerHeartbeat.objects.create(
        name="beat-1", started_at=timezone.now(), ticked_at=timezone.now()
    )
    browser.post(reverse(LIST), {"action": "fire_triggers", "_selected_action": [trigger.pk]})
    for model, row in (
        ("trigger", trigger),
        ("fire", Fire.objects.get()),
        ("schedulerheartbeat", SchedulerHeartbeat.objects.get()),
    ):
        assert browser.get(reverse(f"admin:triggers_{model}_changelist")).status_code == 200
        url = reverse(f"admin:triggers_{model}_change", args=[row.pk])
        assert browser.get(url).status_code == 200
        assert browser.post(url, {}).status_code == 403
        assert browser.get(reverse(f"admin:triggers_{model}_add")).status_code == 403


def test_triggers_are_paused_and_resumed_through_the_services(browser: Client) -> None:
    trigger = TriggerFactory.create(schedule="* * * * *")
    act(browser, "pause_triggers", trigger)
    paused = Trigger.objects.get()
    assert not paused.is_active
    assert paused.pause_reason
    act(browser, "resume_triggers", trigger)
    resumed = Trigger.objects.get()
    assert resumed.is_active
    assert resumed.schedule_state.next_fire_at is not None


def test_a_fire_in_the_admin_names_who_fired(browser: Client, staff: User) -> None:
    act(browser, "fire_triggers", TriggerFactory.create())
    assert Run.objects.get().triggered_by == f"manual:user:{staff.pk}"


def test_a_refusal_is_shown_and_the_others_go_on(browser: Client) -> None:
    action = ActionFactory.create(enabled=False)
    disabled = TriggerFactory.create(workspace=action.workspace, action=action, name="Broken one")
    answer = act(browser, "fire_triggers", disabled, TriggerFactory.create())
    assert b"Broken one" in answer.content
    assert b"1 fired." in answer.content


def test_staff_without_the_permission_can_only_look() -> None:
    viewer = StaffFactory.create()
    viewer.user_permissions.add(Permission.objects.get(codename="view_trigger"))
    browser = Client()
    browser.force_login(viewer)
    trigger = TriggerFactory.create()
    assert browser.get(reverse(LIST)).status_code == 200
    act(browser, "fire_triggers", trigger)
    act(browser, "pause_triggers", trigger)
    trigger.refresh_from_db()
    assert trigger.is_active
    assert not Run.objects.exists()


@pytest.mark.parametrize("term", ["nonsense", "0190b5b0-0000-7000-8000-000000000000"])
def test_the_search_takes_any_text(browser: Client, term: str) -> None:
    assert browser.get(reverse(LIST), {"q": term}).status_code == 200

"""Triggers in the admin: to look at, and to pause, resume and fire."""

import datetime as dt

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from runs.models import Run
from tests.factories import ActionFactory, TriggerFactory, WorkspaceFactory
from tests.staff import confirm, find_list, find_page, find_verb, select, sign_in
from triggers.models import Fire, SchedulerHeartbeat, ScheduleState, Trigger

pytestmark = pytest.mark.django_db
LIST = "admin:triggers_trigger_changelist"


@pytest.fixture
def browser() -> Client:
    return sign_in(is_superuser=True)


def test_every_page_can_be_looked_at_and_nothing_changed(browser: Client) -> None:
    trigger = TriggerFactory.create(schedule="0 9 * * *")
    SchedulerHeartbeat.objects.create(
        name="beat-1", started_at=timezone.now(), ticked_at=timezone.now()
    )
    confirm(browser, "fire", trigger)
    for model, row in (
        ("trigger", trigger),
        ("fire", Fire.objects.get()),
        ("schedulestate", trigger.schedule_state),
        ("schedulerheartbeat", SchedulerHeartbeat.objects.get()),
    ):
        assert browser.get(reverse(f"admin:triggers_{model}_changelist")).status_code == 200
        url = reverse(f"admin:triggers_{model}_change", args=[row.pk])
        assert browser.get(url).status_code == 200
        assert browser.post(url, {}).status_code == 403
        assert browser.get(reverse(f"admin:triggers_{model}_add")).status_code == 403


def test_triggers_are_paused_and_resumed_through_the_services(browser: Client) -> None:
    trigger = TriggerFactory.create(schedule="* * * * *")
    confirm(browser, "pause", trigger)
    paused = Trigger.objects.get()
    assert not paused.is_active
    assert paused.pause_reason
    confirm(browser, "resume", trigger)
    resumed = Trigger.objects.get()
    assert resumed.is_active
    assert resumed.schedule_state.next_fire_at is not None


def test_a_fire_in_the_admin_names_who_fired(browser: Client) -> None:
    confirm(browser, "fire", TriggerFactory.create())
    assert Run.objects.get().triggered_by == f"manual:user:{User.objects.get().pk}"


def test_nothing_fires_before_it_is_confirmed(browser: Client) -> None:
    trigger = TriggerFactory.create(name="Nightly report")
    asked = select(browser, "fire", trigger).content.decode()
    assert "Nightly report" in asked
    assert "Fire these triggers now" in asked
    assert browser.get(find_verb(trigger, "fire")).status_code == 200
    assert not Run.objects.exists()


def test_a_refusal_is_shown_and_the_others_go_on(browser: Client) -> None:
    action = ActionFactory.create(enabled=False)
    disabled = TriggerFactory.create(workspace=action.workspace, action=action, name="Broken one")
    page = confirm(browser, "fire", disabled, TriggerFactory.create())
    assert "Broken one: " in page
    assert "1 fired." in page


def test_staff_without_the_permission_can_only_look() -> None:
    viewer = sign_in("view_trigger")
    trigger = TriggerFactory.create()
    assert viewer.get(reverse(LIST)).status_code == 200
    for verb in ("fire", "pause"):
        assert find_verb(trigger, verb) not in viewer.get(find_page(trigger)).content.decode()
        select(viewer, verb, trigger, confirmed="yes")
        assert viewer.post(find_verb(trigger, verb)).status_code == 403
    trigger.refresh_from_db()
    assert trigger.is_active
    assert not Run.objects.exists()
    assert sign_in("change_run").get(reverse(LIST)).status_code == 403
    assert Client().get(reverse(LIST)).status_code == 302


def test_the_page_says_when_in_words_and_shows_the_last_fires(browser: Client) -> None:
    trigger = TriggerFactory.create(
        schedule="0 9 * * 1-5",
        timezone="Europe/Berlin",
        next_fire_at=timezone.now() + dt.timedelta(hours=4, minutes=55),
    )
    confirm(browser, "fire", trigger)
    page = browser.get(find_page(trigger)).content.decode()
    assert "Weekdays at 9:00 AM (Europe/Berlin)" in page
    assert "UTC, in 4 h 5" in page
    assert find_page(Run.objects.get()) in page
    assert find_page(Fire.objects.get()) in page


def test_the_page_of_a_paused_trigger_says_why(browser: Client) -> None:
    trigger = TriggerFactory.create()
    confirm(browser, "pause", trigger)
    assert "paused in the admin" in browser.get(find_page(trigger)).content.decode()


def test_triggers_are_found_by_name_key_id_and_workspace(browser: Client) -> None:
    action = ActionFactory.create(workspace=WorkspaceFactory.create(slug="clinic"))
    wanted = TriggerFactory.create(action=action, name="Nightly", external_key="night-1")
    other = TriggerFactory.create()
    searches = ({"q": "nightl"}, {"q": "night-1"}, {"q": str(wanted.pk)}, {"workspace": "clinic"})
    for parameters in searches:
        page = browser.get(reverse(LIST), parameters).content.decode()
        assert find_page(wanted) in page
        assert find_page(other) not in page


@pytest.mark.parametrize("model", [Trigger, Fire, ScheduleState])
def test_lists_take_the_same_number_of_queries_for_any_number_of_rows(
    browser: Client, model: type[Model]
) -> None:
    counts = []
    for _ in range(2):
        confirm(browser, "fire", *[TriggerFactory.create(schedule="@daily") for _ in range(4)])
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(find_list(model)).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_due_rows_are_listed_by_workspace(browser: Client) -> None:
    action = ActionFactory.create(workspace=WorkspaceFactory.create(slug="clinic"))
    wanted = TriggerFactory.create(action=action, name="Wanted one")
    TriggerFactory.create(name="Other one")
    page = browser.get(find_list(ScheduleState), {"workspace": "clinic"}).content.decode()
    assert wanted.name in page
    assert "Other one" not in page


@pytest.mark.parametrize("term", ["nonsense", "0190b5b0-0000-7000-8000-000000000000"])
def test_the_search_takes_any_text(browser: Client, term: str) -> None:
    assert browser.get(reverse(LIST), {"q": term}).status_code == 200

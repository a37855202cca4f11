"""The shortest ``@every`` is a setting: of what is given anew, never of what is there."""

from typing import Any

import pytest
from pytest_django import Settings

from tests.factories import TriggerFactory
from tests.triggers.conftest import Person
from triggers.apps import check_shortest_interval

pytestmark = pytest.mark.django_db
TOO_SHORT = {
    "pointer": "/schedule",
    "code": "invalid_schedule",
    "detail": "schedule: @every 59s is too short; write @every 1m or longer",
}


def change(person: Person, trigger: Any, **fields: Any) -> Any:
    url = f"{person.url}/{trigger.pk}"
    return person.client.patch(url, fields, format="json")


def test_an_interval_that_is_there_stays_when_the_minimum_is_raised(
    alice: Person, settings: Settings
) -> None:
    settings.CLOCKHOOK_SHORTEST_INTERVAL_SECONDS = 60
    trigger = TriggerFactory.create(
        action__workspace=alice.workspace, schedule="@every 10s", workspace=alice.workspace
    )
    kept = change(alice, trigger, schedule="@every 10s", name="Kept")
    assert (kept.status_code, kept.json()["name"]) == (200, "Kept")
    assert change(alice, trigger, schedule="@every 59s").json()["errors"] == [TOO_SHORT]
    assert change(alice, trigger, schedule="@every 60s").status_code == 200
    assert change(alice, trigger, schedule="@every 10s").status_code == 422


def test_the_preview_refuses_what_could_not_be_saved(bob: Person, settings: Settings) -> None:
    settings.CLOCKHOOK_SHORTEST_INTERVAL_SECONDS = 60
    url = f"/v1/{bob.workspace.pk}/schedules/preview"
    answer = bob.client.post(url, {"schedule": "@every 59s"}, format="json")
    assert (answer.status_code, answer.json()["errors"]) == (422, [TOO_SHORT])
    settings.CLOCKHOOK_SHORTEST_INTERVAL_SECONDS = 1
    assert bob.client.post(url, {"schedule": "@every 1s"}, format="json").status_code == 200


@pytest.mark.parametrize(("seconds", "is_sound"), [(0, False), (1, True), (32_000_000, False)])
def test_a_minimum_that_no_interval_meets_is_found_at_the_start(
    settings: Settings, seconds: int, is_sound: bool
) -> None:
    settings.CLOCKHOOK_SHORTEST_INTERVAL_SECONDS = seconds
    assert (check_shortest_interval() == []) is is_sound

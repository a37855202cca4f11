"""The next runs of a workspace by HTTP: merged, soonest first."""

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from actions.services import load_actions
from tests.factories import TriggerFactory
from tests.triggers.conftest import Person, open_door
from triggers.models import Trigger
from triggers.services import previews

pytestmark = pytest.mark.django_db
DAWN = dt.datetime(2199, 6, 1, 6, 0, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def ask(person: Person, **parameters: Any) -> Any:
    return person.client.get(f"{person.url}/upcoming-runs", parameters)


def read(person: Person, **parameters: Any) -> dict[str, Any]:
    answer = ask(person, **parameters)
    assert answer.status_code == 200, answer.json()
    return dict(answer.json())


def hourly(
    person: Person, name: str, *, first: dt.datetime | None = DAWN, **fields: Any
) -> Trigger:
    options = {"workspace": person.workspace, "schedule": "@hourly", "next_fire_at": first}
    trigger: Trigger = TriggerFactory.create(name=name, **(options | fields))
    return trigger


def test_an_upcoming_run_has_every_member(bob: Person) -> None:
    trigger = hourly(bob, "Morning", schedule="0 8 * * 1-5", timezone="Europe/Berlin")
    assert read(bob) == {
        "upcoming_runs": [
            {
                "trigger_id": str(trigger.pk),
                "trigger_name": "Morning",
                "trigger_type": "schedule",
                "next_run_time": "2199-06-01T06:00:00Z",
                "next_run_time_local": "2199-06-01T08:00:00+02:00",
                "timezone": "Europe/Berlin",
                "cron_expression": "0 8 * * 1-5",
                "is_active": True,
                "human_readable": "Weekdays at 8:00 AM (Europe/Berlin)",
                "agent_prompt": None,
            }
        ],
        "total_count": 1,
    }


def test_runs_of_all_triggers_are_merged_soonest_first(bob: Person) -> None:
    hourly(bob, "late", first=DAWN + HOUR / 2, schedule="30 * * * *")
    hourly(bob, "early")
    answer = read(bob, per_trigger=2)
    assert [
        (run["trigger_name"], run["next_run_time"][11:16]) for run in answer["upcoming_runs"]
    ] == [
        ("early", "06:00"),
        ("late", "06:30"),
        ("early", "07:00"),
        ("late", "07:30"),
    ]
    assert answer["total_count"] == 4


def test_the_limit_keeps_the_soonest_and_counts_all(bob: Person) -> None:
    for number in range(4):
        hourly(bob, f"t{number}", first=DAWN + number * HOUR)
    answer = read(bob, limit=2)
    assert [run["trigger_name"] for run in answer["upcoming_runs"]] == ["t0", "t1"]
    assert answer["total_count"] == 4
    crowded = read(bob, limit=2, per_trigger=5)
    assert [run["trigger_name"] for run in crowded["upcoming_runs"]] == ["t0", "t0"]


def test_one_trigger_alone(bob: Person) -> None:
    wanted = hourly(bob, "wanted")
    hourly(bob, "other")
    answer = read(bob, trigger_id=str(wanted.pk), per_trigger=3)
    assert {run["trigger_id"] for run in answer["upcoming_runs"]} == {str(wanted.pk)}
    assert answer["total_count"] == 3


def test_what_fires_once_is_there_once(bob: Person) -> None:
    hourly(bob, "once", schedule="@at 2199-06-01T06:00:00Z")
    assert read(bob, per_trigger=5)["total_count"] == 1


def test_who_promises_nothing_is_not_there(bob: Person, charlie: Person) -> None:
    hourly(bob, "paused", is_active=False, first=None)
    hourly(bob, "exhausted", first=None)
    hourly(bob, "webhook", schedule=None, first=None)
    hourly(charlie, "stranger")
    assert read(bob) == {"upcoming_runs": [], "total_count": 0}


@pytest.mark.parametrize(
    ("action_type", "config", "shown"),
    [
        ("run_agent", {"prompt": "Greet them"}, "Greet them"),
        ("run_agent", {}, None),
        ("http_request", {"prompt": "Greet them"}, None),
    ],
)
def test_an_agents_prompt_is_shown_and_nothing_of_other_kinds(
    bob: Person,
    monkeypatch: pytest.MonkeyPatch,
    action_type: str,
    config: dict[str, Any],
    shown: str | None,
) -> None:
    trigger = hourly(bob, "agent")
    spec = load_actions([trigger.action_id])[trigger.action_id]
    agent = replace(spec, action_type=action_type, config=config)
    monkeypatch.setattr(previews, "load_actions", lambda ids: {trigger.action_id: agent})
    [run] = read(bob)["upcoming_runs"]
    assert run["agent_prompt"] == shown


@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ({"limit": "0"}, "/limit"),
        ({"limit": "51"}, "/limit"),
        ({"limit": "x"}, "/limit"),
        ({"per_trigger": "0"}, "/per_trigger"),
        ({"per_trigger": "51"}, "/per_trigger"),
        ({"trigger_id": "x"}, "/trigger_id"),
    ],
)
def test_a_wrong_parameter_is_pointed_at(
    bob: Person, parameters: dict[str, str], pointer: str
) -> None:
    answer = ask(bob, **parameters)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_it_needs_the_scope_and_the_workspace(alice: Person, charlie: Person) -> None:
    assert ask(Person(alice.workspace, charlie.client)).status_code == 404
    other = Person(alice.workspace, open_door(alice.workspace, "runs:read"))
    assert ask(other).status_code == 403


def test_queries_do_not_grow_with_triggers(bob: Person) -> None:
    hourly(bob, "first")
    read(bob)
    with CaptureQueriesContext(connection) as one:
        read(bob, limit=50, per_trigger=3)
    for number in range(10):
        hourly(bob, f"t{number}")
    with CaptureQueriesContext(connection) as many:
        assert len(read(bob, limit=50, per_trigger=3)["upcoming_runs"]) == 33
    assert len(one) == len(many) <= 5

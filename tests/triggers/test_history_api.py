"""A trigger's past by HTTP: the events of its chains and the ledger of its fires."""

import datetime as dt
from typing import Any

import pytest

from tests.events.factories import mint_id_at
from tests.factories import TriggerFactory
from tests.triggers.conftest import Person
from triggers.models import Fire, Trigger
from workspaces.services import new_id

pytestmark = pytest.mark.django_db
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)


@pytest.fixture
def trigger(alice: Person) -> Trigger:
    return TriggerFactory.create(workspace=alice.workspace)


def add_fire(trigger: Trigger, **fields: Any) -> Fire:
    fire_id = new_id()
    return Fire.objects.create(
        **{
            "id": fire_id,
            "workspace_id": trigger.workspace_id,
            "trigger_id": trigger.pk,
            "key": str(fire_id),
            "cause": "schedule",
            "outcome": "fired",
            "created_at": NOW,
            **fields,
        }
    )


def find(person: Person, trigger: Trigger, **parameters: str) -> list[dict[str, Any]]:
    answer = person.client.get(f"{person.url}/{trigger.pk}/fires", parameters)
    assert answer.status_code == 200, answer.json()
    return list(answer.json()["items"])


def test_the_history_holds_the_chains_and_not_the_audit(alice: Person, trigger: Trigger) -> None:
    url = f"{alice.url}/{trigger.pk}"
    alice.client.patch(url, {"name": "Renamed"}, format="json")
    fired = [alice.client.post(f"{url}/fire", format="json").json() for _ in range(2)]
    page = alice.client.get(f"{url}/runs").json()
    assert [item["event_id"] for item in page["items"]] == [
        one["fired_event_id"] for one in reversed(fired)
    ]
    assert page["items"][0].keys() == {
        "event_id",
        "event_type",
        "data",
        "effective_at",
        "created_at",
        "run_id",
        "chain_id",
        "source",
    }
    assert {item["source"] for item in page["items"]} == {"AUTOMATION"}
    assert page["items"][0]["run_id"] == fired[1]["run_id"]


def test_the_history_can_be_cut_by_time(alice: Person, trigger: Trigger) -> None:
    url = f"{alice.url}/{trigger.pk}"
    alice.client.post(f"{url}/fire", format="json")
    past, future = "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
    for parameters, count in (
        ({"since": past}, 1),
        ({"until": future}, 1),
        ({"from": past, "to": future}, 1),
        ({"since": future}, 0),
        ({"until": past}, 0),
    ):
        page = alice.client.get(f"{url}/runs", parameters).json()
        assert len(page["items"]) == count, parameters
    refused = alice.client.get(f"{url}/runs", {"since": "yesterday"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/since"


def test_a_row_of_the_ledger_is_shown_with_every_member(bob: Person, trigger: Trigger) -> None:
    fire = add_fire(trigger, scheduled_for=NOW, run_id=new_id(), fired_event_id=new_id())
    assert find(bob, trigger) == [
        {
            "fire_id": str(fire.pk),
            "cause": "schedule",
            "scheduled_for": NOW.isoformat().replace("+00:00", "Z"),
            "scheduled_until": None,
            "slot_count": 1,
            "outcome": "fired",
            "reason": None,
            "run_id": str(fire.run_id),
            "fired_event_id": str(fire.fired_event_id),
            "created_at": NOW.isoformat().replace("+00:00", "Z"),
        }
    ]


def test_the_ledger_can_be_filtered(bob: Person, trigger: Trigger) -> None:
    before = NOW - dt.timedelta(days=2)
    old = add_fire(trigger, id=mint_id_at(before), outcome="missed", created_at=before)
    manual = add_fire(trigger, cause="manual")
    add_fire(TriggerFactory.create(workspace=bob.workspace))

    def find_ids(**parameters: str) -> list[str]:
        return [item["fire_id"] for item in find(bob, trigger, **parameters)]

    yesterday = (NOW - dt.timedelta(days=1)).isoformat()
    assert find_ids() == [str(manual.pk), str(old.pk)]
    assert find_ids(outcome="missed") == [str(old.pk)]
    assert find_ids(cause="manual") == [str(manual.pk)]
    assert find_ids(since=yesterday) == [str(manual.pk)]
    assert find_ids(until=yesterday) == [str(old.pk)]
    assert find_ids(**{"from": yesterday, "outcome": "missed"}) == []


@pytest.mark.parametrize(
    ("path", "parameters", "pointer"),
    [
        ("fires", {"limit": "101"}, "/limit"),
        ("fires", {"outcome": "lost"}, "/outcome"),
        ("fires", {"cause": "luck"}, "/cause"),
        ("fires", {"since": "yesterday"}, "/since"),
        ("runs", {"limit": "101"}, "/limit"),
    ],
)
def test_a_wrong_parameter_is_pointed_at(
    bob: Person, trigger: Trigger, path: str, parameters: dict[str, str], pointer: str
) -> None:
    answer = bob.client.get(f"{bob.url}/{trigger.pk}/{path}", parameters)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_a_hundred_rows_fit_on_a_page(bob: Person, trigger: Trigger) -> None:
    for _ in range(3):
        add_fire(trigger)
    assert len(find(bob, trigger, limit="100")) == 3

"""Triggers by HTTP: create, read, list, change, delete, and the workspace's limits."""

import datetime as dt
import uuid
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from actions.models import Action
from tests.factories import ActionFactory, TriggerFactory
from tests.triggers.conftest import Person, open_door
from tests.workspaces.factories import PlanFactory
from triggers.models import Trigger
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def action(alice: Person) -> Action:
    return ActionFactory.create(workspace=alice.workspace)


def create(person: Person, action: Action, **fields: Any) -> dict[str, Any]:
    body = {"name": "Nightly", "event_type": "lead.created", "action_id": str(action.pk), **fields}
    answer = person.client.post(person.url, body, format="json")
    assert answer.status_code == 201, answer.json()
    return dict(answer.json())


def list_pointers(answer: Any) -> list[str]:
    assert answer.status_code == 422, answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    return sorted(error["pointer"] for error in answer.json()["errors"])


def test_a_trigger_is_created_with_every_default(alice: Person, action: Action) -> None:
    trigger = create(alice, action)
    times = {name: trigger.pop(name) for name in ("created_at", "updated_at")}
    assert all(time.endswith("Z") for time in times.values())
    created_at, updated_at = map(dt.datetime.fromisoformat, times.values())
    assert created_at <= updated_at
    assert uuid.UUID(trigger.pop("id")).version == 7
    assert trigger.pop("created_by").startswith("key:")
    assert trigger == {
        "workspace_id": str(alice.workspace.pk),
        "action_id": str(action.pk),
        "name": "Nightly",
        "is_active": True,
        "external_key": None,
        "priority": 5,
        "description": None,
        "event_type": "lead.created",
        "event_filter": None,
        "input_template": {},
        "schedule": None,
        "timezone": "UTC",
        "dst_gap": "shift",
        "dst_overlap": "first",
        "starts_at": None,
        "ends_at": None,
        "max_fires": None,
        "jitter_seconds": 0,
        "catch_up_policy": "coalesce",
        "misfire_grace_seconds": 3600,
        "start_deadline_seconds": None,
        "overlap_policy": "allow",
        "fire_limit": None,
        "auto_pause_after_failures": None,
        "retry": None,
        "metadata": {},
        "pause_reason": None,
        "paused_until": None,
        "next_fire_at": None,
        "next_fire_effective_at": None,
        "schedule_info": None,
        "scheduler": {
            "last_scheduled_at": None,
            "last_fire_id": None,
            "last_run_at": None,
            "misfire_count": 0,
            "last_misfire_at": None,
        },
        "source": "dynamic",
        "scope": "workspace",
    }


def test_every_field_is_kept_as_given(alice: Person, action: Action) -> None:
    fields = {
        "is_active": False,
        "external_key": "crm/nightly",
        "priority": 10,
        "description": "",
        "event_type": "lead.*",
        "event_filter": {"data.status": ["open", "new"], "$not": {"data.test": True}},
        "input_template": {"phone": "{{ payload.phone }}", "n": 1},
        "schedule": "@every 1h/20m",
        "timezone": "US/Eastern",
        "dst_gap": "skip",
        "dst_overlap": "both",
        "starts_at": "2026-01-01T00:00:00Z",
        "ends_at": "2199-01-01T00:00:00.500000Z",
        "max_fires": 7,
        "jitter_seconds": 600,
        "catch_up_policy": "replay",
        "misfire_grace_seconds": 0,
        "start_deadline_seconds": 60,
        "retry": {"strategy": "backoff", "max_retries": 2, "base_delay": "2s", "max_delay": "1m"},
        "metadata": {"team": "sales", "note": ""},
    }
    trigger = create(alice, action, **fields)
    assert {name: trigger[name] for name in fields} == fields
    assert alice.client.get(f"{alice.url}/{trigger['id']}").json() == trigger


def test_the_first_slot_counts_from_now_and_is_said_in_words(alice: Person, action: Action) -> None:
    before = dt.datetime.now(dt.UTC)
    trigger = create(alice, action, schedule="*/15 * * * *", timezone="Europe/Berlin")
    next_fire_at = dt.datetime.fromisoformat(trigger["next_fire_at"])
    assert before < next_fire_at <= before + dt.timedelta(minutes=15, seconds=30)
    assert next_fire_at.minute % 15 == 0
    assert trigger["next_fire_effective_at"] == trigger["next_fire_at"]
    assert trigger["schedule_info"] == {
        "mode": "cron",
        "human_readable": "Every 15 minutes (Europe/Berlin)",
        "exhausted": False,
    }


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "/name"),
    ({"name": "x" * 257}, "/name"),
    ({"name": 5}, "/name"),
    ({"name": None}, "/name"),
    ({"is_active": "true"}, "/is_active"),
    ({"external_key": ""}, "/external_key"),
    ({"external_key": "x" * 129}, "/external_key"),
    ({"priority": 0}, "/priority"),
    ({"priority": 11}, "/priority"),
    ({"priority": "5"}, "/priority"),
    ({"priority": 5.5}, "/priority"),
    ({"description": "x" * 2001}, "/description"),
    ({"event_type": ""}, "/event_type"),
    ({"event_type": "a b"}, "/event_type"),
    ({"event_type": "lead.created\n"}, "/event_type"),
    ({"event_type": "é"}, "/event_type"),
    ({"event_type": "x" * 129}, "/event_type"),
    ({"event_filter": []}, "/event_filter"),
    ({"event_filter": {"a": {"$like": "x"}}}, "/event_filter/a/$like"),
    ({"event_filter": {"$or": [{"a": {"$regex": "("}}]}}, "/event_filter/$or/0/a/$regex"),
    ({"action_id": "nonsense"}, "/action_id"),
    ({"action_id": 5}, "/action_id"),
    ({"action_id": None}, "/action_id"),
    ({"action_id": str(uuid.uuid4())}, "/action_id"),
    ({"input_template": None}, "/input_template"),
    ({"input_template": "x"}, "/input_template"),
    ({"input_template": {"a": ["{{ }}"]}}, "/input_template/a/0"),
    ({"schedule": ""}, "/schedule"),
    ({"schedule": 5}, "/schedule"),
    ({"schedule": "x" * 129}, "/schedule"),
    ({"schedule": "0 0 * * FRI-MON"}, "/schedule"),
    ({"schedule": "0 0 30 2 *"}, "/schedule"),
    ({"schedule": "* * * * * *"}, "/schedule"),
    ({"timezone": "EST"}, "/timezone"),
    ({"timezone": "Mars/Olympus"}, "/timezone"),
    ({"timezone": None}, "/timezone"),
    ({"dst_gap": "both"}, "/dst_gap"),
    ({"dst_overlap": True}, "/dst_overlap"),
    ({"catch_up_policy": "all"}, "/catch_up_policy"),
    ({"misfire_grace_seconds": -1}, "/misfire_grace_seconds"),
    ({"misfire_grace_seconds": 10**12}, "/misfire_grace_seconds"),
    ({"start_deadline_seconds": 0}, "/start_deadline_seconds"),
    ({"retry": {"strategy": "forever"}}, "/retry/strategy"),
    ({"retry": {"max_retries": 21}}, "/retry/max_retries"),
    ({"retry": "none"}, "/retry"),
    ({"metadata": {"a": 1}}, "/metadata/a"),
    ({"metadata": []}, "/metadata"),
    ({"jitter": 5}, "/jitter"),
]


@pytest.mark.parametrize(("fields", "pointer"), REFUSED)
def test_a_field_that_is_wrong_is_pointed_at(
    alice: Person, action: Action, fields: dict[str, Any], pointer: str
) -> None:
    body = {"name": "Nightly", "event_type": "x", "action_id": str(action.pk), **fields}
    assert list_pointers(alice.client.post(alice.url, body, format="json")) == [pointer]
    assert not Trigger.objects.exists()
    trigger = TriggerFactory.create(workspace=alice.workspace, action=action)
    url = f"{alice.url}/{trigger.pk}"
    assert list_pointers(alice.client.patch(url, fields, format="json")) == [pointer]


def test_every_wrong_field_is_named_at_once(alice: Person) -> None:
    answer = alice.client.post(alice.url, {"priority": 0, "cron": "x"}, format="json")
    assert list_pointers(answer) == ["/action_id", "/cron", "/event_type", "/name", "/priority"]


def test_the_refusal_of_a_schedule_says_how_to_write_it(alice: Person, action: Action) -> None:
    body = {
        "name": "Nightly",
        "event_type": "x",
        "action_id": str(action.pk),
        "schedule": "0 0 * * FRI-MON",
    }
    problem = alice.client.post(alice.url, body, format="json").json()
    assert "write FRI,SAT,SUN,MON" in problem["errors"][0]["detail"]


def test_an_action_of_another_workspace_is_no_action(alice: Person, charlie: Person) -> None:
    body = {
        "name": "Nightly",
        "event_type": "x",
        "action_id": str(ActionFactory.create(workspace=charlie.workspace).pk),
    }
    assert list_pointers(alice.client.post(alice.url, body, format="json")) == ["/action_id"]


def test_what_was_read_can_be_sent_back_and_changes_nothing(alice: Person, action: Action) -> None:
    trigger = create(alice, action, schedule="0 9 * * 1-5", timezone="America/New_York")
    url = f"{alice.url}/{trigger['id']}"
    answer = alice.client.put(url, trigger, format="json")
    assert answer.status_code == 200
    assert answer.json() == trigger


@pytest.mark.parametrize("method", ["put", "patch"])
def test_any_subset_can_be_changed(alice: Person, action: Action, method: str) -> None:
    trigger = create(alice, action, schedule="0 9 * * *", description="old")
    answer = getattr(alice.client, method)(
        f"{alice.url}/{trigger['id']}", {"description": None, "priority": 1}, format="json"
    )
    changed = answer.json()
    assert (changed["description"], changed["priority"]) == (None, 1)
    unchanged = trigger.keys() - {"description", "priority", "updated_at"}
    assert {name: changed[name] for name in unchanged} == {
        name: trigger[name] for name in unchanged
    }


def test_a_new_schedule_or_zone_moves_the_next_slot_and_none_clears_it(
    alice: Person, action: Action
) -> None:
    trigger = create(alice, action, schedule="0 9 * * *")
    url = f"{alice.url}/{trigger['id']}"
    moved = alice.client.patch(url, {"schedule": "30 10 * * *"}, format="json").json()
    assert moved["next_fire_at"].endswith("T10:30:00Z")
    zoned = alice.client.patch(url, {"timezone": "Asia/Tokyo"}, format="json").json()
    assert zoned["next_fire_at"].endswith("T01:30:00Z")
    cleared = alice.client.patch(url, {"schedule": None}, format="json").json()
    assert (cleared["next_fire_at"], cleared["schedule_info"]) == (None, None)


def test_activity_is_a_field_too(alice: Person, action: Action) -> None:
    trigger = create(alice, action, schedule="* * * * *", is_active=False)
    url = f"{alice.url}/{trigger['id']}"
    assert (trigger["is_active"], trigger["next_fire_at"]) == (False, None)
    assert trigger["schedule_info"]["exhausted"] is False
    assert alice.client.patch(url, {"is_active": True}, format="json").json()["next_fire_at"]
    paused = alice.client.patch(url, {"is_active": False}, format="json").json()
    assert (paused["is_active"], paused["next_fire_at"]) == (False, None)


def test_an_external_key_is_unique_in_its_workspace_alone(
    alice: Person, charlie: Person, action: Action
) -> None:
    create(alice, action, external_key="nightly")
    create(charlie, ActionFactory.create(workspace=charlie.workspace), external_key="nightly")
    body = {
        "name": "Other",
        "event_type": "x",
        "action_id": str(action.pk),
        "external_key": "nightly",
    }
    answer = alice.client.post(alice.url, body, format="json")
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["pointer"] == "/external_key"


def test_a_deleted_trigger_is_gone(alice: Person, action: Action) -> None:
    url = f"{alice.url}/{create(alice, action)['id']}"
    answer = alice.client.delete(url)
    assert (answer.status_code, answer.content) == (204, b"")
    assert alice.client.get(url).status_code == 404
    assert alice.client.delete(url).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", ""),
        ("put", ""),
        ("patch", ""),
        ("delete", ""),
        ("post", "/pause"),
        ("post", "/resume"),
        ("post", "/fire"),
        ("get", "/runs"),
        ("get", "/fires"),
    ],
)
def test_another_workspaces_trigger_is_the_same_404_as_none(
    alice: Person, charlie: Person, method: str, path: str
) -> None:
    theirs = TriggerFactory.create(workspace=alice.workspace)
    answers = [
        getattr(charlie.client, method)(url, format="json")
        for url in (
            f"{charlie.url}/{theirs.pk}{path}",
            f"{charlie.url}/{uuid.uuid4()}{path}",
            f"{charlie.url}/nonsense{path}",
            f"{alice.url}/{theirs.pk}{path}",
        )
    ]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert {answer.json()["code"] for answer in answers} == {"not_found"}
    assert len({answer.json()["detail"] for answer in answers[:3]}) == 1
    assert Trigger.objects.get() == theirs


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("get", "", "triggers:read"),
        ("post", "", "triggers:write"),
        ("get", "/{id}", "triggers:read"),
        ("put", "/{id}", "triggers:write"),
        ("patch", "/{id}", "triggers:write"),
        ("delete", "/{id}", "triggers:write"),
        ("post", "/{id}/pause", "triggers:write"),
        ("post", "/{id}/resume", "triggers:write"),
        ("post", "/{id}/fire", "triggers:fire"),
        ("get", "/{id}/runs", "triggers:read"),
        ("get", "/{id}/fires", "triggers:read"),
    ],
)
def test_every_door_needs_its_own_scope(alice: Person, method: str, path: str, scope: str) -> None:
    url = alice.url + path.format(id=TriggerFactory.create(workspace=alice.workspace).pk)
    others = {"triggers:read", "triggers:write", "triggers:fire", "runs:read"} - {scope}
    refused = getattr(open_door(alice.workspace, *others), method)(url, {}, format="json")
    assert refused.status_code == 403
    assert scope in refused.json()["detail"]
    allowed = getattr(open_door(alice.workspace, scope), method)(url, format="json")
    assert allowed.status_code in {200, 204, 422}
    assert getattr(APIClient(), method)(url, format="json").status_code == 401


def test_a_list_can_be_filtered(alice: Person, charlie: Person) -> None:
    action = ActionFactory.create(workspace=alice.workspace)
    paused = TriggerFactory.create(
        workspace=alice.workspace, is_active=False, name="Sunday 100% call"
    )
    other = TriggerFactory.create(
        workspace=alice.workspace, action=action, event_type="lead.won", description="the 100 best"
    )
    TriggerFactory.create(workspace=charlie.workspace)

    def find(**parameters: str) -> list[str]:
        answer = alice.client.get(alice.url, parameters)
        assert answer.status_code == 200, answer.json()
        return [item["id"] for item in answer.json()["items"]]

    assert find() == [str(other.pk), str(paused.pk)]
    assert find(is_active="false") == [str(paused.pk)]
    assert find(is_active="true") == [str(other.pk)]
    assert find(event_type="lead.won") == [str(other.pk)]
    assert find(event_type="lead.*") == []
    assert find(action_id=str(action.pk)) == [str(other.pk)]
    assert find(q="SUNDAY") == [str(paused.pk)]
    assert find(q="100") == [str(other.pk), str(paused.pk)]
    assert find(q="100%") == [str(paused.pk)]
    assert find(q="100", is_active="false", event_type="lead.won") == []


@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ({"limit": "21"}, "/limit"),
        ({"limit": "0"}, "/limit"),
        ({"is_active": "maybe"}, "/is_active"),
        ({"action_id": "x"}, "/action_id"),
        ({"q": "x" * 257}, "/q"),
        ({"cursor": "junk"}, "/cursor"),
    ],
)
def test_a_wrong_parameter_is_pointed_at(
    bob: Person, parameters: dict[str, str], pointer: str
) -> None:
    assert list_pointers(bob.client.get(bob.url, parameters)) == [pointer]


def test_a_page_costs_the_same_queries_whatever_its_length(
    bob: Person, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    TriggerFactory.create_batch(3, workspace=bob.workspace, schedule="0 9 * * *")
    bob.client.get(bob.url)
    with django_assert_num_queries(2):
        assert len(bob.client.get(bob.url, {"limit": 1}).json()["items"]) == 1
    with django_assert_num_queries(2):
        assert len(bob.client.get(bob.url, {"limit": 3}).json()["items"]) == 3


def test_pages_follow_each_other_by_cursor(bob: Person) -> None:
    triggers = TriggerFactory.create_batch(3, workspace=bob.workspace)
    first = bob.client.get(bob.url, {"limit": "2", "include_total": "true"}).json()
    assert (first["has_more"], first["total"]) == (True, 3)
    second = bob.client.get(bob.url, {"limit": "2", "cursor": first["next_cursor"]}).json()
    found = [item["id"] for page in (first, second) for item in page["items"]]
    assert found == [str(trigger.pk) for trigger in reversed(triggers)]
    assert second["has_more"] is False


def test_a_plan_bounds_its_scheduled_triggers(alice: Person, action: Action) -> None:
    alice.workspace.plan = PlanFactory.create(
        name="Tiny", max_scheduled_triggers=1, max_webhook_triggers=0
    )
    alice.workspace.save()
    create(alice, action)
    create(alice, action, schedule="@daily")
    body = {"name": "x", "event_type": "x", "action_id": str(action.pk), "schedule": "@daily"}
    answer = alice.client.post(alice.url, body, format="json")
    problem = answer.json()
    assert answer.status_code == 402
    assert problem["code"] == "payment_required"
    assert problem["error_code"] == "TRIGGER_LIMIT_EXCEEDED"
    assert (problem["current_count"], problem["limit"], problem["tier_name"]) == (1, 1, "Tiny")
    assert problem["trigger_type"] == "scheduled"
    assert alice.client.get(f"/v1/{alice.workspace.pk}/limits").json() == {
        "tier_name": "Tiny",
        "scheduled_triggers": {"current_count": 1, "limit": 1},
        "webhook_triggers": {"current_count": 0, "limit": 0},
    }


def test_limits_need_a_scope_and_their_own_workspace(alice: Person, charlie: Person) -> None:
    url = f"/v1/{alice.workspace.pk}/limits"
    assert open_door(alice.workspace, "runs:read").get(url).status_code == 403
    assert charlie.client.get(url).status_code == 404


def test_an_operator_lists_the_triggers_of_all_workspaces(
    operator: APIClient, alice: Person, charlie: Person
) -> None:
    hers = TriggerFactory.create(workspace=alice.workspace)
    his = TriggerFactory.create(workspace=charlie.workspace, source="config")
    system, _ = Workspace.objects.get_or_create(slug="system", defaults={"name": "System"})
    nobodys = TriggerFactory.create(workspace=system)

    def find(**parameters: str) -> list[str]:
        answer = operator.get("/v1/triggers", parameters)
        assert answer.status_code == 200, answer.json()
        return [item["id"] for item in answer.json()["items"]]

    assert find() == [str(nobodys.pk), str(his.pk), str(hers.pk)]
    assert find(workspace_id=str(alice.workspace.pk)) == [str(hers.pk)]
    assert find(source="config") == [str(his.pk)]
    assert find(scope="global") == [str(nobodys.pk)]
    assert find(scope="workspace") == [str(his.pk), str(hers.pk)]
    scopes = {
        item["scope"] for item in operator.get("/v1/triggers", {"scope": "global"}).json()["items"]
    }
    assert scopes == {"global"}
    assert list_pointers(operator.get("/v1/triggers", {"scope": "all"})) == ["/scope"]


def test_nobody_but_an_operator_sees_all_workspaces(alice: Person) -> None:
    assert alice.client.get("/v1/triggers").status_code == 403
    assert APIClient().get("/v1/triggers").status_code == 401

"""Runs by HTTP."""

import datetime as dt
from typing import Any
from uuid import uuid4

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from actions.models import Action
from runs.execution import drain_queue
from runs.models import Run
from tests.clients import open_door
from tests.events.factories import mint_id_at
from tests.factories import ActionFactory, WorkspaceFactory, queue_run
from workspaces.services import SYSTEM_SLUG, list_workspaces, new_id

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rings")]


@pytest.fixture
def action() -> Action:
    return ActionFactory()


@pytest.fixture
def alice(action: Action) -> APIClient:
    return open_door(action.workspace_id, "runs:read", "runs:write")


@pytest.fixture
def url(action: Action) -> str:
    return f"/v1/{action.workspace_id}/runs"


def list_ids(client: APIClient, url: str, **parameters: Any) -> list[str]:
    answer = client.get(url, parameters)
    assert answer.status_code == 200, answer.json()
    return [item["id"] for item in answer.json()["items"]]


def expect_problem(answer: Any, status: int, pointer: str = "") -> dict[str, Any]:
    problem: dict[str, Any] = answer.json()
    assert answer.status_code == status, problem
    assert answer.headers["Content-Type"] == "application/problem+json"
    if pointer:
        assert [error["pointer"] for error in problem["errors"]] == [pointer]
    return problem


def drain() -> None:
    drain_queue("instant", should_stop=lambda: False, ring=lambda queue: None)


def test_a_run_is_read_from_queued_to_completed(alice: APIClient, url: str, action: Action) -> None:
    run = queue_run(action, input={"lead": 7})
    queued = alice.get(f"{url}/{run.id}").json()
    assert (queued["id"], queued["status"], queued["attempt"]) == (str(run.id), "queued", 0)
    drain()
    done = alice.get(f"{url}/{run.id}").json()
    assert (done["status"], done["attempt"], done["output"]) == ("completed", 1, {"lead": 7})
    assert done["error"] is None
    assert done["duration_ms"] >= 0


def test_the_newest_run_comes_first_and_pages_lead_to_all(
    alice: APIClient, url: str, action: Action
) -> None:
    runs = [str(queue_run(action).id) for _ in range(5)]
    query: dict[str, str] = {"limit": "2", "include_total": "true"}
    first = alice.get(url, query).json()
    assert (first["has_more"], first["total"]) == (True, 5)
    queue_run(action)
    rest = alice.get(url, {"limit": 100, "cursor": first["next_cursor"]}).json()
    assert [item["id"] for item in first["items"] + rest["items"]] == runs[::-1]


def test_every_filter_narrows_the_list(alice: APIClient, url: str, action: Action) -> None:
    trigger_id, other_action = new_id(), ActionFactory(workspace=action.workspace)
    plain = queue_run(action)
    other = queue_run(other_action, trigger_id=trigger_id, cause="schedule")
    alice.post(f"{url}/{plain.id}/cancel")
    everything = [str(other.id), str(plain.id)]
    assert list_ids(alice, url) == everything
    assert list_ids(alice, url, trigger_id=str(trigger_id)) == [str(other.id)]
    assert list_ids(alice, url, action_id=str(action.id)) == [str(plain.id)]
    assert list_ids(alice, url, chain_id=str(other.chain_id)) == [str(other.id)]
    assert list_ids(alice, url, cause="schedule") == [str(other.id)]
    assert list_ids(alice, url, cause="nothing") == []
    assert list_ids(alice, url, status="cancelled") == [str(plain.id)]
    assert list_ids(alice, url, status="cancelled,queued") == everything


def test_a_time_range_holds_since_and_not_until(alice: APIClient, url: str, action: Action) -> None:
    base = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)
    moments = [base + dt.timedelta(seconds=seconds) for seconds in (0, 1, 2)]
    for moment in moments:
        run = Run.objects.filter(id=queue_run(action).id)
        run.update(id=mint_id_at(moment), created_at=moment)
    second = str(mint_id_at(moments[1]))
    times = {"since": "2026-11-24T09:00:01Z", "until": "2026-11-24T09:00:02Z"}
    assert list_ids(alice, url, **times) == [second]
    aliases = {"from": times["since"], "to": times["until"]}
    assert list_ids(alice, url, **aliases) == [second]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "101"),
        ("limit", "0"),
        ("status", "done"),
        ("status", "queued,done"),
        ("trigger_id", "7"),
        ("action_id", "x"),
        ("chain_id", "null"),
        ("since", "yesterday"),
        ("until", "24.11.2026"),
        ("cause", "x" * 17),
        ("source", "config"),
        ("cursor", "made-up"),
        ("continuation_token", "-1"),
    ],
)
def test_a_parameter_that_cannot_be_meant_is_refused_by_name(
    alice: APIClient, url: str, name: str, value: str
) -> None:
    expect_problem(alice.get(url, {name: value}), 422, pointer=f"/{name}")


def test_a_queued_run_is_cancelled_once(alice: APIClient, url: str, action: Action) -> None:
    run = queue_run(action)
    answer = alice.post(f"{url}/{run.id}/cancel")
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["previous_status"]) == ("cancelled", "queued")
    assert answer.json()["ended_at"] is not None
    problem = expect_problem(alice.post(f"{url}/{run.id}/cancel"), 409)
    assert problem["code"] == "conflict"
    drain()
    assert alice.get(f"{url}/{run.id}").json()["status"] == "cancelled"


def test_a_rerun_is_a_new_run_that_names_the_old_one(
    alice: APIClient, url: str, action: Action
) -> None:
    run = queue_run(action, input={"lead": 7})
    drain()
    answer = alice.post(f"{url}/{run.id}/rerun")
    assert answer.status_code == 202
    again = answer.json()
    assert (again["rerun_of"], again["input"], again["status"]) == (
        str(run.id),
        {"lead": 7},
        "queued",
    )
    assert again["id"] != str(run.id)
    assert again["triggered_by"].startswith("manual:key:")


def test_a_rerun_of_a_disabled_action_is_a_conflict(
    alice: APIClient, url: str, action: Action
) -> None:
    run = queue_run(action)
    Action.objects.filter(id=action.id).update(enabled=False)
    expect_problem(alice.post(f"{url}/{run.id}/rerun"), 409)
    assert Run.objects.count() == 1


def test_the_timeline_goes_from_fired_to_the_end_with_parents(
    alice: APIClient, url: str, action: Action
) -> None:
    run = queue_run(action)
    drain()
    answer = alice.get(f"{url}/{run.id}/events").json()
    assert set(answer) == {"items"}
    fired, completed = answer["items"]
    assert (fired["event_type"], completed["event_type"]) == ("trigger.fired", "trigger.completed")
    assert completed["parent_id"] == fired["event_id"]
    for event in (fired, completed):
        assert event["chain_id"] == fired["event_id"]
        assert event["source"] == "AUTOMATION"
        assert event["run_id"] == str(run.id)
        assert event["data"]["triggered_by"] == run.triggered_by


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", ""), ("post", "/cancel"), ("post", "/rerun"), ("get", "/events")],
)
def test_a_run_of_another_workspace_is_the_same_404_as_none(
    alice: APIClient, url: str, action: Action, method: str, path: str
) -> None:
    theirs = queue_run(ActionFactory())
    mine = queue_run(action)
    charlie = open_door(theirs.workspace_id, "*")
    details = set()
    for client, address in [
        (alice, f"{url}/{theirs.id}{path}"),
        (alice, f"{url}/{uuid4()}{path}"),
        (alice, f"{url}/garbage{path}"),
        (charlie, f"/v1/{theirs.workspace_id}/runs/{mine.id}{path}"),
    ]:
        problem = expect_problem(getattr(client, method)(address), 404)
        details.add(problem["code"])
    assert details == {"not_found"}
    expect_problem(getattr(charlie, method)(f"{url}/{mine.id}{path}"), 404)
    assert set(Run.objects.values_list("status", flat=True)) == {"queued"}


def test_a_list_shows_no_other_workspaces_runs(alice: APIClient, url: str, action: Action) -> None:
    queue_run(ActionFactory())
    mine = queue_run(action)
    assert list_ids(alice, url) == [str(mine.id)]


def test_scopes_are_needed_one_by_one(url: str, action: Action) -> None:
    run = queue_run(action)
    reader = open_door(action.workspace_id, "runs:read", "events:read")
    writer = open_door(action.workspace_id, "runs:write")
    assert reader.get(url).status_code == 200
    assert reader.get(f"{url}/{run.id}/events").status_code == 200
    for path in ("cancel", "rerun"):
        expect_problem(reader.post(f"{url}/{run.id}/{path}"), 403)
    for path in ("", f"/{run.id}", f"/{run.id}/events"):
        expect_problem(writer.get(f"{url}{path}"), 403)
    expect_problem(APIClient().get(url), 401)
    assert writer.post(f"{url}/{run.id}/cancel").status_code == 200


def test_runs_are_made_by_triggers_and_not_by_hand(alice: APIClient, url: str) -> None:
    expect_problem(alice.post(url, {}, format="json"), 405)


def test_an_operator_lists_the_runs_of_all_workspaces(action: Action) -> None:
    mine, theirs = queue_run(action), queue_run(ActionFactory())
    operator = open_door(None, "operator")
    assert list_ids(operator, "/v1/runs") == [str(theirs.id), str(mine.id)]
    only_mine = {"workspace_id": str(action.workspace_id)}
    assert list_ids(operator, "/v1/runs", **only_mine) == [str(mine.id)]
    assert list_ids(operator, "/v1/runs", status="completed") == []
    expect_problem(operator.get("/v1/runs", {"workspace_id": "x"}), 422, pointer="/workspace_id")
    assert list_ids(operator, f"/v1/{theirs.workspace_id}/runs") == [str(theirs.id)]


def test_an_operator_lists_runs_by_scope(action: Action) -> None:
    mine = queue_run(action)
    system = list_workspaces().get(slug=SYSTEM_SLUG)
    everybodys = queue_run(ActionFactory(workspace=system))
    operator = open_door(None, "operator")
    assert list_ids(operator, "/v1/runs", scope="global") == [str(everybodys.id)]
    assert list_ids(operator, "/v1/runs", scope="workspace") == [str(mine.id)]
    expect_problem(operator.get("/v1/runs", {"scope": "x"}), 422, pointer="/scope")


def test_a_workspaces_key_does_not_list_across_workspaces() -> None:
    everything = open_door(WorkspaceFactory().id, "*")
    expect_problem(everything.get("/v1/runs"), 403)
    expect_problem(APIClient().get("/v1/runs"), 401)


def test_a_page_takes_two_queries_whatever_its_size(
    alice: APIClient, url: str, action: Action, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(30):
        queue_run(action)
    alice.get(url)
    with django_assert_num_queries(2):
        assert len(alice.get(url, {"limit": 100}).json()["items"]) == 30


def test_a_timeline_takes_three_queries(
    alice: APIClient, url: str, action: Action, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    run = queue_run(action)
    drain()
    alice.get(url)
    with django_assert_num_queries(3):
        alice.get(f"{url}/{run.id}/events")

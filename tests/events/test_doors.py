"""The ledger by HTTP."""

import datetime as dt
from typing import Any
from uuid import uuid4

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from events.models import Event
from events.services import append_events, create_missing_partitions
from tests.clients import open_door
from tests.events.factories import build_event, mint_id_at
from workspaces.models import Workspace
from workspaces.services import new_id

pytestmark = pytest.mark.django_db

EVENT_MEMBERS = {
    "event_id",
    "event_type",
    "source",
    "entity_type",
    "entity_id",
    "chain_id",
    "parent_id",
    "run_id",
    "trigger_id",
    "destination_id",
    "delivery_id",
    "data",
    "effective_at",
    "created_at",
}


@pytest.fixture
def url(workspace: Workspace) -> str:
    return f"/v1/{workspace.pk}/events"


def list_ids(client: APIClient, url: str, **parameters: Any) -> list[str]:
    answer = client.get(url, parameters)
    assert answer.status_code == 200, answer.json()
    return [item["event_id"] for item in answer.json()["items"]]


def expect_problem(answer: Any, status: int, pointer: str = "") -> dict[str, Any]:
    problem: dict[str, Any] = answer.json()
    assert answer.status_code == status, problem
    assert answer.headers["Content-Type"] == "application/problem+json"
    if pointer:
        assert [error["pointer"] for error in problem["errors"]] == [pointer]
    return problem


def test_an_event_is_shown_with_every_member(
    alice: APIClient, url: str, workspace: Workspace
) -> None:
    parent = build_event(workspace_id=workspace.pk)
    child = build_event(
        workspace_id=workspace.pk, chain_id=parent.id, parent_id=parent.id, data={"a": [1]}
    )
    append_events([parent, child])
    item = alice.get(f"{url}/{child.id}").json()
    assert set(item) == EVENT_MEMBERS
    assert (item["event_id"], item["chain_id"], item["parent_id"]) == (
        str(child.id),
        str(parent.id),
        str(parent.id),
    )
    assert item["run_id"] is None
    assert item["data"] == {"a": [1]}
    assert item["effective_at"] == "2026-11-24T09:00:00Z"
    assert alice.get(url).json()["items"][0] == item


def test_the_newest_event_comes_first_and_pages_lead_to_all_of_them(
    alice: APIClient, url: str, workspace: Workspace
) -> None:
    events = [build_event(workspace_id=workspace.pk) for _ in range(5)]
    append_events(events)
    first = alice.get(url, {"limit": 2}).json()
    assert first["has_more"] is True
    append_events([build_event(workspace_id=workspace.pk)])
    rest = alice.get(url, {"limit": 100, "cursor": first["next_cursor"]}).json()
    ids = [item["event_id"] for item in first["items"] + rest["items"]]
    assert ids == [str(event.id) for event in reversed(events)]
    assert rest["has_more"] is False


def test_every_filter_narrows_the_list(alice: APIClient, url: str, workspace: Workspace) -> None:
    ids = {name: new_id() for name in ("trigger_id", "destination_id", "run_id", "chain_id")}
    plain = build_event(workspace_id=workspace.pk, event_type="lead.created", source="API")
    full = build_event(workspace_id=workspace.pk, **ids)
    append_events([plain, full])
    for name, value in ids.items():
        assert list_ids(alice, url, **{name: str(value)}) == [str(full.id)]
        assert list_ids(alice, url, **{name: str(uuid4())}) == []
    assert list_ids(alice, url, source="API") == [str(plain.id)]
    assert list_ids(alice, url, event_type="lead.*") == [str(plain.id)]
    assert list_ids(alice, url, event_type="lead.created,trigger.*") == [
        str(full.id),
        str(plain.id),
    ]
    assert list_ids(alice, url, event_type="nothing.*") == []


def test_a_time_range_holds_since_and_not_until_under_both_names(
    alice: APIClient, url: str, workspace: Workspace
) -> None:
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    append_events(
        [
            build_event(id=mint_id_at(now + dt.timedelta(seconds=step)), workspace_id=workspace.pk)
            for step in (0, 1, 2)
        ]
    )
    items = alice.get(url).json()["items"]
    middle = items[1]
    times = {"since": middle["created_at"], "until": items[0]["created_at"]}
    assert list_ids(alice, url, **times) == [middle["event_id"]]
    aliases = {"from": times["since"], "to": times["until"]}
    assert list_ids(alice, url, **aliases) == [middle["event_id"]]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "101"),
        ("limit", "0"),
        ("source", "automation"),
        ("trigger_id", "7"),
        ("destination_id", "x"),
        ("run_id", "'; DROP TABLE"),
        ("chain_id", "0"),
        ("since", "yesterday"),
        ("until", "2026-13-01T00:00:00Z"),
        ("event_type", "lead created"),
        ("event_type", "a" * 129),
        ("event_type", ",".join(f"t{number}" for number in range(21))),
        ("cursor", "made-up"),
    ],
)
def test_a_parameter_that_cannot_be_meant_is_refused_by_name(
    alice: APIClient, url: str, name: str, value: str
) -> None:
    expect_problem(alice.get(url, {name: value}), 422, pointer=f"/{name}")


def test_no_other_workspaces_events_are_seen(
    alice: APIClient, charlie: APIClient, url: str, workspace: Workspace, stranger: Workspace
) -> None:
    mine, theirs = build_event(workspace_id=workspace.pk), build_event(workspace_id=stranger.pk)
    append_events([mine, theirs])
    assert list_ids(alice, url) == [str(mine.id)]
    expect_problem(alice.get(f"{url}/{theirs.id}"), 404)
    expect_problem(charlie.get(url), 404)
    expect_problem(charlie.post(url, {"event_type": "a"}, format="json"), 404)
    expect_problem(charlie.get(f"/v1/{stranger.pk}/events/{mine.id}"), 404)


@pytest.mark.parametrize("event_id", ["not-an-id", "0", str(uuid4())])
def test_an_event_that_does_not_exist_is_not_found(
    alice: APIClient, url: str, event_id: str
) -> None:
    expect_problem(alice.get(f"{url}/{event_id}"), 404)


def test_scopes_are_needed_one_by_one(url: str, workspace: Workspace) -> None:
    reader = open_door(workspace.pk, "events:read")
    writer = open_door(workspace.pk, "events:write")
    assert reader.get(url).status_code == 200
    expect_problem(reader.post(url, {"event_type": "a.b"}, format="json"), 403)
    expect_problem(writer.get(url), 403)
    expect_problem(writer.get(f"{url}/{new_id()}"), 403)
    assert writer.post(url, {"event_type": "a.b"}, format="json").status_code == 201
    expect_problem(APIClient().get(url), 401)


def test_a_published_event_is_answered_and_kept(
    alice: APIClient, url: str, workspace: Workspace
) -> None:
    answer = alice.post(url, {"event_type": "lead.created", "data": {"n": None}}, format="json")
    assert answer.status_code == 201
    item = answer.json()
    assert (item["event_type"], item["source"], item["data"]) == (
        "lead.created",
        "API",
        {"n": None},
    )
    assert item["chain_id"] == item["event_id"]
    assert alice.get(f"{url}/{item['event_id']}").json() == item
    assert Event.objects.get().workspace_id == workspace.pk


def test_data_may_be_left_out_and_what_is_read_only_is_ignored(alice: APIClient, url: str) -> None:
    first = alice.post(url, {"event_type": "lead.created"}, format="json").json()
    second = alice.post(url, first, format="json")
    assert second.status_code == 201
    assert second.json()["event_id"] != first["event_id"]


def test_an_operators_event_says_so(url: str) -> None:
    operator = open_door(None, "operator")
    answer = operator.post(url, {"event_type": "lead.created"}, format="json")
    assert answer.json()["source"] == "OPERATOR"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/event_type"),
        ({"event_type": ""}, "/event_type"),
        ({"event_type": None}, "/event_type"),
        ({"event_type": 5}, "/event_type"),
        ({"event_type": "a" * 129}, "/event_type"),
        ({"event_type": "lead.*"}, "/event_type"),
        ({"event_type": "lead created"}, "/event_type"),
        ({"event_type": "trigger.fired"}, "/event_type"),
        ({"event_type": "outbound.completed"}, "/event_type"),
        ({"event_type": "webhook.received"}, "/event_type"),
        ({"event_type": "a.b", "data": [1]}, "/data"),
        ({"event_type": "a.b", "data": None}, "/data"),
        ({"event_type": "a.b", "data": "text"}, "/data"),
        ({"event_type": "a.b", "data": {"x": "y" * 262_144}}, "/data"),
        ({"event_type": "a.b", "typo": 1}, "/typo"),
    ],
)
def test_a_body_that_cannot_be_published_is_refused_by_field(
    alice: APIClient, url: str, body: dict[str, Any], pointer: str
) -> None:
    expect_problem(alice.post(url, body, format="json"), 422, pointer=pointer)
    assert not Event.objects.exists()


def test_events_are_neither_changed_nor_deleted_by_http(
    alice: APIClient, url: str, workspace: Workspace
) -> None:
    event = build_event(workspace_id=workspace.pk)
    append_events([event])
    for method in (alice.put, alice.patch, alice.delete):
        expect_problem(method(f"{url}/{event.id}"), 405)


def test_a_page_takes_two_queries_whatever_its_size(
    alice: APIClient,
    url: str,
    workspace: Workspace,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    append_events([build_event(workspace_id=workspace.pk) for _ in range(101)])
    alice.get(url)
    with django_assert_num_queries(2):
        page = alice.get(url, {"limit": 100}).json()
    assert len(page["items"]) == 100
    # What the last days cannot fill is looked for further and further back.
    with django_assert_num_queries(4):
        rest = alice.get(url, {"cursor": page["next_cursor"]}).json()
    assert (len(rest["items"]), rest["has_more"]) == (1, False)


def test_pages_go_on_into_days_long_gone(alice: APIClient, url: str, workspace: Workspace) -> None:
    now = dt.datetime.now(dt.UTC)
    create_missing_partitions(today=(now - dt.timedelta(days=40)).date(), days_ahead=40)
    ages = [0, 0, 1, 3, 3, 12, 20, 20, 39]
    ids = [mint_id_at(now - dt.timedelta(days=age), number=9 - at) for at, age in enumerate(ages)]
    append_events([build_event(id=id_, workspace_id=workspace.pk) for id_ in ids])
    found: list[str] = []
    cursor = None
    for _ in range(9):
        page = alice.get(url, {"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        found += [item["event_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break
    assert found == [str(id_) for id_ in ids]
    by_offset = [
        item["event_id"]
        for offset in range(0, 10, 2)
        for item in alice.get(url, {"limit": 2, "continuation_token": offset}).json()["items"]
    ]
    assert by_offset == found


def test_a_missing_partition_is_a_503(
    alice: APIClient, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = mint_id_at(dt.datetime(2199, 1, 1, tzinfo=dt.UTC))
    monkeypatch.setattr("events.services.append.new_id", lambda: far)
    answer = alice.post(url, {"event_type": "a.b"}, format="json")
    expect_problem(answer, 503)
    assert answer.headers["Retry-After"] == "1"

"""Bulk operations by HTTP, and the chore that does them."""

import datetime as dt
import threading
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from rest_framework.test import APIClient

from actions.models import Action
from console.models import Operation
from console.services.operations import BATCH_SIZE, advance_operations
from runs.models import Run
from tests.clients import open_door
from tests.factories import ActionFactory, WorkspaceFactory, queue_run

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)


@pytest.fixture
def action() -> Action:
    return ActionFactory.create()


@pytest.fixture
def alice(action: Action) -> APIClient:
    return open_door(action.workspace_id, "runs:read", "runs:write")


@pytest.fixture
def url(action: Action) -> str:
    return f"/v1/{action.workspace_id}/operations"


def queue_ended(action: Action, *, status: str = "failed") -> Run:
    return queue_run(action, status=status, ended_at=NOW)


def ask(client: APIClient, url: str, **body: Any) -> dict[str, Any]:
    answer = client.post(url, body, format="json")
    assert answer.status_code == 202, answer.json()
    operation: dict[str, Any] = answer.json()
    return operation


def test_a_filter_is_cancelled_item_by_item(alice: APIClient, url: str, action: Action) -> None:
    runs = [queue_run(action) for _ in range(BATCH_SIZE + 3)]
    other = queue_run(ActionFactory.create(workspace=action.workspace))
    body = {"kind": "cancel", "filter": {"action_id": str(action.id), "status": "queued,running"}}
    operation = ask(alice, url, **body)
    assert operation["status"] == "running"
    assert operation["progress"] == 0
    assert operation["counts"] == {"total": len(runs), "succeeded": 0, "failed": 0}
    assert operation["filter"] == {"action_id": str(action.id), "status": ["queued", "running"]}
    assert advance_operations(now=NOW) == len(runs)
    done = alice.get(f"{url}/{operation['id']}").json()
    assert (done["status"], done["progress"]) == ("completed", 1.0)
    assert done["counts"] == {"total": len(runs), "succeeded": len(runs), "failed": 0}
    assert set(Run.objects.filter(action_id=action.id).values_list("status", flat=True)) == {
        "cancelled"
    }
    other.refresh_from_db()
    assert other.status == "queued"


def test_a_rerun_does_not_rerun_its_own_runs(alice: APIClient, url: str, action: Action) -> None:
    failed = [queue_ended(action) for _ in range(3)]
    ask(alice, url, kind="rerun", filter={"action_id": str(action.id)})
    advance_operations(now=NOW)
    assert advance_operations(now=NOW) == 0
    reruns = Run.objects.filter(rerun_of__isnull=False)
    assert reruns.count() == len(failed)
    assert set(reruns.values_list("rerun_of", flat=True)) == {run.id for run in failed}


def test_a_dry_run_counts_and_stores_nothing(alice: APIClient, url: str, action: Action) -> None:
    queue_run(action)
    body = {"kind": "cancel", "dry_run": True, "filter": {"since": "2026-01-01T00:00:00Z"}}
    answer = alice.post(url, body, format="json")
    assert answer.status_code == 200
    assert answer.json()["counts"] == {"total": 1}
    assert answer.json()["dry_run"] is True
    assert not Operation.objects.exists()


def test_an_empty_filter_result_is_completed_at_once(alice: APIClient, url: str) -> None:
    operation = ask(alice, url, kind="cancel")
    assert (operation["status"], operation["progress"]) == ("completed", 1.0)


def test_what_is_refused_is_counted_and_named(alice: APIClient, url: str, action: Action) -> None:
    ended = queue_ended(action, status="completed")
    operation = ask(alice, url, kind="cancel")
    advance_operations(now=NOW)
    done = alice.get(f"{url}/{operation['id']}").json()
    assert done["counts"] == {"total": 1, "succeeded": 0, "failed": 1}
    assert [failure["id"] for failure in done["failures"]] == [str(ended.id)]
    assert done["failures"][0]["code"] == "conflict"


def test_a_cancelled_operation_leaves_the_rest_alone(
    alice: APIClient, url: str, action: Action
) -> None:
    for _ in range(BATCH_SIZE * 2):
        queue_run(action)
    operation = ask(alice, url, kind="cancel")
    advance_operations(now=NOW, max_batches=1)
    halfway = alice.get(f"{url}/{operation['id']}").json()
    assert halfway["progress"] == 0.5
    assert alice.post(f"{url}/{operation['id']}/cancel").json()["status"] == "cancelled"
    assert advance_operations(now=NOW) == 0
    assert Run.objects.filter(status="queued").count() == BATCH_SIZE
    assert alice.post(f"{url}/{operation['id']}/cancel").status_code == 409


def test_operations_take_turns(alice: APIClient, url: str, action: Action) -> None:
    for _ in range(BATCH_SIZE * 2):
        queue_ended(action)
    first = ask(alice, url, kind="rerun", filter={"status": "failed"})
    second = ask(alice, url, kind="rerun", filter={"status": ["failed"]})
    advance_operations(now=NOW + dt.timedelta(days=1), max_batches=2)
    counts = [alice.get(f"{url}/{one['id']}").json()["counts"] for one in (first, second)]
    assert [count["succeeded"] for count in counts] == [BATCH_SIZE, BATCH_SIZE]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"kind": "explode"}, "/kind"),
        ({}, "/kind"),
        ({"kind": "cancel", "filter": {"status": "asleep"}}, "/filter/status"),
        ({"kind": "cancel", "filter": {"status": [1]}}, "/filter/status"),
        ({"kind": "cancel", "filter": {"colour": "red"}}, "/filter/colour"),
        ({"kind": "cancel", "filter": {"trigger_id": "x"}}, "/filter/trigger_id"),
        ({"kind": "cancel", "filter": {"since": "yesterday"}}, "/filter/since"),
        ({"kind": "cancel", "filter": 7}, "/filter"),
        ({"kind": "cancel", "dry_run": "no"}, "/dry_run"),
    ],
)
def test_garbage_names_its_field(
    alice: APIClient, url: str, body: dict[str, Any], pointer: str
) -> None:
    answer = alice.post(url, body, format="json")
    assert answer.status_code == 422, answer.json()
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_another_workspace_sees_nothing(alice: APIClient, url: str, action: Action) -> None:
    queue_run(action)
    operation = ask(alice, url, kind="cancel")
    workspace = WorkspaceFactory.create()
    bob = open_door(workspace.id, "*")
    assert bob.get(url).status_code == 404
    elsewhere = f"/v1/{workspace.id}/operations"
    assert bob.get(elsewhere).json()["items"] == []
    assert bob.get(f"{elsewhere}/{operation['id']}").status_code == 404
    assert bob.post(f"{elsewhere}/{operation['id']}/cancel").status_code == 404
    assert alice.get(f"{url}/{uuid4()}").status_code == 404
    assert [item["id"] for item in alice.get(url).json()["items"]] == [operation["id"]]


def test_the_scope_is_needed(action: Action, url: str) -> None:
    reader = open_door(action.workspace_id, "runs:read")
    assert reader.get(url).status_code == 200
    assert reader.post(url, {"kind": "cancel"}, format="json").status_code == 403


@pytest.mark.django_db(transaction=True)
def test_two_processes_do_no_item_twice(action: Action, alice: APIClient, url: str) -> None:
    for _ in range(BATCH_SIZE * 3):
        queue_ended(action)
    ask(alice, url, kind="rerun")

    def work() -> None:
        try:
            # Whoever comes while the only operation is locked goes home; so it is asked again.
            for _ in range(10):
                advance_operations(now=NOW)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reruns = Run.objects.filter(rerun_of__isnull=False).values_list("rerun_of", flat=True)
    assert len(reruns) == len(set(reruns)) == BATCH_SIZE * 3

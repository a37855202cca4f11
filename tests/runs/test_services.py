"""Start, cancel, rerun and the chores."""

import datetime as dt
import uuid
from typing import Any

import pytest
from django.utils import timezone

from actions.kinds.base import Completed
from events.models import Event
from runs import services
from runs.execution.claim import claim_runs
from runs.execution.settle import settle_run
from runs.models import Run
from tests.factories import ActionFactory, WorkspaceFactory, queue_run
from workspaces.rules.callers import Caller
from workspaces.rules.problems import Conflict, NotFound

pytestmark = pytest.mark.django_db

CALLER = Caller(kind="key", id="k1", workspace_id=None, scopes=frozenset({"*"}), is_operator=False)


def cancel(run: Run, **changes: Any) -> tuple[Run, str]:
    options = {"workspace_id": run.workspace_id, "run_id": run.id, **changes}
    return services.cancel_run(caller=CALLER, now=timezone.now(), **options)


def test_a_start_rings_only_when_it_commits(
    rings: list[tuple[str, int]], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        queue_run(ActionFactory())
        assert rings == []
    assert rings == [("instant", 1)]


def test_a_queued_run_is_cancelled_and_never_claimed() -> None:
    run = queue_run(ActionFactory())
    cancelled, previous = cancel(run)
    assert (cancelled.status, previous) == ("cancelled", "queued")
    assert claim_runs("instant", limit=1) == []
    event = Event.objects.get(event_type="trigger.cancelled")
    assert event.data["cancelled_by"] == "key:k1"


def test_a_cancelled_running_runs_result_is_refused() -> None:

    run = queue_run(ActionFactory())
    (claimed,) = claim_runs("instant", limit=1)
    assert cancel(run)[1] == "running"
    assert not settle_run(claimed, Completed({}))
    run.refresh_from_db()
    assert run.status == "cancelled"


def test_an_ended_run_cannot_be_cancelled() -> None:
    run = queue_run(ActionFactory())
    cancel(run)
    with pytest.raises(Conflict, match="it is cancelled"):
        cancel(run)


def test_a_run_of_another_workspace_cannot_be_seen_or_cancelled() -> None:
    run = queue_run(ActionFactory())
    stranger = WorkspaceFactory().id
    with pytest.raises(NotFound):
        cancel(run, workspace_id=stranger)
    with pytest.raises(NotFound):
        services.find_run(workspace_id=stranger, run_id=run.id)


def test_a_rerun_has_the_same_input_and_a_chain_of_its_own() -> None:
    run = queue_run(ActionFactory(), input={"a": [1]}, trigger_id=uuid.uuid4())
    again = services.rerun_run(
        workspace_id=run.workspace_id, run_id=run.id, caller=CALLER, now=timezone.now()
    )
    assert (again.input, again.rerun_of, again.trigger_id) == ({"a": [1]}, run.id, run.trigger_id)
    assert again.chain_id != run.chain_id
    assert again.triggered_by == "manual:key:k1"
    fired = Event.objects.get(id=again.fired_event_id)
    assert fired.data["rerun_of"] == str(run.id)


def test_a_run_of_a_disabled_or_deleted_action_cannot_be_rerun() -> None:
    action = ActionFactory(enabled=False)
    run = queue_run(action)
    options: dict[str, Any] = {
        "workspace_id": run.workspace_id,
        "run_id": run.id,
        "caller": CALLER,
        "now": timezone.now(),
    }
    with pytest.raises(Conflict, match="disabled"):
        services.rerun_run(**options)
    action.delete()
    with pytest.raises(Conflict, match="deleted"):
        services.rerun_run(**options)


def test_queues_with_waiting_runs_are_rung_again(rings: list[tuple[str, int]]) -> None:
    queue_run(ActionFactory())
    assert services.ring_due_queues() == 0
    queue_run(ActionFactory(), available_at=timezone.now() - dt.timedelta(seconds=5))
    assert services.ring_due_queues() == 1
    assert rings == [("instant", 1)]

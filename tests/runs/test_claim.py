"""Claims: lease, token, attempt; priority first, workspaces in turn, suspects alone."""

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from runs.execution.claim import WORKSPACES_PER_CLAIM, claim_runs, claim_suspect, find_due_queues
from runs.models import Run
from tests.factories import ActionFactory, WorkspaceFactory, queue_run

pytestmark = pytest.mark.django_db


def test_a_claim_gives_a_lease_a_token_and_one_more_attempt() -> None:
    queued = queue_run(ActionFactory(timeout_seconds=10))
    (claimed,) = claim_runs("instant", limit=50)
    run = Run.objects.get(id=queued.id)
    assert (run.status, run.attempt, run.lease_token) == ("running", 1, claimed.lease_token)
    assert run.lease_until is not None
    assert run.deadline_at is not None
    assert run.started_at is not None
    assert run.lease_until - claimed.claimed_at == dt.timedelta(seconds=30)
    assert run.deadline_at - claimed.claimed_at == dt.timedelta(seconds=15)
    assert claimed.input == {}


def test_a_claimed_run_is_not_claimed_again() -> None:
    queue_run(ActionFactory())
    assert len(claim_runs("instant", limit=50)) == 1
    assert claim_runs("instant", limit=50) == []


def test_a_run_of_another_queue_or_of_the_future_is_left_alone() -> None:
    queue_run(ActionFactory(), available_at=timezone.now() + dt.timedelta(seconds=60))
    assert claim_runs("instant", limit=50) == []
    queue_run(ActionFactory())
    assert claim_runs("network", limit=50) == []


def test_the_highest_priority_is_claimed_first() -> None:
    action = ActionFactory()
    for priority in (5, 10, 1, 10):
        queue_run(action, priority=priority)
    claimed = [run.id for _ in range(3) for run in claim_runs("instant", limit=50)]
    priorities = dict(Run.objects.values_list("id", "priority"))
    assert [priorities[run_id] for run_id in claimed] == [10, 10, 5, 1]


def test_a_workspace_with_many_runs_leaves_room_for_one_with_a_single_run() -> None:
    busy, quiet = ActionFactory(), ActionFactory()
    for _ in range(20):
        queue_run(busy)
    lonely = queue_run(quiet)
    claimed = claim_runs("instant", limit=10)
    assert lonely.id in {run.id for run in claimed}


def test_claims_of_one_go_round_the_workspaces() -> None:
    actions = [ActionFactory(workspace=WorkspaceFactory()) for _ in range(3)]
    for action in actions:
        for _ in range(3):
            queue_run(action)
    claimed = [claim_runs("instant", limit=1)[0].workspace_id for _ in range(3)]
    assert set(claimed) == {action.workspace_id for action in actions}


def test_the_next_claim_begins_behind_the_last_workspace_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whichever of the claimed runs is the newest."""
    monkeypatch.setattr("runs.execution.claim._last_workspace", {})
    actions = [ActionFactory(workspace=WorkspaceFactory()) for _ in range(WORKSPACES_PER_CLAIM + 2)]
    for action in sorted(actions, key=lambda one: one.workspace_id, reverse=True):
        for _ in range(2):
            queue_run(action)
    claimed = [run for _ in range(2) for run in claim_runs("instant", limit=WORKSPACES_PER_CLAIM)]
    assert len({run.workspace_id for run in claimed}) == len(actions)


def test_a_run_that_lost_a_lease_is_claimed_alone() -> None:
    action = ActionFactory()
    suspect = queue_run(action, lost_leases=1)
    healthy = queue_run(action)
    assert [run.id for run in claim_runs("instant", limit=50)] == [healthy.id]
    assert [run.id for run in claim_suspect("instant")] == [suspect.id]


def test_a_run_past_its_start_deadline_is_not_claimed() -> None:
    queue_run(ActionFactory(), start_deadline_at=timezone.now() - dt.timedelta(seconds=1))
    assert claim_runs("instant", limit=50) == []


def test_a_claim_is_one_statement() -> None:
    for _ in range(5):
        queue_run(ActionFactory())
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert len(claim_runs("instant", limit=50)) == 5
    assert len(queries) == 1


def test_due_queues_are_counted_with_the_age_of_the_oldest() -> None:
    queue_run(ActionFactory(), available_at=timezone.now() - dt.timedelta(seconds=90))
    queue_run(ActionFactory())
    ((queue, count, age),) = find_due_queues(waiting_seconds=10)
    assert (queue, count) == ("instant", 1)
    assert 85 < age < 120

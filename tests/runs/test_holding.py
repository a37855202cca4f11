"""Held runs: claimed by nobody, let go by whoever ends the one before them, in the same commit."""

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from runs.execution.claim import claim_runs, find_due_queues
from runs.execution.perform import execute_batch
from runs.models import Run
from runs.services import (
    cancel_runs,
    fail_late_starts,
    guard_runs,
    read_live_runs,
    release_stranded_runs,
    rerun_run,
)
from tests.factories import ActionFactory, TriggerFactory, queue_run
from workspaces.rules.callers import Caller
from workspaces.services import new_id

pytestmark = pytest.mark.django_db

CALLER = Caller(kind="key", id="k1", workspace_id=None, scopes=frozenset(), is_operator=False)


def make_row(count: int) -> list[Run]:
    """A row of runs, each held until the one before it has ended."""
    action = ActionFactory.create()
    trigger_id = TriggerFactory.create(action=action).id
    runs = [queue_run(action, trigger_id=trigger_id) for _ in range(count)]
    guard_runs({run.id: None if n == 0 else runs[n - 1].id for n, run in enumerate(runs)})
    return runs


def read_waits(runs: list[Run]) -> list[object]:
    rows = Run.objects.in_bulk([run.id for run in runs])
    return [rows[run.id].waits_for for run in runs]


def end_by_hand(*runs: Run) -> None:
    """As if the commit that ended them had let go of nobody."""
    Run.objects.filter(id__in=[run.id for run in runs]).update(
        status="cancelled", ended_at=timezone.now()
    )


def test_a_held_run_is_neither_claimed_nor_rung_for() -> None:
    first, _ = make_row(2)
    assert find_due_queues(waiting_seconds=0)[0][:2] == ("instant", 1)
    assert [run.id for run in claim_runs("instant", limit=50)] == [first.id]
    assert claim_runs("instant", limit=50) == []


def test_settling_the_first_lets_the_second_go_with_a_fresh_time() -> None:
    first, second, third = make_row(3)
    Run.objects.filter(id=second.id).update(available_at=timezone.now() - dt.timedelta(hours=1))
    execute_batch(claim_runs("instant", limit=50))
    assert read_waits([first, second, third]) == [None, None, second.id]
    # It has been due since now, not for an hour.
    assert find_due_queues(waiting_seconds=60) == []
    assert [run.id for run in claim_runs("instant", limit=50)] == [second.id]


def test_a_run_that_nobody_waits_for_settles_without_a_statement_more() -> None:
    queue_run(ActionFactory())
    claimed = claim_runs("instant", limit=50)
    with CaptureQueriesContext(connection) as queries:
        execute_batch(claimed)
    assert not [query for query in queries if "waits_for" in query["sql"]]


def test_a_late_start_ends_a_held_run_and_hands_its_place_down() -> None:
    first, second, third = make_row(3)
    Run.objects.filter(id=second.id).update(
        start_deadline_at=timezone.now() - dt.timedelta(seconds=1)
    )
    assert fail_late_starts() == 1
    assert read_waits([third]) == [first.id]


def test_two_links_that_end_in_one_batch_leave_nobody_waiting() -> None:
    runs = make_row(3)
    ids = [run.id for run in runs[:2]]
    assert cancel_runs(ids, cancelled_by="system:test", reason="test") == set(ids)
    assert read_waits(runs[2:]) == [None]


def test_what_was_stranded_is_swept_up() -> None:
    first, second, third = make_row(3)
    end_by_hand(first)
    assert release_stranded_runs() == 1
    assert read_waits([second, third]) == [None, second.id]
    assert release_stranded_runs() == 0


def test_a_row_whose_links_vanished_is_swept_up_link_by_link() -> None:
    runs = make_row(3)
    Run.objects.filter(id=runs[0].id).delete()
    end_by_hand(runs[1])
    while release_stranded_runs():
        pass
    assert read_waits(runs[2:]) == [None]


def test_only_live_runs_of_guarding_triggers_are_read() -> None:
    runs = make_row(2)
    queue_run(ActionFactory.create(), trigger_id=new_id())
    trigger_id = runs[0].trigger_id
    assert trigger_id is not None
    found = read_live_runs([trigger_id], lock=True)
    assert [(run.id, run.is_held) for run in found[trigger_id]] == [
        (runs[0].id, False),
        (runs[1].id, True),
    ]
    end_by_hand(*runs)
    assert read_live_runs([trigger_id], lock=False) == {}


def test_a_rerun_of_a_guarded_run_is_guarded_and_waits_for_nobody() -> None:
    (run,) = make_row(1)
    again = rerun_run(
        workspace_id=run.workspace_id, run_id=run.id, caller=CALLER, now=timezone.now()
    )
    assert (again.guards_overlap, again.waits_for) == (True, None)


def test_ended_runs_are_not_cancelled() -> None:
    (run,) = make_row(1)
    end_by_hand(run)
    assert cancel_runs([run.id], cancelled_by="system:test", reason="test") == set()
    assert cancel_runs([], cancelled_by="system:test", reason="test") == set()

"""How many instant runs are claimed at a time, and how a drain comes to more of them."""

import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from actions.kinds.base import ActionCall, Completed
from runs.execution import drain, drain_queue
from runs.execution.claim import ClaimedRun, claim_runs
from runs.execution.perform import execute_batch
from runs.models import Run
from runs.rules.batches import QUICK_SECONDS, choose_batch_size
from tests.factories import ActionFactory, queue_run
from tests.runs.conftest import ScriptedKind


@pytest.mark.parametrize(
    ("size", "claimed", "seconds", "expected"),
    [
        (50, 50, 0.01, 100),
        (100, 100, 0.01, 200),
        (200, 200, 0.01, 200),
        (50, 49, 0.01, 50),
        (200, 199, 0.01, 50),
        (50, 50, QUICK_SECONDS, 50),
        (200, 200, QUICK_SECONDS, 50),
        (200, 0, 0.0, 50),
    ],
)
def test_a_batch_is_doubled_while_batches_are_full_and_quick(
    size: int, claimed: int, seconds: float, expected: int
) -> None:
    assert choose_batch_size(size, claimed=claimed, seconds=seconds) == expected


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The limit of every claim that a drain makes."""
    limits: list[int] = []

    def claim(queue: str, *, limit: int) -> list[ClaimedRun]:
        limits.append(limit)
        return claim_runs(queue, limit=limit)

    monkeypatch.setattr(drain, "claim_runs", claim)
    return limits


def _queue_many(count: int) -> None:
    action = ActionFactory(action_type="scripted")
    for _ in range(count):
        queue_run(action)


def _drain() -> int:
    return drain_queue("instant", should_stop=lambda: False, ring=lambda queue: None)


@pytest.mark.django_db
def test_a_backlog_of_quick_runs_is_drained_in_growing_batches(
    scripted: ScriptedKind, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # However slow the machine is that tests it.
    monkeypatch.setattr("runs.rules.batches.QUICK_SECONDS", 60.0)
    _queue_many(360)
    assert _drain() == 360
    # The last but one came back half empty: the backlog is gone.
    assert asked == [50, 100, 200, 200, 50]
    assert set(Run.objects.values_list("status", flat=True)) == {"completed"}


@pytest.mark.django_db
def test_runs_that_take_their_time_stay_in_small_batches(
    scripted: ScriptedKind, asked: list[int]
) -> None:
    def dawdle(call: ActionCall) -> Completed:
        time.sleep(QUICK_SECONDS / 50)
        return Completed({})

    scripted.script = dawdle
    _queue_many(120)
    assert _drain() == 120
    assert asked == [50, 50, 50, 50]


@pytest.mark.django_db
def test_after_a_suspect_the_next_one_is_looked_for_at_once(
    scripted: ScriptedKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each alone, but not eight batches apart: a lost worker may leave a large batch of them."""
    monkeypatch.setattr("runs.rules.batches.QUICK_SECONDS", 0.0)
    _queue_many(250)
    action = ActionFactory(action_type="scripted")
    suspects = {queue_run(action, lost_leases=1).id for _ in range(3)}
    assert _drain() == 253
    assert suspects <= {call.run_id for call in scripted.calls[: 3 + 3 * 50]}


@pytest.mark.django_db
def test_a_batch_costs_the_same_statements_whatever_its_size(scripted: ScriptedKind) -> None:
    counts = []
    for size in (50, 200):
        _queue_many(size)
        claimed = claim_runs("instant", limit=size)
        with CaptureQueriesContext(connection) as queries:
            execute_batch(claimed)
        counts.append(len(queries))
    assert counts[0] == counts[1]

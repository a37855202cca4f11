"""Lost workers, late starts, overdue reports: each ends in a move with its event."""

import datetime as dt
import uuid

import pytest
from django.utils import timezone

from actions.rules.retry import RetryPolicy
from events.models import Event
from runs.execution import fail_late_starts, reap_expired_leases
from runs.execution.claim import claim_runs, claim_suspect
from runs.models import Run
from tests.factories import ActionFactory, queue_run

pytestmark = pytest.mark.django_db

PAST = dt.timedelta(seconds=-1)


def lose_lease(run: Run) -> None:
    Run.objects.filter(id=run.id).update(available_at=timezone.now() - dt.timedelta(hours=1))
    (_,) = claim_runs("instant", limit=1) or claim_suspect("instant")
    Run.objects.filter(id=run.id).update(lease_until=timezone.now() + PAST)
    reap_expired_leases()
    run.refresh_from_db()


def test_a_lost_lease_returns_the_run_at_once_also_without_retries() -> None:
    run = queue_run(ActionFactory(), retry=RetryPolicy("none", 0, 1, 1))
    lose_lease(run)
    assert (run.status, run.lost_leases, run.lease_token) == ("queued", 1, None)
    assert run.available_at <= timezone.now()
    event = Event.objects.get(chain_id=run.chain_id, event_type="trigger.retrying")
    assert event.data["error"]["code"] == "worker_lost"
    assert event.data["attempt"] == 1


def test_a_run_that_kills_its_workers_ends_failed() -> None:
    run = queue_run(ActionFactory())
    for _ in range(3):
        lose_lease(run)
    assert run.error is not None
    assert (run.status, run.attempt, run.error["code"]) == ("failed", 3, "worker_lost")
    types = Event.objects.filter(chain_id=run.chain_id).order_by("id")
    assert [event.event_type for event in types] == [
        "trigger.fired",
        "trigger.retrying",
        "trigger.retrying",
        "trigger.failed",
    ]


def test_a_live_lease_is_left_alone() -> None:
    run = queue_run(ActionFactory())
    claim_runs("instant", limit=1)
    assert reap_expired_leases() == 0
    run.refresh_from_db()
    assert run.status == "running"


def test_overdue_delegated_work_fails_with_timeout() -> None:
    run = queue_run(
        ActionFactory(), status="delegated", deadline_at=timezone.now() + PAST, attempt=1
    )
    assert reap_expired_leases() == 1
    run.refresh_from_db()
    assert run.error is not None
    assert (run.status, run.error["code"]) == ("failed", "timeout")


def test_a_run_that_has_not_started_by_its_deadline_fails() -> None:
    late = queue_run(ActionFactory(), start_deadline_at=timezone.now() + PAST)
    intime = queue_run(ActionFactory(), start_deadline_at=timezone.now() + dt.timedelta(hours=1))
    assert fail_late_starts() == 1
    late.refresh_from_db()
    intime.refresh_from_db()
    assert late.error is not None
    assert (late.status, late.error["code"]) == ("failed", "start_deadline")
    assert intime.status == "queued"


def test_a_running_row_without_a_lease_is_refused_by_the_database() -> None:
    run = queue_run(ActionFactory())
    with pytest.raises(Exception, match="runs_run_running_holds_a_lease"):
        Run.objects.filter(id=run.id).update(status="running", lease_token=uuid.uuid4())

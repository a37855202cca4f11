"""Perform and settle: every outcome's move and event, fencing, retries, the batch's one commit."""

import datetime as dt
import uuid
from dataclasses import replace

import pytest
from django.db import OperationalError
from django.utils import timezone

from actions.kinds.base import Completed, Delegated, Failed
from actions.rules.retry import RetryPolicy
from events.models import Event
from runs.execution import drain_queue, perform
from runs.execution.claim import claim_runs, claim_suspect
from runs.execution.heartbeat import Heartbeat
from runs.execution.perform import execute_batch, execute_run
from runs.execution.settle import settle_run
from runs.models import Run
from tests.factories import ActionFactory, queue_run
from tests.runs.conftest import ScriptedKind

pytestmark = pytest.mark.django_db


def chain(run: Run) -> list[str]:
    events = Event.objects.filter(chain_id=run.chain_id).order_by("id")
    return [event.event_type for event in events]


def drain(queue: str = "instant") -> int:
    return drain_queue(queue, should_stop=lambda: False, ring=lambda queue: None)


def test_a_completed_run_keeps_its_output_and_ends_its_chain(scripted: ScriptedKind) -> None:
    run = queue_run(ActionFactory(action_type="scripted"), input={"a": 1})
    assert drain() == 1
    run.refresh_from_db()
    assert (run.status, run.output, run.error, run.lease_token) == (
        "completed",
        {"ok": True},
        None,
        None,
    )
    assert run.ended_at is not None
    assert chain(run) == ["trigger.fired", "trigger.completed"]
    fired, completed = Event.objects.filter(chain_id=run.chain_id).order_by("id")
    assert completed.parent_id == fired.id == run.chain_id
    assert completed.data["triggered_by"] == run.triggered_by
    assert completed.data["events_written"] == 0
    assert completed.data["duration_ms"] >= 0
    assert scripted.calls[0].input == {"a": 1}


def test_a_retryable_failure_is_tried_again_later_and_then_fails_for_good(
    scripted: ScriptedKind,
) -> None:
    scripted.script = lambda call: Failed("busy", "come back", retryable=True)
    action = ActionFactory(action_type="scripted")
    run = queue_run(action, retry=RetryPolicy("backoff", 2, 2.0, 600.0))
    for attempt in (1, 2, 3):
        Run.objects.filter(id=run.id).update(available_at=timezone.now() - dt.timedelta(hours=1))
        drain()
        run.refresh_from_db()
        assert run.attempt == attempt
    assert run.status == "failed"
    assert run.error == {"code": "busy", "message": "come back", "retryable": True}
    assert chain(run) == [
        "trigger.fired",
        "trigger.retrying",
        "trigger.retrying",
        "trigger.failed",
    ]
    retrying = Event.objects.filter(chain_id=run.chain_id, event_type="trigger.retrying")
    assert [event.data["attempt"] for event in retrying.order_by("id")] == [1, 2]
    assert all(event.data["next_attempt_at"].endswith("Z") for event in retrying)


def test_a_run_that_waits_for_its_retry_is_not_claimed(scripted: ScriptedKind) -> None:
    scripted.script = lambda call: Failed("busy", "", retryable=True, retry_after_seconds=60)
    run = queue_run(ActionFactory(action_type="scripted"))
    drain()
    run.refresh_from_db()
    assert run.status == "queued"
    assert dt.timedelta(seconds=55) < run.available_at - timezone.now() < dt.timedelta(seconds=61)
    assert drain() == 0


def test_a_permanent_failure_ends_the_run_at_once(scripted: ScriptedKind) -> None:
    scripted.script = lambda call: Failed("nope", "no", retryable=False)
    run = queue_run(ActionFactory(action_type="scripted"))
    drain()
    run.refresh_from_db()
    assert run.status == "failed"
    assert chain(run) == ["trigger.fired", "trigger.failed"]


def test_an_action_that_raises_is_a_failure_with_a_code(scripted: ScriptedKind) -> None:
    def explode(call: object) -> Completed:
        raise ZeroDivisionError

    scripted.script = explode
    run = queue_run(ActionFactory(action_type="scripted"), retry=RetryPolicy("none", 0, 1, 1))
    drain()
    run.refresh_from_db()
    assert run.status == "failed"
    assert run.error is not None
    assert run.error["code"] == "internal"


def test_delegated_work_waits_for_its_report(scripted: ScriptedKind) -> None:
    scripted.script = lambda call: Delegated(deadline_seconds=60, output={"ticket": 7})
    run = queue_run(ActionFactory(action_type="scripted"))
    drain()
    run.refresh_from_db()
    assert (run.status, run.output, run.lease_token) == ("delegated", {"ticket": 7}, None)
    assert run.deadline_at is not None
    assert chain(run) == ["trigger.fired", "trigger.delegated"]


def test_a_run_whose_action_was_deleted_fails_for_good() -> None:
    action = ActionFactory()
    run = queue_run(action)
    action.delete()
    drain()
    run.refresh_from_db()
    assert run.error is not None
    assert (run.status, run.error["code"]) == ("failed", "action_deleted")


def test_a_batch_is_settled_as_one(scripted: ScriptedKind) -> None:
    action = ActionFactory(action_type="scripted")
    runs = [queue_run(action) for _ in range(60)]
    assert drain() == 60
    assert set(Run.objects.values_list("status", flat=True)) == {"completed"}
    assert Event.objects.filter(event_type="trigger.completed").count() == len(runs)


def test_a_settlement_with_a_stale_token_writes_nothing() -> None:
    run = queue_run(ActionFactory())
    (claimed,) = claim_runs("instant", limit=1)
    zombie = replace(claimed, lease_token=uuid.uuid4())
    assert settle_run(zombie, Completed({"from": "zombie"})) is False
    assert settle_run(claimed, Completed({"from": "owner"})) is True
    run.refresh_from_db()
    assert run.output == {"from": "owner"}
    assert chain(run) == ["trigger.fired", "trigger.completed"]


def test_a_settlement_told_twice_counts_once() -> None:
    run = queue_run(ActionFactory())
    (claimed,) = claim_runs("instant", limit=1)
    assert settle_run(claimed, Completed({}))
    assert not settle_run(claimed, Completed({}))
    assert chain(run) == ["trigger.fired", "trigger.completed"]


def test_a_batch_leaves_alone_what_it_no_longer_holds(scripted: ScriptedKind) -> None:
    queue_run(ActionFactory(action_type="scripted"))
    (claimed,) = claim_runs("instant", limit=1)
    execute_batch([replace(claimed, lease_token=uuid.uuid4())])
    assert scripted.calls == []


def test_a_batch_is_tried_again_after_a_lost_connection(
    scripted: ScriptedKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = queue_run(ActionFactory(action_type="scripted"))
    failures = iter([OperationalError("gone")])
    write = perform.__dict__["write_transitions"]

    def fail_once(moves: object) -> object:
        error = next(failures, None)
        if error is not None:
            raise error
        return write(moves)

    monkeypatch.setattr(perform, "write_transitions", fail_once)
    monkeypatch.setattr(perform, "RETRY_WAITS", (0,))
    monkeypatch.setattr("runs.execution.perform.connection.close", lambda: None)
    drain()
    run.refresh_from_db()
    assert run.status == "completed"


def test_a_network_run_is_performed_without_a_lock_and_settled(scripted: ScriptedKind) -> None:
    scripted.queue = "network"
    run = queue_run(ActionFactory(action_type="scripted"))
    assert drain("network") == 1
    run.refresh_from_db()
    assert run.status == "completed"


def test_a_suspect_is_executed_before_a_batch_and_alone(scripted: ScriptedKind) -> None:
    action = ActionFactory(action_type="scripted")
    suspect = queue_run(action, lost_leases=1)
    others = {queue_run(action).id for _ in range(3)}
    assert drain() == 4
    assert scripted.calls[0].run_id == suspect.id
    assert {call.run_id for call in scripted.calls[1:]} == others


def test_a_drain_stops_when_told_to() -> None:
    queue_run(ActionFactory())
    assert drain_queue("instant", should_stop=lambda: True, ring=lambda queue: None) == 0


def test_a_network_drain_wakes_another_slot_while_more_is_due(scripted: ScriptedKind) -> None:
    scripted.queue = "network"
    action = ActionFactory(action_type="scripted")
    for _ in range(3):
        queue_run(action)
    woken: list[str] = []
    drain_queue("network", should_stop=lambda: False, ring=woken.append)
    assert woken == ["network"]


def test_the_heartbeat_extends_the_leases_it_holds() -> None:
    run = queue_run(ActionFactory())
    (claimed,) = claim_runs("instant", limit=1)
    early = timezone.now() + dt.timedelta(seconds=3)
    Run.objects.filter(id=run.id).update(lease_until=early)
    heartbeat = Heartbeat()
    with heartbeat.hold(claimed) as cancelled:
        heartbeat.extend_leases()
    run.refresh_from_db()
    assert run.lease_until is not None
    assert run.lease_until > early
    assert not cancelled.is_set()


def test_the_heartbeat_tells_an_action_whose_lease_is_gone() -> None:
    run = queue_run(ActionFactory())
    (claimed,) = claim_runs("instant", limit=1)
    Run.objects.filter(id=run.id).update(lease_token=uuid.uuid4())
    heartbeat = Heartbeat()
    with heartbeat.hold(claimed) as cancelled:
        heartbeat.extend_leases()
    assert cancelled.is_set()


def test_the_heartbeat_fails_a_run_past_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    run = queue_run(ActionFactory())
    (claimed,) = claim_runs("instant", limit=1)
    heartbeat = Heartbeat()
    monkeypatch.setattr("runs.execution.heartbeat.DEADLINE_GRACE_SECONDS", -1000)
    with heartbeat.hold(claimed) as cancelled:
        heartbeat.extend_leases()
    run.refresh_from_db()
    assert run.error is not None
    assert (run.status, run.error["code"]) == ("failed", "timeout")
    assert cancelled.is_set()
    assert not settle_run(claimed, Completed({}))


def test_execute_run_keeps_its_lease_while_it_performs(scripted: ScriptedKind) -> None:
    scripted.queue = "network"
    queue_run(ActionFactory(action_type="scripted"))
    (claimed,) = claim_runs("network", limit=1)
    execute_run(claimed)
    assert not claim_suspect("network")
    assert Run.objects.get().status == "completed"

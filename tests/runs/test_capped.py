"""``max_concurrency``: never more of an action than its cap, and nobody else waits for it."""

import datetime as dt
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import connection
from django.utils import timezone

from actions.kinds.base import ActionCall, Completed
from actions.models import Action
from runs.execution import capped, drain_queue
from runs.execution.capped import claim_capped
from runs.execution.claim import claim_runs, claim_suspect, find_due_queues
from runs.models import Run
from runs.rules.lanes import find_queue, is_capped_lane, name_lane
from runs.services import apply_new_caps
from tests.factories import ActionFactory, queue_run
from tests.runs.conftest import ScriptedKind

pytestmark = pytest.mark.django_db

LANE = "instant.capped"


@pytest.fixture(autouse=True)
def first_turn() -> Iterator[None]:
    capped._last_action.clear()
    yield
    capped._last_action.clear()


def make(cap: int | None = 2, *, runs: int = 0, **fields: object) -> Action:
    action = ActionFactory.create(max_concurrency=cap, **fields)
    for _ in range(runs):
        queue_run(action)
    return action


def claim_all() -> list[uuid.UUID]:
    claimed = []
    while one := claim_capped(LANE):
        claimed.append(one[0].action_id)
    return claimed


def test_a_lane_stands_beside_its_queue() -> None:
    assert name_lane("network", is_capped=True) == "network.capped"
    assert name_lane("network", is_capped=False) == "network"
    assert (find_queue("network.capped"), find_queue("network")) == ("network", "network")
    assert (is_capped_lane("network.capped"), is_capped_lane("network")) == (True, False)


def test_an_action_has_no_more_running_runs_than_its_cap() -> None:
    action = make(2, runs=5)
    assert claim_all() == [action.id] * 2
    Run.objects.filter(status="running").update(
        status="completed", lease_token=None, ended_at=timezone.now()
    )
    assert claim_all() == [action.id] * 2


def test_plain_claims_do_not_see_capped_runs_nor_the_other_way_round() -> None:
    make(2, runs=1)
    plain = queue_run(ActionFactory.create())
    assert [run.id for run in claim_runs("instant", limit=50)] == [plain.id]
    assert claim_suspect("instant") == []
    assert len(claim_all()) == 1


def test_a_full_action_is_passed_over_for_the_others() -> None:
    full, other = make(1, runs=50), make(1, runs=1)
    assert set(claim_all()) == {full.id, other.id}


def test_actions_take_turns_and_priority_goes_first() -> None:
    one, two = make(9, runs=2), make(9, runs=2)
    urgent = queue_run(one, priority=9)
    first, *others = [claim_capped(LANE)[0] for _ in range(5)]
    assert first.id == urgent.id
    assert [run.action_id for run in others] in ([two.id, one.id] * 2, [one.id, two.id] * 2)


def test_a_retry_gives_its_place_up_while_it_waits() -> None:
    action = make(1, runs=2)
    (run,) = claim_capped(LANE)
    Run.objects.filter(id=run.id).update(
        status="queued",
        lease_token=None,
        available_at=timezone.now() + dt.timedelta(minutes=1),
    )
    assert claim_all() == [action.id]


def test_what_lost_its_lease_is_claimed_from_the_lane() -> None:
    queue_run(make(1), lost_leases=1)
    assert len(claim_all()) == 1


def test_runs_of_the_future_or_past_their_start_deadline_are_left() -> None:
    action = make(5)
    queue_run(action, available_at=timezone.now() + dt.timedelta(minutes=1))
    queue_run(action, start_deadline_at=timezone.now() - dt.timedelta(minutes=1))
    assert claim_all() == []


def test_a_lifted_cap_lets_everything_through() -> None:
    action = make(1, runs=3)
    Action.objects.filter(id=action.id).update(max_concurrency=None)
    assert len(claim_all()) == 3


def test_a_claim_that_finds_a_page_of_full_actions_looks_behind_it_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(capped, "ACTIONS_PER_CLAIM", 2)
    actions = sorted((make(1, runs=2) for _ in range(3)), key=lambda action: action.id)
    for action in actions[:2]:
        run = Run.objects.filter(action_id=action.id).first()
        assert run is not None
        Run.objects.filter(id=run.id).update(
            status="running",
            lease_token=run.id,
            lease_until=timezone.now(),
            deadline_at=timezone.now(),
        )
    assert [run.action_id for _ in range(2) for run in claim_capped(LANE)] == [actions[2].id]


def test_a_new_cap_takes_in_the_runs_that_are_there() -> None:
    action = make(None, runs=4)
    claim_runs("instant", limit=1)
    Action.objects.filter(id=action.id).update(max_concurrency=2)
    now = timezone.now()
    assert apply_new_caps(now=now) == 4
    assert apply_new_caps(now=now) == 0
    assert claim_runs("instant", limit=50) == []
    # One is running already.
    assert len(claim_all()) == 1


def test_an_old_cap_is_not_looked_at_again() -> None:
    action = make(None, runs=1)
    Action.objects.filter(id=action.id).update(max_concurrency=2)
    assert apply_new_caps(now=timezone.now() + dt.timedelta(hours=1)) == 0


def test_due_runs_of_the_lane_are_rung_for() -> None:
    make(2, runs=3)
    assert find_due_queues(waiting_seconds=0)[0][:2] == (LANE, 3)


def test_a_bell_for_the_lane_executes_it_one_by_one(scripted: ScriptedKind) -> None:
    action = make(1, runs=3, action_type="scripted")
    done = drain_queue(LANE, should_stop=lambda: False, ring=lambda _: None)
    assert (done, len(scripted.calls)) == (3, 3)
    assert set(Run.objects.filter(action_id=action.id).values_list("status", flat=True)) == {
        "completed"
    }


@pytest.mark.django_db(transaction=True)
def test_eight_slots_never_run_more_than_three_at_once(scripted: ScriptedKind) -> None:
    scripted.queue = "network"
    lock, running, peaks = threading.Lock(), Counter[str](), []

    def perform(_: ActionCall) -> Completed:
        with lock:
            running["now"] += 1
            peaks.append(running["now"])
        time.sleep(0.02)
        with lock:
            running["now"] -= 1
        return Completed({})

    scripted.script = perform
    make(3, runs=24, action_type="scripted")
    barrier = threading.Barrier(8)

    def drain(_: int) -> None:
        try:
            barrier.wait(10)
            until = time.monotonic() + 20
            while Run.objects.filter(status="queued").exists() and time.monotonic() < until:
                drain_queue("network.capped", should_stop=lambda: False, ring=lambda _: None)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(drain, range(8)))
    assert set(Run.objects.values_list("status", flat=True)) == {"completed"}
    assert 1 < max(peaks) <= 3


@pytest.mark.django_db(transaction=True)
def test_claims_at_once_do_not_exceed_the_cap() -> None:
    make(3, runs=20)
    barrier = threading.Barrier(10)

    def claim(_: int) -> int:
        try:
            barrier.wait(10)
            return len(claim_capped(LANE))
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(partial(claim), range(10))) == 3

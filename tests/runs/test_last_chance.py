"""A run that has lost its worker twice runs alone among its like: no neighbour dies of another's
poison.
"""

import threading

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from actions.models import Action
from runs.execution.capped import claim_capped
from runs.execution.claim import claim_suspect
from runs.models import Run
from runs.rules.retry import LAST_CHANCE, MAX_LOST_LEASES
from tests.factories import ActionFactory, queue_run


def queue_suspect(action: Action, *, lost_leases: int = LAST_CHANCE, queue: str = "network") -> Run:
    return queue_run(action, lost_leases=lost_leases, queue=queue)


def end(*runs: Run) -> None:
    Run.objects.filter(id__in=[run.id for run in runs]).update(
        status="completed", lease_token=None, ended_at=timezone.now()
    )


def test_a_last_chance_is_the_one_before_the_last_lease_is_lost() -> None:
    assert LAST_CHANCE + 1 == MAX_LOST_LEASES


@pytest.mark.django_db
def test_one_after_the_other_gets_its_last_chance() -> None:
    action = ActionFactory.create()
    first, second = queue_suspect(action), queue_suspect(action)
    assert [run.id for run in claim_suspect("network")] == [first.id]
    assert claim_suspect("network") == []
    end(first)
    assert [run.id for run in claim_suspect("network")] == [second.id]


@pytest.mark.django_db
def test_those_that_lost_one_lease_and_other_queues_do_not_wait_for_it() -> None:
    action = ActionFactory.create()
    last = queue_suspect(action)
    assert claim_suspect("network")[0].id == last.id
    queue_suspect(action)
    other, elsewhere = queue_suspect(action, lost_leases=1), queue_suspect(action, queue="instant")
    assert [run.id for run in claim_suspect("network")] == [other.id]
    assert [run.id for run in claim_suspect("instant")] == [elsewhere.id]


@pytest.mark.django_db
def test_the_lanes_of_a_queue_share_their_workers_and_so_the_last_chance() -> None:
    plain, capped = ActionFactory.create(), ActionFactory.create(max_concurrency=5)
    last = queue_suspect(plain)
    held = queue_suspect(capped, queue="network.capped")
    healthy = queue_run(capped, queue="network.capped")
    assert claim_suspect("network")[0].id == last.id
    assert [run.id for run in claim_capped("network.capped")] == [healthy.id]
    assert claim_capped("network.capped") == []
    end(last)
    assert [run.id for run in claim_capped("network.capped")] == [held.id]


@pytest.mark.django_db
def test_the_database_itself_keeps_it_to_one() -> None:
    action = ActionFactory.create()
    queue_suspect(action), queue_suspect(action)
    assert claim_suspect("network")
    with pytest.raises(IntegrityError), transaction.atomic():
        Run.objects.filter(status="queued").update(
            status="running",
            lease_token="01980000-0000-7000-8000-000000000000",
            lease_until=timezone.now(),
            deadline_at=timezone.now(),
        )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("lane", ["network", "network.capped"])
def test_who_claims_at_the_same_moment_gives_way(lane: str) -> None:
    action = ActionFactory.create(max_concurrency=5 if lane.endswith("capped") else None)
    runs = [queue_suspect(ActionFactory.create()), queue_suspect(action, queue=lane)]
    claimed: list[list[object]] = []

    def claim() -> None:
        take = claim_capped if lane.endswith("capped") else claim_suspect
        claimed.append(list(take(lane)))
        connection.close()

    rival = threading.Thread(target=claim)
    with transaction.atomic():
        assert [run.id for run in claim_suspect("network")] == [runs[0].id]
        # It has not committed: the other one cannot see it, and waits for what becomes of it.
        rival.start()
        rival.join(0.3)
        assert rival.is_alive()
    rival.join(5)
    assert claimed == [[]]
    end(runs[0])
    claim()
    assert len(claimed[1]) == 1

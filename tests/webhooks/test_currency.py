"""What a process remembers of a destination never outlives a change, wherever it was made."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection

from runs.models import Run
from tests.webhooks.conftest import Sender, build_path, do_elsewhere
from tests.webhooks.factories import SECRET, DestinationFactory, add_secret
from triggers.models import Trigger
from webhooks.models import Delivery, Destination
from webhooks.services import currency, targets
from webhooks.services.memory import Memory, Sparingly
from workspaces.models import Workspace
from workspaces.services import new_id

pytestmark = pytest.mark.django_db(transaction=True)
OTHER_SECRET = "whsec_another-secret-of-the-same-destination"


@pytest.fixture(autouse=True)
def fresh_process() -> None:
    currency.forget_targets()


@pytest.fixture
def remembered(sender: Sender, destination: Destination) -> Destination:
    """Accepted from twice: the first delivery noted the secret's use, the second read that."""
    for _ in range(2):
        assert sender.post(destination).json()["status"] == "fired"
    return destination


@pytest.fixture
def reads() -> Iterator[list[object]]:
    """Every reading of a destination from the database."""
    read, done = targets.read_target, list[object]()

    def note(key: Any) -> Any:
        done.append(key)
        return read(key)

    with patch.object(currency, "read_target", note):
        yield done


def test_a_remembered_destination_is_not_read_again(
    sender: Sender, remembered: Destination, reads: list[object]
) -> None:
    for number in range(3):
        assert sender.post(remembered, key=f"evt-{number}").json()["status"] == "fired"
    assert reads == []


def test_a_large_destination_is_accepted_from_and_not_remembered(
    sender: Sender, remembered: Destination, reads: list[object]
) -> None:
    rows = Destination.objects.filter(pk=remembered.pk)
    schema = {"description": "x" * currency.KEPT_WEIGHT}
    do_elsewhere(lambda: rows.update(input_schema=schema))
    for _ in range(2):
        assert sender.post(remembered).json()["status"] == "fired"
    # The first finds out that what was remembered is so no more.
    assert len(reads) == 2
    assert remembered.pk not in currency._known._kept


def test_a_pause_elsewhere_is_seen_by_the_next_request(
    sender: Sender, remembered: Destination
) -> None:
    trigger = Trigger.objects.filter(id=remembered.trigger_id)
    do_elsewhere(lambda: trigger.update(is_active=False))
    assert sender.post(remembered, key="evt-1").json()["status"] == "filtered"
    do_elsewhere(lambda: trigger.update(is_active=True))
    assert sender.post(remembered, key="evt-1").json()["status"] == "fired"


def test_a_deactivation_elsewhere_is_seen_by_the_next_request(
    sender: Sender, remembered: Destination
) -> None:
    rows = Destination.objects.filter(pk=remembered.pk)
    do_elsewhere(lambda: rows.update(is_active=False))
    assert sender.post(remembered).status_code == 404
    assert Delivery.objects.latest("id").cause == "destination_inactive"
    do_elsewhere(lambda: rows.update(is_active=True))
    assert sender.post(remembered).status_code == 200


def test_a_new_secret_is_good_at_once_and_a_revoked_one_bad_at_once(
    sender: Sender, remembered: Destination
) -> None:
    do_elsewhere(lambda: add_secret(remembered, OTHER_SECRET))
    assert sender.post(remembered, secret=OTHER_SECRET).status_code == 200
    assert sender.post(remembered, secret=SECRET).status_code == 200
    do_elsewhere(remembered.secrets.order_by("id")[0].delete)
    assert sender.post(remembered, secret=SECRET).status_code == 401
    assert sender.post(remembered, secret=OTHER_SECRET).status_code == 200


def test_edits_of_destination_trigger_and_action_apply_to_the_next_request(
    sender: Sender, remembered: Destination
) -> None:
    rows, action = Destination.objects.filter(pk=remembered.pk), remembered.trigger.action
    do_elsewhere(lambda: rows.update(accepted_event_types=["order.*"]))
    assert sender.post(remembered).status_code == 422
    do_elsewhere(lambda: rows.update(accepted_event_types=None))
    template = Trigger.objects.filter(id=remembered.trigger_id)
    do_elsewhere(lambda: template.update(input_template={"edited": True}))
    run_id = sender.post(remembered).json()["run_id"]
    assert Run.objects.get(id=run_id).input == {"edited": True}
    do_elsewhere(lambda: type(action).objects.filter(pk=action.pk).update(enabled=False))
    assert sender.post(remembered).json()["status"] == "filtered"


def test_an_archived_workspace_and_a_deleted_destination_are_gone_at_once(
    sender: Sender, remembered: Destination
) -> None:
    workspaces = Workspace.objects.filter(pk=remembered.workspace_id)
    do_elsewhere(lambda: workspaces.update(archived_at=remembered.created_at))
    assert sender.post(remembered).status_code == 404
    do_elsewhere(lambda: workspaces.update(archived_at=None))
    assert sender.post(remembered).status_code == 200
    do_elsewhere(remembered.delete)
    assert sender.post(remembered).status_code == 404


def test_who_edits_faster_than_we_read_gets_a_503_and_nothing_is_written(
    sender: Sender, remembered: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Delivery.objects.count()
    monkeypatch.setattr(targets, "_CHECK", targets._CHECK.replace("count(*)", "(0 * count(*))"))
    answer = sender.post(remembered, key="evt-1")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert Delivery.objects.count() == before


def test_unknown_ids_are_asked_for_once_and_never_fill_the_memory(
    sender: Sender, reads: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(currency, "_unknown", Memory[Any, float](size=3, seconds=5.0))
    stranger = DestinationFactory.build(pk=new_id(), workspace=None, trigger=None)
    monkeypatch.setattr(currency, "_looks", Sparingly(per_second=0))
    for _ in range(3):
        assert sender.post(stranger, path=f"/v1/hooks/{stranger.pk}").status_code == 404
    assert len(reads) == 1
    for _ in range(9):
        sender.post(stranger, path=f"/v1/hooks/{new_id()}")
    assert len(currency._unknown) == 3


def test_an_unknown_id_that_comes_to_be_known_is_not_refused_once_more(
    sender: Sender, remembered: Destination
) -> None:
    stranger = DestinationFactory.build(pk=new_id(), workspace=None, trigger=None)
    path = f"/v1/hooks/{stranger.pk}"
    assert sender.post(stranger, path=path).status_code == 404
    trigger = remembered.trigger
    do_elsewhere(lambda: DestinationFactory.create(pk=stranger.pk, trigger=trigger))
    assert sender.post(stranger, path=path).json()["status"] == "fired"


def test_looks_are_taken_sparingly_and_again_in_the_next_second() -> None:
    looks = Sparingly(per_second=2)
    assert [looks.may(now=7.0 + n / 10) for n in range(4)] == [True, True, False, False]
    assert looks.may(now=8.0)


def test_a_memory_forgets_the_oldest_and_what_is_too_old() -> None:
    memory: Memory[str, int] = Memory(size=2, seconds=5.0)
    for number, key in enumerate("abc"):
        memory.keep(key, number, now=float(number))
    assert [memory.recall(key, now=2.0) for key in "abc"] == [None, 1, 2]
    assert memory.recall("b", now=6.0) is None
    memory.forget("c")
    memory.forget("never")
    assert memory.recall("c", now=2.0) is None


def test_an_accept_is_one_round_trip_and_rings_after_it(
    sender: Sender, remembered: Destination, statements: list[str], rings: list[str]
) -> None:
    assert sender.post(remembered, key="evt-1").json()["status"] == "fired"
    assert [statement[:11] for statement in statements] == ["WITH taken "]
    assert rings == ["instant"] * 3
    assert sender.post(remembered).json()["status"] == "fired"
    assert [statement[:8] for statement in statements[1:]] == ["WITH w0 "]


def test_a_duplicate_is_two_round_trips_and_rings_for_nothing(
    sender: Sender, remembered: Destination, statements: list[str], rings: list[str]
) -> None:
    first = sender.post(remembered, key="evt-1").json()
    rung = list(rings)
    statements.clear()
    assert sender.post(remembered, key="evt-1").json() == {**first, "status": "duplicate"}
    assert [statement[:8] for statement in statements] == ["WITH tak", "WITH w0 "]
    assert rings == rung


def test_a_rejection_is_two_round_trips(
    sender: Sender, remembered: Destination, statements: list[str]
) -> None:
    assert sender.client.post(build_path(remembered), b"{}", content_type="a/b").status_code == 401
    # Whether enough of them have been kept, and this one.
    assert [statement[:8] for statement in statements] == ['SELECT "', "WITH w0 "]


def test_a_failed_accept_rings_for_nothing_and_leaves_the_connection_usable(
    sender: Sender, remembered: Destination, rings: list[str]
) -> None:
    sender.post(remembered, key="evt-1")
    rung = list(rings)
    assert sender.post(remembered, key="evt-1").json()["status"] == "duplicate"
    assert rings == rung
    assert not connection.in_atomic_block
    assert sender.post(remembered, key="evt-2").json()["status"] == "fired"


def test_fifty_at_once_of_a_remembered_destination_are_one_fire(
    remembered: Destination, rings: list[str]
) -> None:
    before, barrier = Run.objects.count(), threading.Barrier(50)

    def post(_: int) -> str:
        barrier.wait(30)
        try:
            return str(Sender().post(remembered, key="evt-1").json()["status"])
        finally:
            connection.close()

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(post, range(50)))
    assert (answers.count("fired"), answers.count("duplicate")) == (1, 49)
    assert Run.objects.count() == before + 1

"""R3: one key, one fire, whatever the number of requests and their order."""

import datetime as dt
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from events.models import Event
from runs.models import Run
from tests.webhooks.conftest import LEAD, Sender
from tests.webhooks.factories import DestinationFactory
from triggers.models import Fire
from webhooks.models import DedupeKey, Delivery, Destination
from webhooks.rules.dedupe_keys import DEFAULT_WINDOW_HOURS
from webhooks.services import dedupe, prune_dedupe_keys
from webhooks.services.currency import find_target
from webhooks.services.dedupe import claim_key
from webhooks.services.ledger import DeliveryIds
from webhooks.services.targets import Target
from webhooks.tasks import prune_dedupe_keys as prune_task

KEPT_FOR = dt.timedelta(hours=DEFAULT_WINDOW_HOURS)

AT_ONCE = 50


def find_existing_target(destination: Destination) -> Target:
    target = find_target(str(destination.pk), workspace_id=None)
    assert target is not None
    return target


@pytest.mark.django_db
def test_the_same_key_again_answers_with_the_first_ids(
    sender: Sender, destination: Destination
) -> None:
    first = sender.post(destination, key="evt-1").json()
    for payload in (LEAD, {"type": "another.body"}):
        answer = sender.post(destination, payload, key="evt-1")
        assert answer.status_code == 200
        assert answer.json() == {**first, "status": "duplicate"}
    assert Run.objects.count() == 1
    duplicates = Delivery.objects.filter(status="duplicate")
    assert duplicates.count() == 2
    original = Delivery.objects.get(status="accepted")
    for duplicate in duplicates:
        assert duplicate.duplicate_of == original.id
        assert duplicate.run_id == original.run_id
        assert str(duplicate.event_id) != first["event_id"]
        event = Event.objects.get(delivery_id=duplicate.id)
        assert event.event_type == "webhook.duplicate"
        assert event.data["duplicate_of"] == str(original.id)
        assert event.data["fired_event_id"] == first["fired_event_id"]


@pytest.mark.django_db
def test_without_a_key_two_equal_requests_are_two(sender: Sender, destination: Destination) -> None:
    """Two equal forms are two leads."""
    for key in (None, None, ""):
        assert sender.post(destination, key=key).json()["status"] == "fired"
    assert Run.objects.count() == 3


@pytest.mark.django_db
def test_keys_belong_to_their_destination(sender: Sender, destination: Destination) -> None:
    sender.post(destination, key="evt-1")
    assert sender.post(DestinationFactory(), key="evt-1").json()["status"] == "fired"


@pytest.mark.django_db
def test_the_whole_key_counts_however_long_it_is(sender: Sender, destination: Destination) -> None:
    base = "k" * 5000
    assert sender.post(destination, key=f"{base}1").json()["status"] == "fired"
    assert sender.post(destination, key=f"{base}2").json()["status"] == "fired"
    assert sender.post(destination, key=f"{base}1").json()["status"] == "duplicate"
    shown = Delivery.objects.values_list("dedupe_key", flat=True)
    assert {len(key or "") for key in shown} == {512}
    assert all(len(bytes(row.key_hash)) == 32 for row in DedupeKey.objects.all())


@pytest.mark.django_db
def test_a_rejected_request_takes_no_key(sender: Sender, destination: Destination) -> None:
    headers = {"x-amigo-idempotent-key": "evt-1", "x-amigo-request-signature": "0" * 64}
    assert sender.post(destination, headers=headers).status_code == 401
    assert sender.post(destination, b"{", key="evt-1").status_code == 400
    assert not DedupeKey.objects.exists()
    assert sender.post(destination, key="evt-1").json()["status"] == "fired"


@pytest.mark.django_db
def test_a_forged_duplicate_learns_nothing(sender: Sender, destination: Destination) -> None:
    sender.post(destination, key="evt-1")
    headers = {"x-amigo-idempotent-key": "evt-1", "x-amigo-request-signature": "0" * 64}
    assert sender.post(destination, headers=headers).status_code == 401


@pytest.mark.django_db
def test_keys_are_kept_for_eight_days_and_then_free_again(
    sender: Sender, destination: Destination
) -> None:
    first = sender.post(destination, key="evt-1").json()
    row = DedupeKey.objects.get()
    assert abs(row.expires_at - timezone.now() - KEPT_FOR) < dt.timedelta(minutes=1)
    assert dt.timedelta(hours=192) == KEPT_FOR
    DedupeKey.objects.update(expires_at=timezone.now())
    second = sender.post(destination, key="evt-1").json()
    assert second["status"] == "fired"
    assert second["run_id"] != first["run_id"]
    third = sender.post(destination, key="evt-1").json()
    assert third == {**second, "status": "duplicate"}


@pytest.mark.django_db
def test_expired_keys_are_pruned_in_batches(
    destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhooks.services.dedupe.PRUNE_BATCH", 2)
    target, now = find_existing_target(destination), timezone.now()
    for number in range(6):
        claim_key(
            target,
            f"old-{number}",
            ids=DeliveryIds(),
            now=now - KEPT_FOR,
        )
    claim_key(target, "young", ids=DeliveryIds(), now=now)
    assert prune_dedupe_keys(now=now) == 6
    assert DedupeKey.objects.count() == 1


@pytest.mark.django_db
def test_expired_keys_are_pruned_by_the_clock(destination: Destination) -> None:
    long_ago = timezone.now() - 2 * KEPT_FOR
    claim_key(find_existing_target(destination), "old", ids=DeliveryIds(), now=long_ago)
    prune_task()
    assert not DedupeKey.objects.exists()


@pytest.mark.django_db
def test_a_rival_that_comes_and_goes_is_not_chased_for_ever(
    sender: Sender, destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever holds the key is gone each time one looks: nothing is fired on a guess."""
    sender.post(destination, key="evt-1")
    monkeypatch.setattr("webhooks.services.dedupe._READ", f"{dedupe._READ} AND false")
    answer = sender.post(destination, key="evt-1")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert Run.objects.count() == 1


def post_at_once(destination: Destination, key: str, count: int) -> list[dict[str, Any]]:
    """The same signed request from ``count`` threads that start together."""
    barrier = threading.Barrier(count)

    def post(_: int) -> dict[str, Any]:
        barrier.wait(30)
        try:
            answer = Sender().post(destination, key=key)
            assert answer.status_code == 200, answer.content
            body: dict[str, Any] = answer.json()
            return body
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(post, range(count)))


@pytest.mark.django_db(transaction=True)
def test_r3_fifty_at_once_are_one_fire_and_forty_nine_duplicates_that_name_it(
    destination: Destination, rings: list[str]
) -> None:
    answers = post_at_once(destination, "evt-1", AT_ONCE)
    assert Counter(answer["status"] for answer in answers) == {"fired": 1, "duplicate": 49}
    for member in ("event_id", "fired_event_id", "run_id", "trigger_id", "destination_id"):
        assert len({answer[member] for answer in answers}) == 1
    assert Run.objects.count() == Fire.objects.count() == DedupeKey.objects.count() == 1
    assert Event.objects.filter(event_type="trigger.fired").count() == 1
    assert Event.objects.filter(event_type="webhook.duplicate").count() == 49
    original = Delivery.objects.get(status="accepted")
    assert str(original.run_id) == answers[0]["run_id"]
    duplicates = Delivery.objects.filter(status="duplicate", duplicate_of=original.id)
    assert duplicates.count() == 49
    assert rings == ["instant"]


@pytest.mark.django_db(transaction=True)
def test_r3_who_waits_for_a_rival_that_rolls_back_wins(destination: Destination) -> None:
    target, is_claimed = find_existing_target(destination), threading.Event()
    answers: list[dict[str, Any]] = []

    def post() -> None:
        is_claimed.wait(10)
        try:
            answers.append(Sender().post(destination, key="evt-1").json())
        finally:
            connection.close()

    thread = threading.Thread(target=post)
    thread.start()
    with transaction.atomic():
        assert claim_key(target, "evt-1", ids=DeliveryIds(), now=timezone.now()) is None
        is_claimed.set()
        # Long enough for the other to be waiting for this transaction's end.
        thread.join(0.5)
        assert thread.is_alive()
        transaction.set_rollback(True)
    thread.join(10)
    assert [answer["status"] for answer in answers] == ["fired"]
    assert Run.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_r3_who_waits_for_a_rival_that_commits_names_it(destination: Destination) -> None:
    target, is_claimed, ids = find_existing_target(destination), threading.Event(), DeliveryIds()
    answers: list[dict[str, Any]] = []

    def post() -> None:
        is_claimed.wait(10)
        try:
            answers.append(Sender().post(destination, key="evt-1").json())
        finally:
            connection.close()

    thread = threading.Thread(target=post)
    thread.start()
    with transaction.atomic():
        claim_key(target, "evt-1", ids=ids, now=timezone.now())
        is_claimed.set()
        thread.join(0.5)
        assert thread.is_alive()
    thread.join(10)
    assert [answer["status"] for answer in answers] == ["duplicate"]
    assert answers[0]["run_id"] == str(ids.run_id)
    assert not Run.objects.exists()

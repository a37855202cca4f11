"""Requests are forgotten after their days; the ledger's rows of them stay."""

import datetime as dt

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.webhooks.conftest import Person, Sender
from webhooks.models import Delivery, Destination
from webhooks.services import forget_requests
from workspaces.services import read_pruned_before

pytestmark = pytest.mark.django_db
LATER = dt.timedelta(hours=1)


def count_kept() -> int:
    return Delivery.objects.filter(body__isnull=False).count()


def test_a_forgotten_request_leaves_its_delivery(
    alice: Person, destination: Destination, sender: Sender
) -> None:
    sender.post(destination, key="lead-7")
    delivery = Delivery.objects.get()
    assert sum(forget_requests(before=timezone.now() + LATER)) == 1
    shown = alice.get(f"deliveries/{delivery.id}").json()
    assert shown["request_payload"] is None
    assert (shown["status"], shown["dedupe_key"]) == ("accepted", "lead-7")
    assert shown["input"] == delivery.input
    refused = alice.send("post", f"deliveries/{delivery.id}/replay")
    assert refused.status_code == 409
    assert refused.json()["errors"][0]["code"] == "not_kept"


def test_its_key_is_still_taken(destination: Destination, sender: Sender) -> None:
    sender.post(destination, key="lead-7")
    list(forget_requests(before=timezone.now() + LATER))
    assert sender.post(destination, key="lead-7").json()["status"] == "duplicate"


def test_younger_requests_stay(destination: Destination, sender: Sender) -> None:
    sender.post(destination)
    assert sum(forget_requests(before=timezone.now() - LATER)) == 0
    assert count_kept() == 1


def test_batches_go_on_where_the_last_one_stopped(
    destination: Destination, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhooks.services.retention.BATCH_SIZE", 2)
    for number in range(5):
        sender.post(destination, key=str(number))
    before = timezone.now() + LATER
    for count in forget_requests(before=before):
        assert count == 2
        break
    assert count_kept() == 3
    # One that shares its millisecond with the last one of a batch may be looked at twice.
    assert sum(forget_requests(before=before)) == 3
    assert count_kept() == 0
    assert read_pruned_before("requests") == before


def test_what_was_forgotten_is_not_walked_again(
    destination: Destination, sender: Sender, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    sender.post(destination)
    before = timezone.now() + LATER
    assert sum(forget_requests(before=before)) == 1
    with django_assert_num_queries(1):
        assert sum(forget_requests(before=before)) == 0


def test_days_that_are_raised_again_bring_nothing_back_and_break_nothing(
    destination: Destination, sender: Sender
) -> None:
    before = timezone.now() - LATER
    list(forget_requests(before=before))
    sender.post(destination)
    assert list(forget_requests(before=before - LATER)) == []
    assert count_kept() == 1

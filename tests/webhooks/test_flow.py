"""Overlap and limits at the public door."""

import pytest

from events.models import Event
from runs.models import Run
from tests.webhooks.conftest import Sender
from tests.webhooks.test_outcomes import make_destination
from triggers.models import Fire
from webhooks.models import DedupeKey, Delivery

pytestmark = pytest.mark.django_db


def test_a_delivery_beyond_the_limit_is_rejected_and_may_come_again(sender: Sender) -> None:
    destination = make_destination(trigger__fire_limit={"max": 1, "window": "1h"})
    assert sender.post(destination, key="evt-1").status_code == 200
    answer = sender.post(destination, key="evt-2")
    assert answer.status_code == 429
    assert 3590 <= int(answer["Retry-After"]) <= 3600
    assert answer.json()["errors"][0]["code"] == "fire_limit"
    delivery = Delivery.objects.get(status="rejected")
    assert (delivery.cause, delivery.http_status, delivery.run_id) == ("fire_limited", 429, None)
    assert Event.objects.get(event_type="webhook.rejected").data["cause"] == "fire_limited"
    assert Run.objects.count() == Fire.objects.count() == DedupeKey.objects.count() == 1
    # The limit's window goes by; the sender's retry passes with the same key.
    Fire.objects.update(is_counted=False)
    assert sender.post(destination, key="evt-2").json()["status"] == "fired"


def test_a_duplicate_is_a_duplicate_whatever_the_limit(sender: Sender) -> None:
    destination = make_destination(trigger__fire_limit={"max": 1, "window": "1h"})
    first = sender.post(destination, key="evt-1").json()
    again = sender.post(destination, key="evt-1")
    assert (again.status_code, again.json()["status"]) == (200, "duplicate")
    assert again.json()["run_id"] == first["run_id"]


def test_an_overlapping_delivery_is_filtered_and_its_fire_is_in_the_ledger(sender: Sender) -> None:
    destination = make_destination(trigger__overlap_policy="skip")
    sender.post(destination, key="evt-1")
    answer = sender.post(destination, key="evt-2")
    assert (answer.status_code, answer.json()["status"]) == (200, "filtered")
    assert answer.json()["run_id"] is None
    delivery = Delivery.objects.get(status="filtered")
    assert delivery.cause == "overlap_skipped"
    assert delivery.fire_id == Fire.objects.get(outcome="overlap_skipped").id
    assert DedupeKey.objects.count() == 1

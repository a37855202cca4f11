"""How much a destination and an address may send."""

import pytest
from pytest_django import Settings

from runs.models import Run
from tests.webhooks.conftest import Sender, build_path
from tests.webhooks.factories import DestinationFactory
from webhooks.models import Delivery, Destination
from workspaces.services import rates

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def breaker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "breaker", rates._Breaker())


def test_above_its_limit_a_destination_says_when_to_come_again(sender: Sender) -> None:
    destination = DestinationFactory.create(rate_limit_per_minute=2)
    answers = [sender.post(destination, key="same") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    refused = sender.post(destination, key="later")
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 30
    assert refused.headers["RateLimit-Policy"] == '"destination";q=2;w=60'
    delivery = Delivery.objects.order_by("id").last()
    assert delivery is not None
    assert (delivery.status, delivery.cause) == ("rejected", "rate_limited")
    assert Run.objects.count() == 1


def test_an_address_has_a_bucket_over_all_destinations(sender: Sender, settings: Settings) -> None:
    settings.CLOCKHOOK_ADDRESS_RATE_LIMIT_PER_MINUTE = 1
    first, second = DestinationFactory.create_batch(2)
    sender.client.defaults["REMOTE_ADDR"] = f"203.0.113.{first.pk.int % 200}"
    assert sender.post(first).status_code == 200
    refused = sender.post(second)
    assert refused.status_code == 429
    assert refused.headers["RateLimit"].startswith('"address";r=0')


def test_without_redis_every_delivery_is_taken(
    sender: Sender, destination: Destination, settings: Settings
) -> None:
    Destination.objects.update(rate_limit_per_minute=1)
    rates._build_script.cache_clear()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answers = [sender.post(destination) for _ in range(4)]
    rates._build_script.cache_clear()
    assert [answer.status_code for answer in answers] == [200] * 4


def test_challenges_that_nobody_signs_are_counted_too(sender: Sender) -> None:
    destination = DestinationFactory.create(
        rate_limit_per_minute=1, verification={"preset": "meta", "verify_token": "mine"}
    )
    query = {"hub.mode": "subscribe", "hub.challenge": "42", "hub.verify_token": "mine"}
    answers = [sender.client.get(build_path(destination), query).status_code for _ in range(2)]
    assert answers == [200, 429]

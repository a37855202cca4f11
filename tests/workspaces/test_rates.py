"""Token buckets in Redis, and nobody turned away without it."""

import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from tests.clients import open_door
from tests.factories import WorkspaceFactory
from workspaces.models import ApiKey
from workspaces.services import Bucket, RateLimited, rates, take_token, take_tokens


@pytest.fixture(autouse=True)
def breaker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A breaker and a client of this test's own, patient enough for a busy machine."""
    fresh = rates._Breaker()
    monkeypatch.setattr(rates, "TIMEOUT_SECONDS", 5.0)
    monkeypatch.setattr(rates, "breaker", fresh)
    rates._build_script.cache_clear()
    yield fresh
    rates._build_script.cache_clear()


@pytest.fixture
def name() -> str:
    return str(uuid.uuid4())


def test_a_bucket_gives_its_tokens_and_says_when_there_is_one_again(name: str) -> None:
    held = [take_token("key", name, per_minute=3) for _ in range(3)]
    assert [rate.remaining for rate in held if rate] == [2, 1, 0]
    with pytest.raises(RateLimited) as refusal:
        take_token("key", name, per_minute=3)
    assert 18 < refusal.value.rate.seconds <= 20
    assert refusal.value.headers["Retry-After"] == "20"
    assert refusal.value.headers["RateLimit-Policy"] == '"key";q=3;w=60'
    assert refusal.value.headers["RateLimit"] == '"key";r=0;t=20'


def test_buckets_are_apart(name: str) -> None:
    take_token("key", name, per_minute=1)
    assert take_token("key", f"{name}-other", per_minute=1) is not None
    assert take_token("address", name, per_minute=1) is not None


def test_a_hundred_at_once_get_no_token_too_many(name: str) -> None:
    taken: list[bool] = []

    def work() -> None:
        for _ in range(10):
            try:
                taken.append(take_token("key", name, per_minute=30) is not None)
            except RateLimited:
                taken.append(False)

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # One more comes back every two seconds.
    assert 30 <= sum(taken) <= 32


def test_tokens_of_several_buckets_are_taken_together_or_not_at_all(name: str) -> None:
    wide, narrow = Bucket("destination", name, 3), Bucket("address", name, 1)
    free = Bucket("address", f"{name}-free", 0)
    taken = take_tokens([wide, free, narrow])
    assert [(rate.name, rate.remaining) for rate in taken] == [("destination", 2), ("address", 0)]
    for _ in range(2):
        with pytest.raises(RateLimited) as refusal:
            take_tokens([wide, narrow])
        assert refusal.value.rate.name == "address"
    # The refused ones have cost the other bucket nothing.
    assert [rate.remaining for rate in take_tokens([wide])] == [1]
    assert take_tokens([free]) == []


def test_no_limit_asks_nobody(settings: Settings, name: str) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert take_token("key", name, per_minute=0) is None


def test_without_redis_nobody_is_turned_away_and_nobody_waits(
    settings: Settings, name: str, breaker: Any
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert [take_token("key", name, per_minute=1) for _ in range(5)] == [None] * 5
    assert breaker.is_open()
    assert breaker.failures == rates.BREAKER_FAILURES


@pytest.mark.django_db
def test_an_api_key_has_its_own_limit() -> None:
    workspace = WorkspaceFactory.create()
    alice = open_door(workspace.pk, "runs:read")
    url = f"/v1/{workspace.pk}/runs"
    assert alice.get(url).headers["RateLimit-Policy"] == '"key";q=6000;w=60'
    ApiKey.objects.update(rate_limit_per_minute=2)
    bob = open_door(workspace.pk, "runs:read")
    # Two, and one more for each half minute that the machine may have been away meanwhile.
    answers = [alice.get(url) for _ in range(10)]
    assert answers[0].status_code == 200
    assert answers[-1].status_code == 429
    assert answers[-1].json()["code"] == "too_many_requests"
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert bob.get(url).status_code == 200


@pytest.mark.django_db
def test_a_key_without_a_limit_is_not_counted() -> None:
    workspace = WorkspaceFactory.create()
    alice = open_door(workspace.pk, "runs:read")
    ApiKey.objects.update(rate_limit_per_minute=0)
    assert "RateLimit" not in alice.get(f"/v1/{workspace.pk}/runs").headers

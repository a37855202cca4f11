"""An accept in one round trip, and what takes the ordinary way instead."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError
from psycopg_pool import PoolTimeout, TooManyRequests

from events.models import Event
from runs.models import Run
from tests.webhooks.conftest import Sender, build_path, do_elsewhere
from tests.webhooks.factories import SECRET, DestinationFactory, add_secret
from tests.webhooks.test_outcomes import make_destination
from tests.webhooks.test_retries import expect_503, lose_commits
from triggers.models import Fire, ScheduleState, Trigger
from webhooks.models import DedupeKey, Delivery, Destination
from webhooks.services import acceptance
from workspaces.services import rates

pytestmark = pytest.mark.django_db(transaction=True)

META = {"preset": "meta", "verify_token": "the-token-of-this-test"}


def remember(sender: Sender, destination: Destination) -> Destination:
    """Accepted from twice: the first delivery noted the secret's use, the second read that."""
    for _ in range(2):
        assert sender.post(destination).status_code == 200
    return destination


def edit_trigger(destination: Destination, **fields: Any) -> None:
    do_elsewhere(lambda: Trigger.objects.filter(id=destination.trigger_id).update(**fields))


def name_statements(statements: list[str]) -> list[str]:
    return [" ".join(statement.split())[:10] for statement in statements]


def test_an_expired_key_is_taken_over_in_one_round_trip(
    sender: Sender, destination: Destination, statements: list[str]
) -> None:
    remember(sender, destination)
    first = sender.post(destination, key="evt-1").json()
    DedupeKey.objects.update(expires_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    statements.clear()
    again = sender.post(destination, key="evt-1").json()
    assert (again["status"], name_statements(statements)) == ("fired", ["WITH taken"])
    assert again["run_id"] != first["run_id"]
    assert str(DedupeKey.objects.get().run_id) == again["run_id"]


@pytest.mark.parametrize(
    "fields", [{"overlap_policy": "skip"}, {"fire_limit": {"max": 9, "window": "1h"}}]
)
def test_a_trigger_with_flow_control_goes_the_ordinary_way(
    sender: Sender, statements: list[str], fields: dict[str, Any]
) -> None:
    destination = make_destination(**{f"trigger__{name}": value for name, value in fields.items()})
    remember(sender, destination)
    Run.objects.all().delete()
    statements.clear()
    assert sender.post(destination, key="evt-1").json()["status"] == "fired"
    assert "WITH taken" not in name_statements(statements)
    assert any("FOR UPDATE" in statement for statement in statements)


def test_flow_control_applies_to_the_request_after_it_was_asked_for(sender: Sender) -> None:
    destination = remember(sender, make_destination())
    edit_trigger(destination, fire_limit={"max": 1, "window": "1h"})
    assert sender.post(destination, key="evt-1").status_code == 200
    assert sender.post(destination, key="evt-2").status_code == 429
    edit_trigger(destination, fire_limit=None, overlap_policy="skip")
    assert sender.post(destination, key="evt-3").json()["status"] == "fired"
    assert sender.post(destination, key="evt-4").json()["status"] == "filtered"
    assert Fire.objects.filter(outcome="overlap_skipped").count() == 1


def test_a_pause_is_seen_on_the_ordinary_way_too(sender: Sender) -> None:
    destination = make_destination(trigger__fire_limit={"max": 9, "window": "1h"})
    remember(sender, destination)
    edit_trigger(destination, is_active=False)
    assert sender.post(destination).json()["status"] == "filtered"
    assert Delivery.objects.latest("id").cause == "trigger_paused"


def test_a_schedule_that_ends_elsewhere_exhausts_the_trigger_at_once(sender: Sender) -> None:
    soon = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
    destination = make_destination(trigger__schedule="@at 2100-01-01", trigger__next_fire_at=soon)
    remember(sender, destination)
    state = ScheduleState.objects.filter(trigger_id=destination.trigger_id)
    do_elsewhere(lambda: state.update(next_fire_at=None, due_at=None))
    assert sender.post(destination).json()["status"] == "filtered"
    assert Delivery.objects.latest("id").cause == "trigger_exhausted"


def test_a_cap_that_was_set_elsewhere_gives_the_next_run_its_lane(
    sender: Sender, destination: Destination, rings: list[str]
) -> None:
    remember(sender, destination)
    action = destination.trigger.action
    do_elsewhere(lambda: type(action).objects.filter(pk=action.pk).update(max_concurrency=1))
    run = Run.objects.get(id=sender.post(destination).json()["run_id"])
    assert (run.queue, rings[-1]) == ("instant.capped", "instant.capped")


def test_a_secret_ends_when_its_rotation_says_so(sender: Sender, destination: Destination) -> None:
    remember(sender, destination)
    new = "whsec_the-next-secret-of-this-destination"
    old = destination.secrets.filter(pk=destination.secrets.get().pk)

    def rotate() -> None:
        add_secret(destination, new)
        old.update(expires_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))

    do_elsewhere(rotate)
    assert sender.post(destination, secret=SECRET).status_code == 401
    assert Delivery.objects.latest("id").cause == "secret_expired"
    assert sender.post(destination, secret=new).status_code == 200


def test_what_is_refused_without_a_trace_is_looked_at_again_too(
    sender: Sender, destination: Destination
) -> None:
    remember(sender, destination)
    path, rows = build_path(destination), Destination.objects.filter(pk=destination.pk)
    question = {
        "hub.mode": "subscribe",
        "hub.challenge": "1234",
        "hub.verify_token": META["verify_token"],
    }
    assert sender.client.get(path, question).status_code == 405
    do_elsewhere(lambda: rows.update(verification=META))
    assert sender.client.get(path, question).content == b"1234"
    do_elsewhere(lambda: rows.update(is_active=False))
    assert sender.client.get(path, question).status_code == 404
    do_elsewhere(lambda: rows.update(is_active=True))
    assert sender.client.get(path, question).status_code == 200


def test_a_changed_request_takes_its_token_once(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "breaker", rates._Breaker())
    # A slow machine's Redis must not open the door.
    monkeypatch.setattr(rates, "TIMEOUT_SECONDS", 5.0)
    rates._build_script.cache_clear()
    destination = DestinationFactory.create(rate_limit_per_minute=3)
    remember(sender, destination)
    edit_trigger(destination, name="renamed")
    assert sender.post(destination).status_code == 200
    assert sender.post(destination).status_code == 429
    rates._build_script.cache_clear()


@pytest.mark.usefixtures("pauses")
def test_a_lost_commit_is_found_although_the_destination_has_changed_since(
    sender: Sender, destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(sender, destination)
    find, looks = acceptance._find_earlier, list[int]()

    def look(knock: Any) -> Any:
        # On its way still when the second attempt looks; meanwhile the trigger is renamed.
        looks.append(1)
        if len(looks) == 1:
            edit_trigger(destination, name="renamed")
            return None
        return find(knock)

    monkeypatch.setattr(acceptance, "_find_earlier", look)
    before = Run.objects.count()
    with lose_commits(1, happens=True):
        answer = sender.post(destination).json()
    assert Run.objects.count() == before + 1
    assert Event.objects.filter(id=answer["fired_event_id"]).exists()


@pytest.mark.parametrize("cause", [PoolTimeout("full"), TooManyRequests("full")])
def test_without_a_free_connection_an_accept_is_a_503_at_once(
    sender: Sender,
    destination: Destination,
    pauses: list[float],
    monkeypatch: pytest.MonkeyPatch,
    cause: Exception,
) -> None:
    remember(sender, destination)
    tries = list[int]()

    def fail(*_: Any, **__: Any) -> Iterator[None]:
        tries.append(1)
        raise OperationalError("couldn't get a connection") from cause

    monkeypatch.setattr(acceptance, "hold_target", fail)
    expect_503(sender.post(destination, key="evt-1"))
    assert (tries, pauses) == ([1], [])


def test_a_duplicate_is_one_whatever_the_action_has_become_since(
    sender: Sender, destination: Destination
) -> None:
    first = sender.post(destination, key="evt-1").json()
    action = destination.trigger.action
    rows = type(action).objects.filter(pk=action.pk)
    do_elsewhere(lambda: rows.update(input_schema={"required": ["nobody has it"]}))
    assert sender.post(destination, key="evt-2").status_code == 422
    assert sender.post(destination, key="evt-1").json() == {**first, "status": "duplicate"}

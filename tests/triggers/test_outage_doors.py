"""Outages and pauses as callers see them: through the doors, by a simulated clock."""

import datetime as dt
from typing import Any

import pytest

from events.models import Event
from runs.models import Run
from tests.factories import ActionFactory
from tests.triggers.conftest import Person
from tests.triggers.simulated_clock import SimulatedClock
from triggers.models import Fire
from workspaces.rest import views

pytestmark = pytest.mark.django_db
NIGHT = dt.datetime(2026, 11, 24, 2, 0, tzinfo=dt.UTC)
NOON = dt.datetime(2026, 11, 24, 12, 30, tzinfo=dt.UTC)
MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)


class Door:
    """A trigger, made and moved by HTTP."""

    def __init__(self, person: Person, **fields: Any) -> None:
        self.person = person
        action = ActionFactory.create(workspace=person.workspace)
        body = {"name": "t", "event_type": "a.b", "action_id": str(action.pk), **fields}
        answer = person.client.post(person.url, body, format="json")
        assert answer.status_code == 201, answer.json()
        self.id: str = answer.json()["id"]

    def post(self, verb: str) -> dict[str, Any]:
        answer = self.person.client.post(f"{self.person.url}/{self.id}/{verb}", format="json")
        assert answer.status_code == 200, answer.json()
        return dict(answer.json())

    def patch(self, **fields: Any) -> dict[str, Any]:
        url = f"{self.person.url}/{self.id}"
        return dict(self.person.client.patch(url, fields, format="json").json())

    def get(self, path: str = "", **parameters: Any) -> dict[str, Any]:
        answer = self.person.client.get(f"{self.person.url}/{self.id}{path}", parameters)
        assert answer.status_code == 200, answer.json()
        return dict(answer.json())

    def list_fires(self) -> list[tuple[str, str]]:
        """``HH:MM`` and outcome of every slot, oldest first."""
        items = self.get("/fires", page_size=100)["items"]
        return sorted((item["scheduled_for"][11:16], item["outcome"]) for item in items)


# ── Beat stopped for three hours, back at half past ──────────────────────────────────────────────


@pytest.mark.parametrize(
    ("policy", "grace", "owed"),
    [
        ("skip_missed", 3600, "missed missed missed"),
        ("skip_missed", 4 * 3600, "missed missed missed"),
        ("coalesce", 3600, "missed missed fired"),
        ("coalesce", 4 * 3600, "superseded superseded fired"),
        ("coalesce", 600, "missed missed missed"),
        ("replay", 3600, "missed missed fired"),
        ("replay", 2 * 3600, "missed fired fired"),
        ("replay", 4 * 3600, "fired fired fired"),
    ],
)
def test_an_hourly_trigger_after_three_hours_without_beat(
    alice: Person, policy: str, grace: int, owed: str
) -> None:
    clock = SimulatedClock(NOON)
    rules = {"catch_up_policy": policy, "misfire_grace_seconds": grace}
    door = Door(alice, schedule="@hourly", **rules)
    idle = [
        Door(alice),
        Door(alice, schedule="@hourly", starts_at="2026-11-24T20:00:00Z", **rules),
        Door(alice, schedule="@at 2026-11-24T20:00:00Z", **rules),
    ]
    paused = Door(alice, schedule="@hourly", **rules)
    paused.post("pause")
    clock.run_beat(until=NOON + 31 * MINUTE)
    # Nobody ticks from 13:01 to 16:30.
    clock.move_to(NOON + 4 * HOUR)
    clock.run_beat(until=NOON + 5 * HOUR)
    times = ["13:00", "14:00", "15:00", "16:00", "17:00"]
    outcomes = ["fired", *owed.split(), "fired"]
    assert door.list_fires() == list(zip(times, outcomes, strict=True))
    assert [one.list_fires() for one in [*idle, paused]] == [[]] * 4
    assert Run.objects.count() == outcomes.count("fired")
    missed = outcomes.count("missed")
    told = Event.objects.filter(event_type="trigger.missed")
    assert [event.data["count"] for event in told] == ([missed] if missed else [])
    scheduler = door.get()["scheduler"]
    assert scheduler["misfire_count"] == 0, "17:00 was on time"
    assert scheduler["last_scheduled_at"] == "2026-11-24T17:00:00Z"
    for hour, outcome in zip((14, 15, 16), owed.split(), strict=True):
        assert door.get("/explain", at=f"2026-11-24T{hour}:00:00Z")["verdict"] == outcome


def test_a_replay_is_spread_over_claims_of_a_hundred(alice: Person) -> None:
    clock = SimulatedClock(NOON)
    door = Door(
        alice, schedule="* * * * *", catch_up_policy="replay", misfire_grace_seconds=4 * 3600
    )
    clock.move_to(NOON + 3 * HOUR)
    clock.run_beat(until=NOON + 3 * HOUR)
    slots = [NOON + number * MINUTE for number in range(1, 181)]
    fires = Fire.objects.filter(trigger_id=door.id).order_by("scheduled_for")
    assert list(fires.values_list("scheduled_for", "outcome")) == [(one, "fired") for one in slots]
    runs = Run.objects.order_by("id").values_list("scheduled_for", flat=True)
    assert list(runs) == slots, "in order"


# ── paused at 02:29, resumed at 02:31 ────────────────────────────────────────────────────────────


@pytest.mark.parametrize("wrong_by", [dt.timedelta(0), HOUR, -HOUR])
def test_paused_at_29_and_resumed_at_31_fires_neither(
    alice: Person, monkeypatch: pytest.MonkeyPatch, wrong_by: dt.timedelta
) -> None:
    """Also on a host whose own clock is an hour fast or slow."""
    clock = SimulatedClock(NIGHT)
    trust_host(monkeypatch, clock, wrong_by)
    door = Door(alice, schedule="30 2 * * *", catch_up_policy="replay")
    clock.run_beat(until=NIGHT + 29 * MINUTE)
    paused = door.post("pause")
    assert (paused["is_active"], paused["next_fire_at"]) == (False, None)
    clock.run_beat(until=NIGHT + 31 * MINUTE)
    resumed = door.post("resume")
    assert resumed["next_fire_at"] == "2026-11-25T02:30:00Z"
    clock.run_beat(until=NIGHT + 20 * HOUR)
    assert door.list_fires() == []
    assert door.get()["scheduler"]["misfire_count"] == 0
    explained = door.get("/explain", at="2026-11-24T02:30:00Z")
    assert explained["verdict"] == "paused"
    who = Event.objects.get(event_type="trigger.paused").data["by"]
    assert f"paused by {who} at 02:29 and resumed" in explained["answer"]
    assert "2026-11-24T02:29:00Z" in str(explained["facts"])
    after = door.get("/explain", at="2026-11-24T02:31:00Z")
    assert after["verdict"] == "not_a_slot"
    clock.run_beat(until=NIGHT + 25 * HOUR)
    assert door.list_fires() == [("02:30", "fired")]


@pytest.mark.parametrize("wrong_by", [HOUR, -HOUR])
def test_a_door_whose_hosts_clock_is_wrong_counts_by_postgres(
    alice: Person, monkeypatch: pytest.MonkeyPatch, wrong_by: dt.timedelta
) -> None:
    clock = SimulatedClock(NOON)
    trust_host(monkeypatch, clock, wrong_by)
    door = Door(alice, schedule="*/10 * * * *", catch_up_policy="replay")
    assert door.get()["next_fire_at"] == "2026-11-24T12:40:00Z"
    clock.run_beat(until=NOON + 25 * MINUTE)
    edited = door.patch(schedule="5-59/10 * * * *")
    assert edited["next_fire_at"] == "2026-11-24T13:05:00Z"
    clock.run_beat(until=NOON + 36 * MINUTE)
    assert door.list_fires() == [("12:40", "fired"), ("12:50", "fired"), ("13:05", "fired")]


def trust_host(
    monkeypatch: pytest.MonkeyPatch, clock: SimulatedClock, wrong_by: dt.timedelta
) -> None:
    """What the web server's own clock shows."""

    class HostTime:
        def now(self, tz: dt.tzinfo | None = None) -> dt.datetime:
            return (clock.now + wrong_by).astimezone(tz)

    class HostClock:
        datetime, UTC = HostTime(), dt.UTC

    monkeypatch.setattr(views, "dt", HostClock)

"""``starts_at``, ``ends_at``, ``max_fires`` and ``jitter_seconds`` at the API's door."""

import datetime as dt
from typing import Any

import pytest

from actions.models import Action
from tests.factories import ActionFactory
from tests.triggers.conftest import Person
from triggers.models import ScheduleState
from triggers.services import fire_due_triggers
from workspaces.models import Revision

pytestmark = pytest.mark.django_db


@pytest.fixture
def action(alice: Person) -> Action:
    return ActionFactory.create(workspace=alice.workspace)


def send(alice: Person, action: Action, **fields: Any) -> Any:
    body = {"name": "n", "event_type": "a.b", "action_id": str(action.pk), **fields}
    return alice.client.post(alice.url, body, format="json")


def create(alice: Person, action: Action, **fields: Any) -> dict[str, Any]:
    answer = send(alice, action, **fields)
    assert answer.status_code == 201, answer.content
    trigger: dict[str, Any] = answer.json()
    return trigger


def from_now(**distance: float) -> str:
    return (dt.datetime.now(dt.UTC) + dt.timedelta(**distance)).isoformat().replace("+00:00", "Z")


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"starts_at": "tomorrow"}, "/starts_at", "invalid_time"),
    ({"starts_at": 5}, "/starts_at", "invalid_time"),
    ({"ends_at": "2026-12-01"}, "/ends_at", "invalid_time"),
    ({"ends_at": "2026-12-01T09:00:00"}, "/ends_at", "invalid_time"),
    ({"max_fires": 0}, "/max_fires", "min_value"),
    ({"max_fires": -1}, "/max_fires", "min_value"),
    ({"max_fires": 2**31}, "/max_fires", "max_value"),
    ({"max_fires": "3"}, "/max_fires", "invalid"),
    ({"max_fires": 1.5}, "/max_fires", "invalid"),
    ({"max_fires": True}, "/max_fires", "invalid"),
    ({"jitter_seconds": -1}, "/jitter_seconds", "min_value"),
    ({"jitter_seconds": 3601}, "/jitter_seconds", "max_value"),
    ({"jitter_seconds": None}, "/jitter_seconds", "null"),
    ({"jitter_seconds": "5"}, "/jitter_seconds", "invalid"),
    (
        {"starts_at": "2030-01-02T00:00:00Z", "ends_at": "2030-01-01T00:00:00Z"},
        "/ends_at",
        "before_starts_at",
    ),
    (
        {"starts_at": "2030-01-01T01:00:00+01:00", "ends_at": "2030-01-01T00:00:00Z"},
        "/ends_at",
        "before_starts_at",
    ),
    ({"schedule": "@hourly", "ends_at": "2020-01-01T00:00:00Z"}, "/ends_at", "never_fires"),
    (
        {
            "schedule": "0 0 1 1 *",
            "starts_at": "2030-02-01T00:00:00Z",
            "ends_at": "2030-12-01T00:00:00Z",
        },
        "/ends_at",
        "never_fires",
    ),
    (
        {"schedule": "@at 2030-01-01T00:00:00Z", "starts_at": "2031-01-01T00:00:00Z"},
        "/starts_at",
        "never_fires",
    ),
]


@pytest.mark.parametrize(("fields", "pointer", "code"), REFUSED)
def test_a_bound_that_cannot_be_is_refused_at_its_pointer(
    alice: Person, action: Action, fields: dict[str, Any], pointer: str, code: str
) -> None:
    answer = send(alice, action, **fields)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code)


def test_bounds_are_kept_shown_and_remembered_by_the_version(alice: Person, action: Action) -> None:
    given = {
        "starts_at": "2030-01-01T00:00:00Z",
        "ends_at": "2031-01-01T00:00:00.250000Z",
        "max_fires": 3,
        "jitter_seconds": 90,
    }
    trigger = create(alice, action, schedule="@every 1h", **given)
    assert {name: trigger[name] for name in given} == given
    assert trigger["next_fire_at"] == "2030-01-01T00:00:00Z"
    document = Revision.objects.order_by("-id")[0].document
    assert document is not None
    assert {name: document[name] for name in given} == given
    url = f"{alice.url}/{trigger['id']}"
    assert alice.client.put(url, trigger, format="json").json() == trigger
    cleared = alice.client.patch(url, dict.fromkeys(["starts_at", "ends_at"]), format="json").json()
    assert (cleared["starts_at"], cleared["ends_at"], cleared["max_fires"]) == (None, None, 3)
    assert cleared["next_fire_at"] < "2030"


def test_jitter_moves_the_effective_time_alone(alice: Person, action: Action) -> None:
    plain = create(alice, action, schedule="0 0 1 * *")
    spread = [create(alice, action, schedule="0 0 1 * *", jitter_seconds=3600) for _ in range(5)]
    assert {trigger["next_fire_at"] for trigger in spread} == {plain["next_fire_at"]}
    delays = set()
    for trigger in spread:
        nominal, effective = (
            dt.datetime.fromisoformat(trigger[name])
            for name in ("next_fire_at", "next_fire_effective_at")
        )
        delays.add((effective - nominal).total_seconds())
    assert all(0 <= delay <= 3600 for delay in delays)
    assert len(delays) > 1


def test_an_earlier_end_exhausts_at_once_and_a_later_one_revives(
    alice: Person, action: Action
) -> None:
    trigger = create(alice, action, schedule="* * * * *", ends_at=from_now(days=1))
    url = f"{alice.url}/{trigger['id']}"
    ended = alice.client.patch(url, {"ends_at": from_now(seconds=-1)}, format="json").json()
    assert (ended["is_active"], ended["next_fire_at"]) == (True, None)
    assert ended["next_fire_effective_at"] is None
    assert ended["schedule_info"]["exhausted"] is True
    assert alice.client.put(url, ended, format="json").json() == ended
    revived = alice.client.patch(url, {"ends_at": None}, format="json").json()
    assert revived["next_fire_at"] is not None
    assert revived["schedule_info"]["exhausted"] is False


def test_after_max_fires_the_trigger_is_listed_as_exhausted(alice: Person, action: Action) -> None:
    trigger = create(alice, action, schedule="* * * * *", max_fires=1)
    now = dt.datetime.now(dt.UTC).replace(second=0, microsecond=0)
    ScheduleState.objects.filter(trigger_id=trigger["id"]).update(next_fire_at=now, due_at=now)
    fire_due_triggers()
    (shown,) = alice.client.get(alice.url).json()["items"]
    assert (shown["is_active"], shown["next_fire_at"]) == (True, None)
    assert shown["schedule_info"]["exhausted"] is True
    fired = alice.client.post(f"{alice.url}/{trigger['id']}/fire", {}, format="json")
    assert fired.status_code == 200

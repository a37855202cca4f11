"""From a CRM's signed lead to the outcome of the call, under one chain."""

import json
from typing import Any

import pytest
from django.test import Client

from events.models import Event
from events.rules.event import EVENT_TYPES
from tests.calls import ALWAYS, BUSY, BUSY_TWICE, drain, schedule_call, work_off
from tests.clients import open_door
from tests.webhooks.signing import build_headers
from triggers.models import Fire
from workspaces.services import create_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_bells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runs.services.ring", lambda queue, count=1: None)


class Crm:
    """A workspace whose leads are called."""

    def __init__(self) -> None:
        workspace = create_workspace(name="Clinic")
        self.root = f"/v1/{workspace.pk}"
        self.api = open_door(workspace.pk, "*")
        action = self._make("/actions", {"name": "Call", "action_type": "schedule_outbound_call"})
        self.trigger = self._make(
            "/triggers",
            {
                "name": "Lead",
                "event_type": "lead.created",
                "action_id": action["id"],
                "input_template": {"window": ALWAYS, "retry_backoff_minutes": 0},
            },
        )
        self.destination = self._make(
            "/webhook-destinations",
            {
                "name": "CRM",
                "trigger_id": self.trigger["id"],
                "field_mapping": {"phone_to": "contact.phone"},
            },
        )

    def _make(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.api.post(f"{self.root}{path}", body, format="json")
        assert answer.status_code == 201, answer.content
        return answer.json()

    def post_lead(self, phone: str, *, key: str = "k") -> Any:
        lead = {"type": "lead.created", "contact": {"phone": phone}}
        body = json.dumps(lead).encode()
        return Client().post(
            f"{self.root}/hooks/{self.destination['id']}",
            body,
            content_type="application/json",
            headers=build_headers(self.destination["secret"], body, key=key),
        )

    def get(self, path: str) -> list[Any]:
        return list(self.api.get(f"{self.root}{path}", {"limit": 100}).json()["items"])


def test_a_lead_is_called_and_leaves_one_chain() -> None:
    crm = Crm()
    answer = crm.post_lead("+14155550100")
    assert answer.status_code == 200, answer.content
    drain("instant")
    work_off(1)
    timeline = crm.get(f"/runs/{answer.json()['run_id']}/events")
    expected = [
        "trigger.fired",
        "outbound.scheduled",
        "trigger.completed",
        "outbound.dispatched",
        "outbound.completed",
    ]
    assert [event["event_type"] for event in timeline] == expected
    assert {event["chain_id"] for event in timeline} == {answer.json()["fired_event_id"]}
    ids = {event["event_id"] for event in timeline}
    assert all(event["parent_id"] in ids for event in timeline[1:])
    history = crm.get(f"/triggers/{crm.trigger['id']}/runs")
    assert [event["event_type"] for event in reversed(history)] == expected
    (call,) = crm.get("/outbound-calls")
    assert (call["status"], call["trigger_id"]) == ("completed", crm.trigger["id"])
    assert call["triggered_by"] == f"webhook:{crm.destination['id']}"


def test_a_busy_lead_is_called_again() -> None:
    crm = Crm()
    crm.post_lead(BUSY_TWICE)
    drain("instant")
    work_off()
    types = [event["event_type"] for event in crm.get(f"/triggers/{crm.trigger['id']}/runs")]
    assert types.count("outbound.retrying") == 2
    assert types.count("outbound.dispatched") == 3
    assert types[0] == "outbound.completed"


@pytest.mark.parametrize("phone", ["4155550100", "+1 415 555 0100", "none", ""])
def test_a_lead_without_a_number_is_refused_at_the_webhook(phone: str) -> None:
    crm = Crm()
    answer = crm.post_lead(phone)
    assert answer.status_code == 422, answer.content
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/phone_to"]
    assert not Fire.objects.filter(outcome="fired").exists()
    assert crm.get("/outbound-calls") == []


def test_data_of_every_event_of_calls_is_what_the_vocabulary_says() -> None:
    schedule_call(BUSY, max_attempts=2)
    call = schedule_call()
    work_off()
    open_door(call.workspace_id, "*").post(
        f"/v1/{call.workspace_id}/outbound-calls/{schedule_call(action=None).pk}/cancel"
    )
    doomed = schedule_call()
    door = open_door(doomed.workspace_id, "*")
    door.post(f"/v1/{doomed.workspace_id}/outbound-calls/{doomed.pk}/cancel")
    seen = set()
    for event in Event.objects.filter(event_type__startswith="outbound."):
        seen.add(event.event_type)
        assert set(event.data) == set(EVENT_TYPES[event.event_type].data), event.event_type
    assert seen == {name for name in EVENT_TYPES if name.startswith("outbound.")}

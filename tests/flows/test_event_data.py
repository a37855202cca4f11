"""What triggers, runs and deliveries write in a whole life is what the vocabulary says."""

import datetime as dt
import json
from collections import defaultdict
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from events.models import Event
from events.rules.event import EVENT_TYPES
from runs.execution import drain_queue
from runs.execution.claim import claim_runs
from runs.execution.reap import reap_expired_leases
from runs.models import Run
from tests.clients import open_door
from tests.webhooks.signing import build_headers
from triggers.models import ScheduleState
from triggers.services import fire_due_triggers
from workspaces.services import create_workspace

pytestmark = pytest.mark.django_db
# Members that come only with one of several causes or outcomes.
OPTIONAL = {
    "trigger.fired": {
        "scheduled_for",
        "forced",
        "delivery_id",
        "event_type",
        "rerun_of",
        "element",
    },
    "trigger.skipped": {"scheduled_for", "errors"},
    "trigger.cancelled": {"reason"},
    "trigger.updated": {"is_active"},
    "webhook.received": {"elements"},
    "webhook.filtered": {"elements"},
    "webhook.duplicate": {"elements"},
}
# Written by parts that this flow does not reach.
ELSEWHERE = {"trigger.delegated", "trigger.auto_paused", "trigger.missed"} | {
    name for name in EVENT_TYPES if name.startswith(("outbound.", "webhook.subscription_"))
}


class Workspace:
    """One workspace's API, with what the flow needs of it."""

    def __init__(self) -> None:
        workspace = create_workspace(name="Flow")
        self.root = f"/v1/{workspace.pk}"
        self.client: APIClient = open_door(workspace.pk, "*")

    def send(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        answer = getattr(self.client, method)(f"{self.root}{path}", body, format="json")
        assert answer.status_code == status, answer.content
        return answer.json() if answer.content else None

    def make_trigger(self, action: dict[str, Any], **fields: Any) -> str:
        body = {"name": "t", "event_type": "lead.*", "action_id": action["id"], **fields}
        return str(self.send("post", "/triggers", body, status=201)["id"])

    def make_action(self, **fields: Any) -> dict[str, Any]:
        body = {"name": "a", "action_type": "noop", **fields}
        made: dict[str, Any] = self.send("post", "/actions", body, status=201)
        return made


@pytest.fixture(autouse=True)
def _no_bells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runs.services.ring", lambda queue, count=1: None)


def drain() -> None:
    drain_queue("instant", should_stop=lambda: False, ring=lambda queue: None)


def live_by_hand(api: Workspace) -> None:
    emit = api.make_action(action_type="emit_event", config={"event_type": "lead.seen"})
    trigger = api.make_trigger(emit)
    api.send("post", f"/triggers/{trigger}/fire")
    drain()
    api.send("patch", f"/triggers/{trigger}", {"description": "d", "is_active": False})
    api.send("post", f"/triggers/{trigger}/resume")
    api.send("post", f"/triggers/{trigger}/pause")
    run_id = api.send("post", f"/triggers/{trigger}/fire")["run_id"]
    api.send("post", f"/runs/{run_id}/cancel")
    api.send("post", f"/runs/{run_id}/rerun", status=202)
    api.send("patch", f"/actions/{emit['id']}", {"enabled": False})
    api.send("post", f"/triggers/{trigger}/fire", status=409)
    api.send("delete", f"/triggers/{trigger}", status=204)


def live_with_failures(api: Workspace) -> None:
    """A worker that vanishes until the run is given up."""
    trigger = api.make_trigger(api.make_action())
    api.send("post", f"/triggers/{trigger}/fire")
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    for leases_lost_before in (0, 2):
        claim_runs("instant", limit=50)
        running = Run.objects.filter(status="running", trigger_id=trigger)
        running.update(lease_until=past, lost_leases=leases_lost_before)
        reap_expired_leases()
        Run.objects.filter(status="queued").update(lost_leases=0)


def live_by_schedule(api: Workspace) -> None:
    trigger = api.make_trigger(api.make_action(), schedule="* * * * *")
    just_now = dt.datetime.now(dt.UTC).replace(second=0, microsecond=0)
    ScheduleState.objects.filter(trigger_id=trigger).update(next_fire_at=just_now, due_at=just_now)
    fire_due_triggers()
    drain()


def live_by_webhook(api: Workspace) -> None:
    trigger = api.make_trigger(api.make_action())
    destination = api.send(
        "post", "/webhook-destinations", {"name": "d", "trigger_id": trigger}, status=201
    )
    body = json.dumps({"type": "lead.created"}).encode()
    address = f"{api.root}/hooks/{destination['id']}"

    def post(secret: str, status: int) -> None:
        headers = build_headers(secret, body, key="k1")
        answer = Client().post(address, body, content_type="application/json", headers=headers)
        assert answer.status_code == status, answer.content

    post(destination["secret"], 200)
    post(destination["secret"], 200)
    post("whsec_wrong-wrong-wrong-wrong", 401)
    api.send("post", f"/triggers/{trigger}/pause")
    body = b'{"type": "lead.moved"}'
    headers = build_headers(destination["secret"], body, key="k2")
    Client().post(address, body, content_type="application/json", headers=headers)


def test_data_of_every_system_event_is_what_the_vocabulary_says() -> None:
    api = Workspace()
    live_by_hand(api)
    live_with_failures(api)
    live_by_schedule(api)
    live_by_webhook(api)
    seen: defaultdict[str, list[set[str]]] = defaultdict(list)
    for event in Event.objects.exclude(event_type="lead.seen"):
        seen[event.event_type].append(set(event.data))
    assert set(seen) == set(EVENT_TYPES) - ELSEWHERE
    for event_type, occurrences in seen.items():
        known = set(EVENT_TYPES[event_type].data)
        for members in occurrences:
            assert members <= known, event_type
            assert known - members <= OPTIONAL.get(event_type, set()), event_type


def test_every_event_of_a_run_says_what_triggered_it() -> None:
    api = Workspace()
    live_by_hand(api)
    live_by_webhook(api)
    drain()
    events = Event.objects.filter(run_id__isnull=False, source="AUTOMATION")
    assert {event.event_type for event in events} > {"trigger.fired", "lead.seen"}
    for event in events:
        assert event.data["triggered_by"].split(":")[0] in {"manual", "webhook"}

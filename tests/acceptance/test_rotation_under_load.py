"""Secrets rotated and destinations paused while deliveries pour in: every web process obeys.

The sender's clock is the server's: whether a request fell into the overlap is known exactly, but
for those that were on their way when it ended.
"""

import json
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.acceptance.conftest import Stack, sign
from workspaces.rules.times import parse_time

pytestmark = pytest.mark.acceptance

SENDERS = 4
# Each a connection of its own: the kernel deals them out to all web processes.
CONNECTIONS = 8
OVERLAP_SECONDS = 3


@dataclass(frozen=True)
class Sent:
    """One delivery: under which secret, between which moments, and what was answered."""

    secret: str
    began: float
    ended: float
    status: int


@dataclass
class Load:
    """Senders that sign with each of the secrets in turn."""

    url: str
    secrets: list[str]
    sent: list[Sent] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def send_on(self) -> None:
        with httpx.Client(timeout=30) as client:
            turn = 0
            while not self.stopped.is_set():
                turn += 1
                secret = self.secrets[turn % len(self.secrets)]
                self.sent.append(send(client, self.url, secret))

    @contextmanager
    def running(self) -> Iterator[None]:
        with ThreadPoolExecutor(SENDERS) as pool:
            work = [pool.submit(self.send_on) for _ in range(SENDERS)]
            try:
                yield
            finally:
                self.stopped.set()
        for done in work:
            done.result()

    def list_statuses(self, secret: str, *, after: float, before: float = 2**40) -> list[int]:
        """Of what was sent with the secret and lies wholly between the two moments."""
        return [
            one.status
            for one in self.sent
            if one.secret == secret and one.began > after and one.ended < before
        ]


def send(client: httpx.Client, url: str, secret: str) -> Sent:
    body = json.dumps({"type": "lead.created", "id": str(uuid.uuid4())}).encode()
    headers = {"content-type": "application/json", **sign(secret, body)}
    began = time.time()
    answer = client.post(url, content=body, headers=headers)
    return Sent(secret, began, time.time(), answer.status_code)


def ask_all(clients: list[httpx.Client], destination: dict[str, Any]) -> set[tuple[int, str]]:
    """What a genuine delivery is answered on each of the connections."""
    answers = set()
    for client in clients:
        body = json.dumps({"type": "lead.created", "id": str(uuid.uuid4())}).encode()
        headers = {"content-type": "application/json", **sign(destination["secret"], body)}
        answer = client.post(destination["url"], content=body, headers=headers)
        answers.add((answer.status_code, str(answer.json().get("status"))))
    return answers


def rotate(stack: Stack, destination: dict[str, Any], overlap_seconds: int) -> dict[str, Any]:
    path = f"/webhook-destinations/{destination['id']}/rotate-secret"
    rotated: dict[str, Any] = stack.post(path, {"overlap_seconds": overlap_seconds}, status=200)
    return rotated


def make_target(stack: Stack) -> dict[str, Any]:
    trigger = stack.make_trigger(stack.make_action(), event_type="lead.created")
    return stack.make_destination(trigger["id"])


def test_no_genuine_delivery_is_refused_in_the_overlap_and_no_old_one_passes_after_it(
    stack: Stack,
) -> None:
    destination = make_target(stack)
    old = destination["secret"]
    load = Load(destination["url"], [old])
    updates = count_updates(stack)
    begun = time.time()
    with load.running():
        time.sleep(1)
        rotated = rotate(stack, destination, OVERLAP_SECONDS)
        known_at = time.time()
        new = rotated["secret"]
        load.secrets = [old, new]
        ends_at = parse_time(rotated["rotation_expires_at"]).timestamp()
        time.sleep(max(0.0, ends_at - time.time()) + 2)
    in_overlap = load.list_statuses(old, after=begun, before=ends_at)
    assert len(in_overlap) > 20
    assert set(in_overlap) == {200}
    afterwards = load.list_statuses(old, after=ends_at)
    assert len(afterwards) > 20
    assert set(afterwards) == {401}
    with_new = load.list_statuses(new, after=known_at)
    assert len(with_new) > 20
    assert set(with_new) == {200}
    assert_use_is_noted_seldom(stack, destination, updates, accepted=len(in_overlap + with_new))


def test_a_secret_that_ends_at_once_passes_nowhere_from_then_on(stack: Stack) -> None:
    destination = make_target(stack)
    old = destination["secret"]
    load = Load(destination["url"], [old])
    with load.running():
        time.sleep(0.7)
        new = rotate(stack, destination, 0)["secret"]
        known_at = time.time()
        load.secrets = [old, new]
        time.sleep(1)
    assert set(load.list_statuses(old, after=known_at)) == {401}
    assert set(load.list_statuses(new, after=known_at)) == {200}


def test_a_pause_takes_effect_for_the_next_request_in_every_process(stack: Stack) -> None:
    destination = make_target(stack)
    trigger_path = f"/triggers/{destination['trigger_id']}"
    own_path = f"{stack.base_url}/v1/{stack.workspace_id}/webhook-destinations/{destination['id']}"
    clients = [httpx.Client(timeout=30) for _ in range(CONNECTIONS)]
    for _ in range(2):
        assert ask_all(clients, destination) == {(200, "fired")}
        stack.post(f"{trigger_path}/pause", {}, status=200)
        assert ask_all(clients, destination) == {(200, "filtered")}
        stack.post(f"{trigger_path}/resume", {}, status=200)
        assert ask_all(clients, destination) == {(200, "fired")}
        stack.client.patch(own_path, json={"is_active": False}).raise_for_status()
        assert {status for status, _ in ask_all(clients, destination)} == {404}
        stack.client.patch(own_path, json={"is_active": True}).raise_for_status()
    for client in clients:
        client.close()


def count_updates(stack: Stack) -> int:
    """Of secrets, as far as Postgres has counted them: perhaps too few, never too many."""
    [(number,)] = stack.query(
        "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'webhooks_destinationsecret'"
    )
    return int(number)


def assert_use_is_noted_seldom(
    stack: Stack, destination: dict[str, Any], before: int, *, accepted: int
) -> None:
    """``last_used_at`` is there for both secrets, and has not cost an UPDATE per delivery."""
    rows = stack.query(
        "SELECT last_used_at FROM webhooks_destinationsecret WHERE destination_id = %s",
        destination["id"],
    )
    assert len(rows) == 2
    assert all(used_at is not None for (used_at,) in rows)
    assert count_updates(stack) - before < max(20, accepted / 4)

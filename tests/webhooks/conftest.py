"""A sender who knows how to sign, callers of the API, and no bells."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from django.db import connection
from django.test import Client

from tests.webhooks.factories import SECRET, DestinationFactory
from tests.webhooks.signing import build_headers
from tests.workspaces.factories import make_client, make_key
from webhooks.models import Delivery, Destination
from webhooks.services.retries import run_with_retries
from workspaces.models import Workspace
from workspaces.models.writing import PreparedCursor

LEAD = {"type": "lead.created", "data": {"id": "L-1", "phone": "+14155550101"}}


@pytest.fixture(autouse=True)
def rings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The queues that would have been rung for."""
    rung: list[str] = []
    monkeypatch.setattr("runs.services.ring", lambda queue, count=1: rung.append(queue))
    return rung


@dataclass
class Sender:
    """Posts to destinations as a foreign system does, and reads what became of it."""

    client: Client = field(default_factory=lambda: Client(raise_request_exception=False))

    def post(
        self,
        destination: Destination,
        payload: Any = LEAD,
        *,
        secret: str = SECRET,
        key: str | None = None,
        timestamp: str | None = None,
        headers: dict[str, str] | None = None,
        path: str | None = None,
    ) -> Any:
        """A signed POST; ``payload`` as bytes is sent as it is, ``headers`` replace good ones."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        good = build_headers(secret, body, timestamp=timestamp, key=key)
        return self.client.post(
            path or build_path(destination),
            body,
            content_type="application/json",
            headers=good if headers is None else headers,
        )


def build_path(destination: Destination) -> str:
    return f"/v1/{destination.workspace_id}/hooks/{destination.pk}"


def read_only_delivery(destination: Destination) -> Delivery:
    """The one delivery that the destination has."""
    return Delivery.objects.get(destination_id=destination.pk)


@pytest.fixture
def sender() -> Sender:
    return Sender()


@pytest.fixture
def destination(db: None) -> Destination:
    return DestinationFactory()


@dataclass(frozen=True)
class Person:
    """A caller of the API inside one workspace."""

    workspace: Workspace
    client: Client

    def path(self, rest: str) -> str:
        return f"/v1/{self.workspace.pk}/{rest}"

    def get(self, rest: str, **parameters: Any) -> Any:
        return self.client.get(self.path(rest), parameters)

    def send(self, method: str, rest: str, body: Any = None) -> Any:
        send = getattr(self.client, method)
        if body is None:
            return send(self.path(rest))
        return send(self.path(rest), json.dumps(body), content_type="application/json")


def make_person(workspace: Workspace, *scopes: str) -> Person:
    return Person(workspace, make_client(make_key(workspace, *scopes)))


@pytest.fixture
def alice(destination: Destination) -> Person:
    """May read and write destinations in the destination's workspace."""
    return make_person(destination.workspace, "destinations:read", "destinations:write")


@pytest.fixture
def charlie(db: None) -> Person:
    """May do everything, elsewhere."""
    return make_person(DestinationFactory().workspace, "*")


def do_elsewhere(change: Callable[[], Any]) -> None:
    """On a connection of its own, as another process would."""

    def run() -> None:
        try:
            change()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result(10)


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Whatever is asked of Postgres: each is a round trip."""
    asked: list[str] = []

    def note(execute: Callable[..., Any]) -> Callable[..., Any]:
        def note_one(cursor: Any, query: Any, *arguments: Any, **options: Any) -> Any:
            asked.append(str(query))
            return execute(cursor, query, *arguments, **options)

        return note_one

    with ExitStack() as held:
        for kind in (PreparedCursor, psycopg.ClientCursor):
            held.enter_context(patch.object(kind, "execute", note(kind.execute)))
        yield asked


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the door would have slept."""
    slept: list[float] = []
    sleep, others = time.sleep, set(threading.enumerate()) - {threading.current_thread()}

    def note(seconds: float) -> None:
        # A thread that another test has left behind, such as a heartbeat, goes on sleeping.
        if threading.current_thread() in others:
            sleep(seconds)
        else:
            slept.append(seconds)

    monkeypatch.setattr("time.sleep", note)
    # The default was bound when the function was made.
    monkeypatch.setitem(run_with_retries.__kwdefaults__ or {}, "pause", slept.append)
    return slept

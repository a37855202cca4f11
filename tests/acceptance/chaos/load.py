"""Senders of signed webhooks, at a steady pace, who note every answer."""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import quantiles
from typing import Any, Self
from urllib.parse import urlsplit

from benchmarks.ledger import Acknowledged
from tests.acceptance.conftest import sign

_PATIENCE_SECONDS = 15.0
_PAUSE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; status 0: none came."""

    key: str
    at: float
    seconds: float
    status: int
    text: str = ""


class Load:
    """Posts deliveries ``rate`` times a second (0: as fast as the senders can) until it is stopped.

    A careful sender: what got no 2xx is sent again with the same key, until it does or
    ``is_patient`` is False.
    """

    def __init__(
        self,
        destinations: list[dict[str, Any]],
        *,
        rate: float,
        senders: int = 8,
        name: str = "load",
        is_patient: bool = True,
        is_kept_alive: bool = True,
    ) -> None:
        self.destinations = destinations
        self.answers: list[Answer] = []
        self.acknowledged: list[Acknowledged] = []
        self._rate, self._name = rate, name
        self._is_patient, self._is_kept_alive = is_patient, is_kept_alive
        self._lock = threading.Lock()
        self._number = 0
        self._started_at = 0.0
        self._is_stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._send_for_ever, name=f"sender {n}", daemon=True)
            for n in range(senders)
        ]

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Load inside the block; after it every delivery that was begun has had its answer."""
        self._started_at = time.monotonic()
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._is_stopping.set()
            for thread in self._threads:
                thread.join(120)

    @property
    def count(self) -> int:
        return len(self.acknowledged)

    def list_between(self, since: float, until: float) -> list[Answer]:
        """Answers of that time on the monotonic clock."""
        return [answer for answer in list(self.answers) if since <= answer.at < until]

    def _send_for_ever(self) -> None:
        sender = _Sender(is_kept_alive=self._is_kept_alive)
        while not self._is_stopping.is_set():
            with self._lock:
                number, self._number = self._number, self._number + 1
            if self._rate:
                begins_at = self._started_at + number / self._rate
                if self._is_stopping.wait(max(0.0, begins_at - time.monotonic())):
                    break
            destination = self.destinations[number % len(self.destinations)]
            self._deliver(sender, destination, f"{self._name}-{number}")
        sender.close()

    def _deliver(self, sender: "_Sender", destination: dict[str, Any], key: str) -> None:
        # A sender goes on for a while after the load was stopped, or its last answers were lost.
        gives_up_at: float | None = None
        while True:
            answer = sender.post(destination, key)
            self.answers.append(answer)
            if answer.status == 200:
                body = json.loads(answer.text)
                self.acknowledged.append(
                    Acknowledged(
                        run_id=body["run_id"], fired_event_id=body["fired_event_id"], key=key
                    )
                )
                return
            if not self._is_patient:
                return
            if self._is_stopping.is_set():
                gives_up_at = gives_up_at or time.monotonic() + 60
                if time.monotonic() > gives_up_at:
                    return
            time.sleep(_PAUSE_SECONDS)


class _Sender:
    def __init__(self, *, is_kept_alive: bool) -> None:
        self._is_kept_alive = is_kept_alive
        self._connection: http.client.HTTPConnection | None = None

    def post(self, destination: dict[str, Any], key: str) -> Answer:
        body = json.dumps({"type": "load.sent", "key": key}).encode()
        headers = {
            "content-type": "application/json",
            "x-amigo-idempotent-key": key,
            **sign(destination["secret"], body),
        }
        parts = urlsplit(destination["url"])
        started = time.monotonic()
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection(
                    parts.hostname or "", parts.port, timeout=_PATIENCE_SECONDS
                )
            self._connection.request("POST", parts.path, body, headers)
            response = self._connection.getresponse()
            status, text = response.status, response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            status, text = 0, repr(error)
        if not status or not self._is_kept_alive:
            self.close()
        return Answer(key, started, time.monotonic() - started, status, text)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def find_p99(answers: list[Answer]) -> float:
    """Of the seconds that answers took."""
    seconds = [answer.seconds for answer in answers]
    return quantiles(seconds, n=100)[98] if len(seconds) > 1 else max(seconds, default=0.0)


def count_statuses(answers: list[Answer]) -> dict[int, int]:
    return dict(Counter(answer.status for answer in answers))

"""Junk at the receiver: only the answers of the contract, nothing stored beyond its cap.

A few hundred requests here; ``make junk`` sends 10,000 and looks at times and memory as well.
"""

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.db.models import Count
from django.db.models.functions import Length
from hypothesis import HealthCheck, Phase, given, settings

from config.wsgi import application
from events.models import Event
from runs.models import Run
from tests.webhooks.factories import SECRET, DestinationFactory
from tests.webhooks.junk import Junk, Tally, requests
from triggers.models import Fire
from webhooks.models import DedupeKey, Delivery, Destination
from webhooks.services import ledger

pytestmark = pytest.mark.django_db

NUMBER = int(os.environ.get("JUNK", "250"))
IS_LONG = NUMBER >= 10_000
DOCUMENTED = {400, 401, 404, 405, 413, 422, 429}
ROUND = 125
SLOW_SECONDS = 0.05
GROWTH = 48 * 1024 * 1024
# Encrypted and in base64, with its headers.
STORED_LIMIT = 2 * ledger.REJECTED_BODY_LIMIT
# They have a line for each such request.
QUIET = (
    "django.request",
    "django.security.DisallowedHost",
    "webhooks.services.proving",
    "webhooks.services.receipt",
)
PRESETS: dict[str, dict[str, Any]] = {
    "clockhook": {},
    "github": {},
    "stripe": {},
    "slack": {},
    "twilio": {},
    "meta": {"verify_token": "the-token-of-the-test"},
    "mailgun": {},
    "standard_webhooks": {},
    "kortix": {},
    "pipedrive": {},
    "zoho_crm": {},
    "hubspot": {},
    "aws_sns": {"topic_arns": ["arn:aws:sns:eu-central-1:1:t"]},
    "google_pubsub": {"audience": "https://a", "service_account_email": "a@b.iam"},
}


@pytest.fixture
def held_connection(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A request gives its connection back; here it holds the test's own transaction."""
    monkeypatch.setattr("config.hooks.lay_connection_down", lambda: None)
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def targets(monkeypatch: pytest.MonkeyPatch, held_connection: None) -> list[Destination]:
    """One of each kind of sender; what is well signed is refused for its type."""
    monkeypatch.setattr("runs.services.ring", lambda _queue, count=1: None)
    for name in QUIET:
        monkeypatch.setattr(logging.getLogger(name), "disabled", True)
    made = [
        DestinationFactory.create(
            verification={"preset": preset, **options}, accepted_event_types=["never.sent"]
        )
        for preset, options in PRESETS.items()
    ]
    # Half of the junk is for the native scheme, whose signature gets it past the first door.
    return [*made, *[made[0]] * len(made)]


def read_memory() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def send(junk: Junk, target: Destination) -> tuple[int, bytes, float]:
    """Through the whole application, as a server calls it."""
    path = junk.path.replace("{id}", str(target.pk)).replace("{ws}", str(target.workspace_id))
    environ = junk.build_environ(path=path, secret=SECRET)
    begun: list[int] = []

    def start(status: str, *_: Any) -> Callable[[bytes], object]:
        begun.append(int(status.split(maxsplit=1)[0]))
        return lambda _piece: None

    started = time.perf_counter()
    answer = application(environ, start)
    body = b"".join(answer)
    seconds = time.perf_counter() - started
    close = getattr(answer, "close", None)
    if close is not None:
        close()
    return begun[0], body, seconds


def send_and_judge(junk: Junk, targets: list[Destination], tally: Tally) -> None:
    target = targets[junk.target % len(targets)]
    status, body, seconds = send(junk, target)
    assert status in DOCUMENTED, (status, body[:500], junk)
    assert SECRET.encode() not in body
    for _ in range(3 if IS_LONG and seconds > SLOW_SECONDS else 0):
        # Slow by itself, or was the machine at something else?
        seconds = min(seconds, send(junk, target)[2])
    tally.add(status, seconds, junk)


def assert_the_ledger_is_within_its_caps() -> None:
    rejected = Delivery.objects.filter(status="rejected", body__isnull=False)
    kept = rejected.values("destination_id").annotate(number=Count("id")).order_by()
    assert all(row["number"] <= ledger.MAX_REJECTED_KEPT for row in kept)
    sizes = rejected.annotate(stored=Length("body")).values_list("stored", flat=True)
    assert max(sizes, default=0) <= STORED_LIMIT
    assert set(Delivery.objects.values_list("status", flat=True)) <= {"rejected"}
    assert not Delivery.objects.filter(cause="internal").exists()
    for model in (Run, Fire, DedupeKey):
        assert not model._default_manager.exists()
    assert set(Event.objects.values_list("event_type", flat=True).distinct()) <= {
        "webhook.rejected"
    }


@pytest.mark.timeout(3600 if IS_LONG else 300)
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
def test_junk_gets_documented_answers_and_fills_nothing(targets: list[Destination]) -> None:
    tally = Tally()
    memory: list[int] = []

    @settings(
        max_examples=min(ROUND, NUMBER),
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(junk=requests)
    def attack(junk: Junk) -> None:
        send_and_judge(junk, targets, tally)

    while sum(tally.statuses.values()) < NUMBER:
        attack()
        memory.append(read_memory())
        if IS_LONG and len(memory) % 8 == 0:
            sys.stderr.write(f"{sum(tally.statuses.values())} of {NUMBER} …\n")
    assert_the_ledger_is_within_its_caps()
    # After a tenth of the rounds everything that is kept for good is there.
    growth = memory[-1] - memory[len(memory) // 10]
    sys.stderr.write(
        f"{tally}\nmemory {memory[-1] / 2**20:.0f} MiB, grown by {growth / 2**20:.1f} MiB; "
        f"{Delivery.objects.count()} deliveries, "
        f"{Delivery.objects.filter(body__isnull=False).count()} with their bodies\n"
    )
    assert growth <= GROWTH
    assert not django_settings.DEBUG
    if IS_LONG:
        assert tally.slowest <= SLOW_SECONDS, tally

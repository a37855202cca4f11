"""Leads become calls on the real stack: soon, and once per attempt while everything is killed."""

import datetime as dt
import os
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.acceptance.conftest import Stack, post_signed, wait_until

pytestmark = pytest.mark.acceptance

# The whole figure of the promise is 300; the suite's everyday run is shorter.
LEADS = int(os.environ.get("CLOCKHOOK_TEST_LEADS") or 80)
NUMBERS = ("+14155550100", "+14155550002", "+14155550101", "+14155550001")
ATTEMPTS = {"+14155550002": 3, "+14155550001": 2}
DEADLY = "+14155550004"

STATUSES = "SELECT status, count(*) FROM actions_outboundcall WHERE trigger_id = %s GROUP BY 1"


def make_crm(stack: Stack) -> tuple[str, dict[str, Any]]:
    """A trigger that calls leads at any time, and the destination that fires it."""
    template = {
        "window": {"start": "00:00", "end": "00:00", "timezone": "UTC"},
        "retry_backoff_minutes": 0,
    }
    action_id = stack.make_action(action_type="schedule_outbound_call")
    trigger = stack.make_trigger(action_id, input_template=template)
    mapping = {"phone_to": "contact.phone", "max_attempts": "contact.tries"}
    return trigger["id"], stack.make_destination(trigger["id"], field_mapping=mapping)


def build_lead(phone: str) -> dict[str, Any]:
    return {
        "type": "lead.created",
        "contact": {"phone": phone, "tries": ATTEMPTS.get(phone, 3)},
    }


def test_a_lead_is_called_within_five_seconds(stack: Stack) -> None:
    _, destination = make_crm(stack)
    posted_at = dt.datetime.now(dt.UTC)
    with httpx.Client(timeout=10) as client:
        answer = post_signed(client, destination, build_lead(NUMBERS[0]))
    assert answer.status_code == 200, answer.text
    timeline = f"/runs/{answer.json()['run_id']}/events"
    events = wait_until(
        lambda: (
            items
            if (items := stack.get(timeline)["items"])[-1]["event_type"] == "outbound.completed"
            else None
        ),
        seconds=15,
        what="the end of the call",
    )
    dispatched = next(event for event in events if event["event_type"] == "outbound.dispatched")
    took = dt.datetime.fromisoformat(dispatched["effective_at"]) - posted_at
    assert took < dt.timedelta(seconds=5)


def test_each_attempt_is_placed_once_while_everything_is_killed(stack: Stack) -> None:
    trigger_id, destination = make_crm(stack)
    before = len(stack.read_placed())
    phones = [DEADLY, *(NUMBERS[n % len(NUMBERS)] for n in range(LEADS - 1))]
    stop = threading.Event()

    def break_things() -> None:
        for words, pause in (
            (("celery", "triggers.scheduler:"), 1.0),
            (("celery", "worker", "network"), 1.0),
            (("celery", "triggers.scheduler:"), 1.0),
            (("celery", "worker"), 1.0),
        ):
            stop.wait(pause)
            stack.kill(*words)

    with ThreadPoolExecutor(8) as senders, httpx.Client(timeout=10) as client:
        breaker = threading.Thread(target=break_things)
        breaker.start()
        numbered = list(enumerate(phones))

        def send(lead: tuple[int, str]) -> None:
            number, phone = lead
            answer = post_lead(client, destination, phone, f"lead-{number}")
            assert answer.status_code == 200, answer.text

        list(senders.map(send, numbered))
        breaker.join()
    busy = phones.count("+14155550001")
    wait_until(
        lambda: (
            dict(stack.query(STATUSES, trigger_id)) == {"completed": LEADS - busy, "failed": busy}
        ),
        seconds=180,
        what="the end of every call",
    )
    placed = Counter((line["call_id"], line["attempt"]) for line in stack.read_placed()[before:])
    assert set(placed.values()) == {1}
    expected = sum(ATTEMPTS.get(phone, 1) for phone in phones)
    assert len(placed) == expected
    _check_chains(stack, trigger_id)


def post_lead(
    client: httpx.Client, destination: dict[str, Any], phone: str, key: str
) -> httpx.Response:
    return post_signed(client, destination, build_lead(phone), key=key)


def _check_chains(stack: Stack, trigger_id: str) -> None:
    """Every call has one end, and every event a parent in its chain."""
    rows = stack.query(
        "SELECT c.id, count(*) FILTER (WHERE e.event_type IN"
        " ('outbound.completed', 'outbound.failed', 'outbound.cancelled')),"
        " count(*) FILTER (WHERE e.parent_id IS NULL)"
        " FROM actions_outboundcall c JOIN events_event e ON e.chain_id = c.chain_id"
        " WHERE c.trigger_id = %s GROUP BY 1",
        trigger_id,
    )
    assert len(rows) == LEADS
    assert {(ends, roots) for _, ends, roots in rows} == {(1, 1)}

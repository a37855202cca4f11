"""Outbound calls as a flow needs them: the loop's steps, one after the other."""

import datetime as dt
from typing import Any

from django.utils import timezone

from actions.models import OutboundCall
from runs.execution import drain_queue
from runs.services import report_finished_calls, start_due_calls
from tests.factories import ActionFactory, queue_run

ALWAYS = {"start": "00:00", "end": "00:00", "timezone": "UTC"}
ANSWERED = "+14155550100"
BUSY = "+14155550001"
BUSY_TWICE = "+14155550002"
REFUSED = "+14155550003"
DEADLY = "+14155550004"


def drain(queue: str) -> None:
    drain_queue(queue, should_stop=lambda: False, ring=lambda queue: None)


def schedule_call(phone_to: str = ANSWERED, **given: Any) -> OutboundCall:
    """A pending call, scheduled by a run of its own."""
    action = given.pop("action", None) or ActionFactory(action_type="schedule_outbound_call")
    given = {"window": ALWAYS, "retry_backoff_minutes": 0, **given, "phone_to": phone_to}
    run = queue_run(action, input=given)
    drain("instant")
    return OutboundCall.objects.get(run_id=run.id)


def place_due() -> None:
    """Beat's chore and a worker."""
    start_due_calls(now=timezone.now())
    drain("network")


def report_ended() -> None:
    """Beat's other chore, when the providers have made up their minds."""
    report_finished_calls(now=timezone.now() + dt.timedelta(seconds=2))


def work_off(rounds: int = 12) -> None:
    for _ in range(rounds):
        place_due()
        report_ended()

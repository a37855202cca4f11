"""How the demonstration's past runs and calls went. Chance is seeded: every week is alike."""

import datetime as dt
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from actions.kinds.base import Completed, Delegated, Failed
from console.services.demo.scene import FAILING_HOST
from runs.services import PastStep
from workspaces.rules.callers import Caller

_CALL_MAY_LAST_SECONDS = 4 * 3600.0
_BACKOFF_SECONDS = 15 * 60.0
# The longest call story: two backoffs and three conversations.
LONGEST_CALL = dt.timedelta(hours=1)
# How each day's leads end, in turn; the words are those of ``tell_call``.
_CALLS = (
    ("completed",),
    ("completed",),
    ("busy", "completed"),
    ("busy", "busy", "completed"),
    ("refused",),
    ("busy", "busy", "busy"),
    ("completed",),
    ("completed",),
)
_NAMES = ("Ada Byrd", "Grace Okafor", "Alan Reyes", "Mary Chen", "Kurt Lind", "Emmy Novak")


@dataclass(frozen=True, slots=True)
class PastLead:
    """A lead as the CRM posted it, and the attempts that were made at calling it."""

    number: int
    name: str
    phone: str
    posted_at: dt.datetime
    attempts: Sequence[str]
    # The CRM did not hear the answer, and posted it again.
    is_sent_again: bool
    # Somebody posted it without the secret, before the CRM did.
    is_forged_first: bool


def list_leads(*, since: dt.datetime, until: dt.datetime) -> Iterator[PastLead]:
    """The leads whose calls had ended by ``until``, oldest first."""
    chance = random.Random(7)  # noqa: S311 - a story, no secret
    latest = until - LONGEST_CALL
    posted_at, number = since, 0
    while True:
        posted_at += dt.timedelta(minutes=chance.uniform(70, 330))
        if posted_at > latest:
            return
        number += 1
        yield PastLead(
            number=1000 + number,
            name=_NAMES[number % len(_NAMES)],
            phone=f"+1415555{100 + number % 90:04d}",
            posted_at=posted_at,
            attempts=_CALLS[number % len(_CALLS)],
            is_sent_again=number % 6 == 2,
            is_forged_first=number % 9 == 3,
        )


def tell_instant() -> Sequence[PastStep]:
    """A run that only used the database."""
    return (PastStep(takes_seconds=0.004),)


def tell_call(lead: PastLead) -> Sequence[PastStep]:
    """The attempts at a call: ``completed``, ``busy`` or ``refused`` each."""
    steps: list[PastStep] = []
    for number, ending in enumerate(lead.attempts, start=1):
        if ending == "refused":
            refused = Failed("refused", "The number cannot be called.", retryable=False)
            return [*steps, PastStep(waits_seconds=0.9, takes_seconds=0.2, outcome=refused)]
        sid = f"demo-{lead.number}-{number}"
        placed = Delegated(_CALL_MAY_LAST_SECONDS, {"call_sid": sid, "provider": "console"})
        steps += [
            PastStep(waits_seconds=0.9, takes_seconds=0.2, outcome=placed),
            _tell_ending(ending, sid=sid, seconds=40 + lead.number % 7 * 23),
        ]
    return steps


def tell_push(slot: dt.datetime, *, gone_since: dt.datetime) -> Sequence[PastStep]:
    """A request to the warehouse: well at first, now and then at the second attempt, then never."""
    if slot >= gone_since:
        failed = Failed(
            "connection_failed",
            f"{FAILING_HOST} is unknown.",
            retryable=True,
        )
        return (PastStep(takes_seconds=0.03, outcome=failed),) * 3
    taken = Completed({"status": 202, "headers": {}, "body": None, "duration_ms": 180})
    well = PastStep(takes_seconds=0.18, outcome=taken)
    if slot.hour % 6 != 1:
        return (well,)
    busy = Failed("http_503", "POST was answered 503 Service Unavailable", retryable=True)
    return (PastStep(takes_seconds=0.4, outcome=busy), well)


def tell_cancelling(caller: Caller) -> Sequence[PastStep]:
    """A run that somebody ended while it waited for its second attempt."""
    failed = Failed("connection_failed", "The connection failed.", retryable=True)
    return (
        PastStep(takes_seconds=0.03, outcome=failed),
        PastStep(takes_seconds=0.8, cancelled_by=caller),
    )


def _tell_ending(ending: str, *, sid: str, seconds: float) -> PastStep:
    if ending == "completed":
        answered = Completed({"call_sid": sid, "outcome": "answered"})
        return PastStep(takes_seconds=seconds, outcome=answered)
    busy = Failed(
        "busy", "The call ended: busy.", retryable=True, retry_after_seconds=_BACKOFF_SECONDS
    )
    return PastStep(takes_seconds=4.0, outcome=busy)

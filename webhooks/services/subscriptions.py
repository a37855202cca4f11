"""Subscriptions of Amazon SNS, confirmed by a job: no request waits for a visit to Amazon.

Only what was verified asks for it. Its address is checked again before each visit: it is Amazon
SNS's own, and confirms a topic that the destination still takes.
"""

import datetime as dt
from collections.abc import Callable
from uuid import UUID

import httpx
import structlog
from django.db import transaction
from django.db.models import QuerySet

from events.rules.event import WEBHOOK, NewEvent
from events.services import append_event
from webhooks.models import Delivery, SubscriptionConfirmation
from webhooks.rules.challenges import Subscription, find_subscribe_url
from webhooks.services.currency import find_target
from webhooks.services.ledger import read_request
from workspaces.services import SecretUnreadable, new_id

log = structlog.get_logger(__name__)

PENDING, CONFIRMED, FAILED = "pending", "confirmed", "failed"
MAX_ATTEMPTS = 12
FIRST_PAUSE, LONGEST_PAUSE = dt.timedelta(seconds=30), dt.timedelta(hours=1)
MAX_VISITS = 20
_TIMEOUT_SECONDS = 5
_TOO_LONG = 128
# The answers that may be another one next time.
_PASSING = (408, 429)


class VisitFailed(Exception):
    """Amazon did not confirm; ``permanent``: it will not next time either."""

    def __init__(self, message: str, *, permanent: bool) -> None:
        super().__init__(message)
        self.permanent = permanent


Visit = Callable[[str], None]


def ask_for_confirmation(
    subscription: Subscription, *, destination_id: UUID, delivery_id: UUID, now: dt.datetime
) -> None:
    """Have the job visit, in the caller's transaction; once, however often SNS asks."""
    SubscriptionConfirmation.objects.bulk_create(
        [
            SubscriptionConfirmation(
                destination_id=destination_id,
                delivery_id=delivery_id,
                topic_arn=subscription.topic_arn[:512],
                message_id=subscription.message_id[:_TOO_LONG],
                next_attempt_at=now,
            )
        ],
        ignore_conflicts=True,
    )


def visit_amazon(url: str, *, transport: httpx.BaseTransport | None = None) -> None:
    """GET the address; no redirect is followed, and what it answers is not read.

    Raises:
        VisitFailed: anything but 200.
    """
    try:
        with (
            httpx.Client(
                transport=transport, timeout=_TIMEOUT_SECONDS, follow_redirects=False
            ) as client,
            client.stream("GET", url) as answer,
        ):
            status = answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise VisitFailed(f"Amazon SNS was not reached: {_name(error)}.", permanent=False) from None
    if status != httpx.codes.OK:
        is_permanent = status < httpx.codes.INTERNAL_SERVER_ERROR and status not in _PASSING
        raise VisitFailed(f"Amazon SNS answered {status}.", permanent=is_permanent)


def confirm_due_subscriptions(*, now: dt.datetime, visit: Visit = visit_amazon) -> int:
    """Visit what is due, one after the other; how many. Any number of processes may."""
    for done in range(MAX_VISITS):
        due = _claim(now)
        if due is None:
            return done
        try:
            _visit(due, visit)
        except VisitFailed as failure:
            _note_failure(due, failure, now=now)
        else:
            _end(due, CONFIRMED, error=None, now=now)
    return MAX_VISITS


def _claim(now: dt.datetime) -> SubscriptionConfirmation | None:
    """The next one, whose time is pushed on before the visit: who dies in it loses one attempt."""
    with transaction.atomic():
        waiting = SubscriptionConfirmation.objects.filter(status=PENDING, next_attempt_at__lte=now)
        due = (
            waiting.select_for_update(skip_locked=True, no_key=True)
            .order_by("next_attempt_at", "id")
            .first()
        )
        if due is not None:
            due.attempt += 1
            pause: dt.timedelta = FIRST_PAUSE * 2 ** (due.attempt - 1)
            due.next_attempt_at = now + min(pause, LONGEST_PAUSE)
            due.save(update_fields=["attempt", "next_attempt_at"])
    return due


def _visit(due: SubscriptionConfirmation, visit: Visit) -> None:
    target = find_target(str(due.destination_id), workspace_id=None)
    config = None if target is None else target.config
    if target is None or config is None or not target.is_active:
        raise VisitFailed("The destination takes nothing.", permanent=True)
    if config.scheme != "aws_sns" or due.topic_arn not in config.topic_arns:
        raise VisitFailed("The destination does not take this topic.", permanent=True)
    url = _find_url(due)
    if url is None:
        raise VisitFailed("The message has no address of Amazon SNS.", permanent=True)
    visit(url)


def _find_url(due: SubscriptionConfirmation) -> str | None:
    delivery = Delivery.objects.filter(id=due.delivery_id).first()
    try:
        request = None if delivery is None else read_request(delivery)
    except SecretUnreadable:
        request = None
    return None if request is None else find_subscribe_url(request.body)


def _note_failure(due: SubscriptionConfirmation, failure: VisitFailed, *, now: dt.datetime) -> None:
    if failure.permanent or due.attempt >= MAX_ATTEMPTS:
        _end(due, FAILED, error=str(failure), now=now)
        return
    log.warning("subscription_not_confirmed", error=str(failure), **_name_row(due))
    _select(due).update(error=str(failure))


def _end(
    due: SubscriptionConfirmation, status: str, *, error: str | None, now: dt.datetime
) -> None:
    """The outcome and its event, once: whoever claimed it after us decides."""
    with transaction.atomic():
        fields = {"status": status, "error": error, "next_attempt_at": None, "ended_at": now}
        if _select(due).update(**fields):
            append_event(_build_event(due, error, now=now))
            _note_on_delivery(due, error)
            log.info("subscription_ended", status=status, error=error, **_name_row(due))


def _note_on_delivery(due: SubscriptionConfirmation, error: str | None) -> None:
    said = "was confirmed" if error is None else f"was not confirmed: {error}"
    note = f"The subscription to {due.topic_arn} {said}".rstrip(".") + "."
    for delivery in Delivery.objects.filter(id=due.delivery_id).only("id", "notes"):
        delivery.notes = [*delivery.notes, note]
        delivery.save(update_fields=["notes"])


def _select(due: SubscriptionConfirmation) -> QuerySet[SubscriptionConfirmation]:
    return SubscriptionConfirmation.objects.filter(id=due.id, attempt=due.attempt, status=PENDING)


def _build_event(due: SubscriptionConfirmation, error: str | None, *, now: dt.datetime) -> NewEvent:
    destination = due.destination
    data = {
        "destination_id": str(destination.pk),
        "trigger_id": str(destination.trigger_id),
        "delivery_id": str(due.delivery_id),
        "topic_arn": due.topic_arn,
        "attempts": due.attempt,
    }
    return NewEvent(
        id=new_id(),
        workspace_id=destination.workspace_id,
        event_type="webhook.subscription_confirmed"
        if error is None
        else "webhook.subscription_failed",
        source=WEBHOOK,
        entity_type="delivery",
        entity_id=due.delivery_id,
        trigger_id=destination.trigger_id,
        destination_id=destination.pk,
        delivery_id=due.delivery_id,
        data=data if error is None else {**data, "error": error},
        effective_at=now,
    )


def _name_row(due: SubscriptionConfirmation) -> dict[str, str]:
    return {"destination_id": str(due.destination_id), "delivery_id": str(due.delivery_id)}


def _name(error: Exception) -> str:
    return type(error).__name__

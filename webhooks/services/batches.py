"""One transaction for a delivery that is a batch: a fire per element, all of them or none."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction

from webhooks.models import Delivery
from webhooks.rules.ledger import ACCEPTED, CHALLENGE, DUPLICATE, IGNORED, REJECTED
from webhooks.rules.outcomes import (
    FIRED,
    NOTHING,
    Outcome,
    count_outcomes,
    read_outcome,
    summarize,
)
from webhooks.services.acceptance import Receipt, read_receipt
from webhooks.services.currency import check_target
from webhooks.services.elements import Element, fire_elements, understand_elements
from webhooks.services.ledger import Entry, Knock, write_entry
from webhooks.services.retries import run_with_retries

_OK = 200
_MAX_NOTES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReceipt(Receipt):
    """The answer to a batch: the ids above are those of the first element that has the batch's
    status, which is ``fired`` where one of them fired.
    """

    elements: tuple[Outcome, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The answer to one event, with what came of each."""
        answer: dict[str, Any] = dict(Receipt.as_json(self))
        return {**answer, "elements": [one.as_json() for one in self.elements]}


def accept_batch(knock: Knock, payload: list[Any]) -> Receipt:
    """Commit what the elements make, trying again as often as the destination says.

    Raises:
        Rejection: one of the elements is not taken, and so none is.
        DatabaseAway: the database did not take it.
        TargetChanged: the destination is not as it was read; nothing was written.
    """
    elements = understand_elements(knock, payload)
    attempts = knock.target.retry_attempts
    return run_with_retries(partial(_commit, knock, elements), attempts=attempts)


def _commit(knock: Knock, elements: tuple[Element, ...], attempt: int) -> Receipt:
    """One attempt. A commit whose answer was lost is found by its ids and never made again."""
    try:
        with transaction.atomic():
            earlier = find_earlier(knock) if attempt > 1 else None
            return earlier or _settle(knock, elements)
    except IntegrityError:
        # The earlier commit was still on its way when this attempt looked for it.
        earlier = find_earlier(knock) if attempt > 1 else None
        if earlier is None:
            raise
        return earlier


def _settle(knock: Knock, elements: tuple[Element, ...]) -> Receipt:
    outcomes = fire_elements(knock, elements, now=knock.now)
    write_entry(knock, _build_entry(knock, elements, outcomes))
    # Last: what was committed while this waited for a lock is seen, too.
    check_target(knock.target)
    return _build_receipt(knock, outcomes)


def _build_entry(knock: Knock, elements: tuple[Element, ...], outcomes: list[Outcome]) -> Entry:
    summary = summarize(outcomes)
    leading = summary.leading or NOTHING
    data: dict[str, Any] = {"elements": count_outcomes(outcomes)}
    if leading.first_event_id is not None:
        data["first_event_id"] = str(leading.first_event_id)
    return Entry(
        status=summary.status,
        http_status=_OK,
        cause=summary.cause,
        payload_event_type=leading.event_type,
        fire_id=leading.fire_id,
        fired_event_id=leading.fired_event_id,
        run_id=leading.run_id,
        duplicate_of=leading.duplicate_of,
        transformed=_keep_transformed(knock, elements),
        notes=_list_notes(elements),
        elements=[one.as_row() for one in outcomes],
        data=data,
    )


def _keep_transformed(knock: Knock, elements: tuple[Element, ...]) -> Any:
    if knock.target.options.output_transform is None:
        return None
    return [None if one.arrival is None else one.arrival.payload for one in elements]


def _list_notes(elements: tuple[Element, ...]) -> tuple[str, ...]:
    notes = [
        f"Element {element.index}: {note}"
        for element in elements
        if element.arrival is not None
        for note in element.arrival.mapped.notes
    ]
    return tuple(notes[:_MAX_NOTES])


def find_earlier(knock: Knock) -> Receipt | None:
    """The receipt of an attempt, of a batch or a single delivery, that had been committed although
    it seemed to fail.
    """
    rows = Delivery.objects.filter(id=knock.ids.delivery_id)
    delivery = rows.exclude(status__in=[REJECTED, CHALLENGE]).first()
    if delivery is None:
        return None
    if delivery.elements is None:
        return read_receipt(knock, delivery)
    return _build_receipt(knock, [read_outcome(row) for row in delivery.elements])


def _build_receipt(knock: Knock, outcomes: list[Outcome]) -> Receipt:
    summary = summarize(outcomes)
    leading = summary.leading or NOTHING
    has_ids = summary.status in {ACCEPTED, DUPLICATE}
    event_id = None if summary.status == IGNORED else knock.ids.event_id
    if summary.status == DUPLICATE:
        event_id = leading.first_event_id
    return BatchReceipt(
        status=FIRED if summary.status == ACCEPTED else summary.status,
        event_id=event_id,
        destination_id=knock.target.id,
        trigger_id=knock.target.trigger_id,
        fired_event_id=leading.fired_event_id if has_ids else None,
        run_id=leading.run_id if has_ids else None,
        response=knock.target.options.response,
        elements=tuple(outcomes),
    )

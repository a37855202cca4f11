"""A request tried at a destination, step by step, without a trace.

It goes the very way of a delivery, in a transaction that is undone: what the trial says is what
would happen.
"""

import datetime as dt
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction

from actions.services import InputRefused
from triggers.services import FireLimited
from webhooks.rules.ledger import CHALLENGE, DUPLICATE, FILTERED, IGNORED, REJECTED
from webhooks.rules.outcomes import BATCH_EMPTY, FIRED, Outcome, summarize
from webhooks.rules.received import ReceivedRequest
from webhooks.services.acceptance import UnknownDestination
from webhooks.services.arrivals import Arrival, fire_arrival
from webhooks.services.currency import find_target
from webhooks.services.destinations import find_destination
from webhooks.services.diagnosis import examine_knock
from webhooks.services.elements import (
    Element,
    fire_elements,
    is_batch,
    list_keys,
    refuse_too_many,
    understand_element,
)
from webhooks.services.ledger import Knock
from webhooks.services.trial_report import FILTER, INPUT, PARSE, VERIFY, Trial
from webhooks.services.understanding import (
    Rejection,
    Unwanted,
    parse_payload,
    understand_payload,
)


def try_request(
    request: ReceivedRequest, *, workspace_id: UUID, destination_id: UUID, now: dt.datetime
) -> Trial:
    """Say what the destination would make of the request, had it come at ``now``. Nothing is
    stored, nothing fires.

    Raises:
        DestinationNotFound: the workspace has no such destination.
    """
    find_destination(workspace_id=workspace_id, destination_id=destination_id)
    target = find_target(str(destination_id), workspace_id=None)
    if target is None:
        raise UnknownDestination
    knock = Knock(request=request, target=target, now=now, started=time.perf_counter())
    examination = examine_knock(request, target=target, now=now)
    trial = Trial(diagnosis=examination)
    if examination.valid:
        trial.steps.append((VERIFY, None, None))
    else:
        cause = examination.cause or "internal"
        trial.fail(VERIFY, REJECTED, cause, examination.detail or cause)
    if examination.challenge is not None:
        trial.status = CHALLENGE
        return trial
    try:
        _try_payload(knock, parse_payload(knock), trial, now=now)
    except Rejection as rejection:
        trial.reject(rejection)
    return trial


def _try_payload(knock: Knock, payload: Any, trial: Trial, *, now: dt.datetime) -> None:
    if is_batch(knock, payload):
        refuse_too_many(payload)
        trial.steps.append((PARSE, None, None))
        _try_elements(knock, payload, trial, now=now)
        return
    trial.steps.append((PARSE, None, None))
    try:
        arrival = understand_payload(knock, payload)
    except Unwanted as unwanted:
        trial.ignore(unwanted.event_type)
        return
    trial.admit(arrival)
    _fire_and_undo(arrival, trial, now=now)


def _fire_and_undo(arrival: Arrival, trial: Trial, *, now: dt.datetime) -> None:
    try:
        with transaction.atomic():
            result = fire_arrival(arrival, now=now)
            transaction.set_rollback(True)
    except InputRefused as error:
        trial.steps.append((FILTER, None, None))
        trial.fail(INPUT, REJECTED, "input_invalid", str(error))
        return
    except FireLimited as error:
        trial.fail(FILTER, REJECTED, "fire_limited", str(error))
        return
    if result.outcome == FIRED:
        trial.fire(result.input)
    else:
        trial.fail(FILTER, FILTERED, result.outcome, result.reason or result.outcome)


def _try_elements(knock: Knock, payload: Sequence[Any], trial: Trial, *, now: dt.datetime) -> None:
    """Each element for itself, and what the batch comes to: one that is refused refuses all."""
    trials = [Trial() for _ in payload]
    keys = list_keys(knock, payload)
    elements, refused = [], None
    for index, element in enumerate(payload):
        try:
            elements.append(understand_element(knock, index, element, keys[index]))
            _admit(elements[-1], trials[index])
        except Rejection as rejection:
            trials[index].reject(rejection)
            refused = refused or trials[index]
    trial.elements = trials
    if refused is None:
        outcomes = _fire_elements_and_undo(knock, elements, trial, now=now)
        for outcome in outcomes:
            _tell(outcome, trials[outcome.index])
        leading = summarize(outcomes).leading
        refused = None if leading is None else trials[leading.index]
    _take_over(refused, trial)


def _admit(element: Element, trial: Trial) -> None:
    if element.arrival is None:
        trial.ignore(element.event_type)
    else:
        trial.admit(element.arrival)


def _fire_elements_and_undo(
    knock: Knock, elements: Sequence[Element], trial: Trial, *, now: dt.datetime
) -> list[Outcome]:
    try:
        with transaction.atomic():
            outcomes = fire_elements(knock, elements, now=now, is_claiming=False)
            transaction.set_rollback(True)
    except Rejection as rejection:
        step = INPUT if rejection.cause == "input_invalid" else FILTER
        trial.fail(step, REJECTED, rejection.cause, str(rejection.error))
        return []
    return outcomes


def _tell(outcome: Outcome, trial: Trial) -> None:
    if outcome.status == FIRED:
        trial.fire(outcome.input)
    elif outcome.status == FILTERED:
        trial.fail(FILTER, FILTERED, outcome.cause or "", outcome.cause or "")
    elif outcome.status == DUPLICATE:
        trial.status = DUPLICATE


def _take_over(leading: Trial | None, trial: Trial) -> None:
    """The whole batch shows what the element that decides shows, unless it failed before that."""
    if leading is None:
        if trial.status == FIRED:
            trial.status, trial.cause = IGNORED, BATCH_EMPTY
        return
    trial.steps += leading.steps
    if trial.status == FIRED:
        trial.status, trial.cause = leading.status, leading.cause
    trial.event_type, trial.notes = leading.event_type, leading.notes
    trial.transformed_payload, trial.input = leading.transformed_payload, leading.input

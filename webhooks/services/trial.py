"""A request tried at a destination, step by step, without a trace.

It goes the very way of a delivery, in a transaction that is undone: what the trial says is what
would happen.
"""

import datetime as dt
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction

from actions.services import InputRefused
from webhooks.rules.ledger import FILTERED, IGNORED, REJECTED
from webhooks.rules.received import ReceivedRequest
from webhooks.services.acceptance import FIRED, UnknownDestination
from webhooks.services.arrivals import Arrival, fire_arrival
from webhooks.services.currency import find_target
from webhooks.services.destinations import find_destination
from webhooks.services.ledger import Knock
from webhooks.services.proving import prove_request
from webhooks.services.understanding import Rejection, Unwanted, understand_request

VERIFY, PARSE, TYPE, SCHEMA = "verify", "parse", "event_type", "input_schema"
TRANSFORM, FILTER, INPUT = "output_transform", "event_filter", "input"
# In the order of the pipeline; the mapping cannot fail, only leave defaults.
_UNDERSTANDING = (PARSE, TYPE, SCHEMA, TRANSFORM)
_STEP_OF_CAUSE = {
    "unparsable": PARSE,
    "event_type_not_accepted": TYPE,
    "schema_invalid": SCHEMA,
    "transform_failed": TRANSFORM,
}


@dataclass(slots=True, kw_only=True)
class Trial:
    """What would happen to the request: ``status`` and ``cause`` in the ledger's words, beside
    ``fired``. ``steps`` are ``(name, cause or None, detail or None)``, up to the first that fails;
    only a bad signature does not end a trial.
    """

    status: str = FIRED
    cause: str | None = None
    event_type: str | None = None
    transformed_payload: Any = None
    input: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)
    steps: list[tuple[str, str | None, str | None]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "status": self.status,
            "cause": self.cause,
            "event_type": self.event_type,
            "transformed_payload": self.transformed_payload,
            "input": self.input,
            "notes": self.notes,
            "steps": [
                {"step": name, "ok": cause is None, "cause": cause, "detail": detail}
                for name, cause, detail in self.steps
            ],
        }

    def fail(self, step: str, status: str, cause: str, detail: str) -> None:
        """The step fails; what failed first decides what would happen."""
        self.steps.append((step, cause, detail))
        if self.status == FIRED:
            self.status, self.cause = status, cause


def try_request(
    request: ReceivedRequest, *, workspace_id: UUID, destination_id: UUID, now: dt.datetime
) -> Trial:
    """Say what the destination would make of the request. Nothing is stored, nothing fires.

    Raises:
        DestinationNotFound: the workspace has no such destination.
    """
    find_destination(workspace_id=workspace_id, destination_id=destination_id)
    target = find_target(str(destination_id), workspace_id=None)
    if target is None:
        raise UnknownDestination
    trial = Trial()
    knock = Knock(request=request, target=target, now=now, started=time.perf_counter())
    verdict, _ = prove_request(knock)
    if verdict.valid:
        trial.steps.append((VERIFY, None, None))
    else:
        cause = verdict.cause or "internal"
        trial.fail(VERIFY, REJECTED, cause, f"The signature does not verify: {cause}.")
    arrival = _understand(knock, trial)
    if arrival is not None:
        _fire_and_undo(arrival, trial, now=now)
    return trial


def _understand(knock: Knock, trial: Trial) -> Arrival | None:
    try:
        arrival = understand_request(knock)
    except Rejection as rejection:
        failed = _STEP_OF_CAUSE[rejection.cause]
        _pass_until(failed, trial)
        trial.fail(failed, REJECTED, rejection.cause, str(rejection.error))
        return None
    except Unwanted as unwanted:
        _pass_until(TYPE, trial)
        detail = f"The destination ignores {unwanted.event_type or 'what has no type'}."
        trial.fail(TYPE, IGNORED, "event_type_not_accepted", detail)
        return None
    _pass_until(None, trial)
    trial.event_type, trial.notes = arrival.event_type, arrival.mapped.notes
    trial.transformed_payload = arrival.payload
    return arrival


def _pass_until(failed: str | None, trial: Trial) -> None:
    passed = _UNDERSTANDING[: _UNDERSTANDING.index(failed)] if failed else _UNDERSTANDING
    trial.steps += [(step, None, None) for step in passed]


def _fire_and_undo(arrival: Arrival, trial: Trial, *, now: dt.datetime) -> None:
    try:
        with transaction.atomic():
            result = fire_arrival(arrival, now=now)
            transaction.set_rollback(True)
    except InputRefused as error:
        trial.steps.append((FILTER, None, None))
        trial.fail(INPUT, REJECTED, "input_invalid", str(error))
        return
    if result.outcome == FIRED:
        trial.steps += [(FILTER, None, None), (INPUT, None, None)]
        trial.input = result.input
    else:
        trial.fail(FILTER, FILTERED, result.outcome, result.reason or result.outcome)

"""What a trial says: the steps that a request passed, and the first that it did not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from webhooks.rules.ledger import IGNORED, REJECTED
from webhooks.rules.outcomes import FIRED
from webhooks.services.arrivals import Arrival
from webhooks.services.examination import Examination
from webhooks.services.understanding import Rejection

VERIFY, PARSE, TYPE, SCHEMA = "verify", "parse", "event_type", "input_schema"
TRANSFORM, FILTER, INPUT = "output_transform", "event_filter", "input"
MAX_SHOWN_ELEMENTS = 100
# In the order of the pipeline; the mapping cannot fail, only leave defaults.
_UNDERSTANDING = (TYPE, SCHEMA, TRANSFORM)
_STEP_OF_CAUSE = {
    "unparsable": PARSE,
    "batch_too_large": PARSE,
    "event_type_not_accepted": TYPE,
    "schema_invalid": SCHEMA,
    "transform_failed": TRANSFORM,
}


@dataclass(slots=True, kw_only=True)
class Trial:
    """What would happen to the request: ``status`` and ``cause`` in the ledger's words, beside
    ``fired``. ``steps`` are ``(name, cause or None, detail or None)``, up to the first that fails;
    only a bad signature does not end a trial. ``diagnosis`` is the doctor's, of the signature; an
    element of a batch has none of its own.
    """

    diagnosis: Examination | None = None
    status: str = FIRED
    cause: str | None = None
    event_type: str | None = None
    transformed_payload: Any = None
    input: Mapping[str, Any] | None = None
    notes: list[str] = field(default_factory=list)
    steps: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    # Of a batch: what would happen to each of its elements, of which not all are shown.
    elements: "list[Trial] | None" = None

    def as_json(self) -> dict[str, Any]:
        """As the API shows it."""
        shown = {
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
        if self.diagnosis is not None:
            shown["diagnosis"] = self.diagnosis.as_json()
        if self.elements is None:
            return shown
        elements = [one.as_json() for one in self.elements[:MAX_SHOWN_ELEMENTS]]
        return {**shown, "elements": elements, "element_count": len(self.elements)}

    def fail(self, step: str, status: str, cause: str, detail: str) -> None:
        """The step fails; what failed first decides what would happen."""
        self.steps.append((step, cause, detail))
        if self.status == FIRED:
            self.status, self.cause = status, cause

    def reject(self, rejection: Rejection) -> None:
        """What the destination does not take fails at the step of its cause."""
        failed = _STEP_OF_CAUSE[rejection.cause]
        if failed in _UNDERSTANDING:
            self._pass_steps(_UNDERSTANDING[: _UNDERSTANDING.index(failed)])
        self.fail(failed, REJECTED, rejection.cause, str(rejection.error))

    def ignore(self, event_type: str | None) -> None:
        """The destination ignores this type."""
        detail = f"The destination ignores {event_type or 'what has no type'}."
        self.fail(TYPE, IGNORED, "event_type_not_accepted", detail)

    def admit(self, arrival: Arrival) -> None:
        """It is understood; what it fires is seen next."""
        self._pass_steps(_UNDERSTANDING)
        self.event_type, self.notes = arrival.event_type, arrival.mapped.notes
        self.transformed_payload = arrival.payload

    def fire(self, given: Mapping[str, Any] | None) -> None:
        """It would fire with this input."""
        self._pass_steps((FILTER, INPUT))
        self.input = given

    def _pass_steps(self, names: Sequence[str]) -> None:
        self.steps += [(name, None, None) for name in names]

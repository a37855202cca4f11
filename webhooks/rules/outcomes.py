"""What came of the elements of a batch, and what that makes of the delivery."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from webhooks.rules.ledger import ACCEPTED, DUPLICATE, FILTERED, IGNORED
from webhooks.rules.redaction import make_storable
from workspaces.rules.ids import render_id

FIRED = "fired"
# A header's name for the delivery may be long, and is in every element's.
MAX_SHOWN_KEY = 200
BATCH_EMPTY = "batch_empty"
# Whatever the best of its elements came to: the delivery's status.
_RANKING = (FIRED, DUPLICATE, FILTERED, IGNORED)
_IDS = ("fire_id", "run_id", "fired_event_id", "duplicate_of", "first_event_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One element: ``fired``, ``duplicate``, ``filtered`` or ``ignored``; the ids of a duplicate
    are the first delivery's.
    """

    index: int
    status: str
    cause: str | None = None
    event_type: str | None = None
    key: str | None = None
    fire_id: UUID | None = None
    run_id: UUID | None = None
    fired_event_id: UUID | None = None
    duplicate_of: UUID | None = None
    first_event_id: UUID | None = None
    # Of the run that was made; not kept here.
    input: Mapping[str, Any] | None = field(default=None, repr=False)

    def as_json(self) -> dict[str, Any]:
        """Its place in the answer to the sender."""
        return {
            "index": self.index,
            "status": self.status,
            "cause": self.cause,
            "fired_event_id": render_id(self.fired_event_id),
            "run_id": render_id(self.run_id),
        }

    def as_row(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        return {
            **self.as_json(),
            "event_type": self.event_type,
            "dedupe_key": None if self.key is None else make_storable(self.key[:MAX_SHOWN_KEY]),
            "fire_id": render_id(self.fire_id),
            "duplicate_of": render_id(self.duplicate_of),
            "first_event_id": render_id(self.first_event_id),
        }


# What leads a batch without elements.
NOTHING = Outcome(index=-1, status=IGNORED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The delivery's status in the ledger's words, and the first element that came to it."""

    status: str
    cause: str | None
    leading: Outcome | None


def read_outcome(row: Mapping[str, Any]) -> Outcome:
    """What `Outcome.as_row` wrote."""
    ids: dict[str, Any] = {name: None if row[name] is None else UUID(row[name]) for name in _IDS}
    return Outcome(
        index=row["index"],
        status=row["status"],
        cause=row["cause"],
        event_type=row["event_type"],
        key=row["dedupe_key"],
        **ids,
    )


def summarize(outcomes: Sequence[Outcome]) -> Summary:
    """What they come to together."""
    for status in _RANKING:
        leading = next((one for one in outcomes if one.status == status), None)
        if leading is not None:
            word = ACCEPTED if status == FIRED else status
            return Summary(status=word, cause=leading.cause, leading=leading)
    return Summary(status=IGNORED, cause=BATCH_EMPTY, leading=None)


def count_outcomes(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """How many there are, and how many of each status."""
    return {"total": len(outcomes), **Counter(one.status for one in outcomes)}

"""Events as values, with what a test does not care about filled in."""

import datetime as dt
from typing import Any
from uuid import UUID

from events.rules.event import AUTOMATION, NewEvent
from events.rules.ids import EPOCH
from workspaces.services import new_id


def mint_id_at(moment: dt.datetime, *, number: int = 0) -> UUID:
    """A UUIDv7 of that millisecond; equal moments are told apart by ``number``."""
    milliseconds = (moment - EPOCH) // dt.timedelta(milliseconds=1)
    return UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | number)


def build_event(**given: Any) -> NewEvent:
    """One event that begins a chain, unless it is told its chain."""
    defaults: dict[str, Any] = {
        "id": new_id(),
        "workspace_id": new_id(),
        "event_type": "trigger.fired",
        "source": AUTOMATION,
        "entity_type": "trigger",
        "entity_id": new_id(),
        "data": {},
        "effective_at": dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC),
    }
    return NewEvent(**defaults | given)

"""The order of a chain: by who caused what, not by whose clock said so."""

import datetime as dt
import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar
from uuid import UUID


class Linked(Protocol):
    """What a chain is made of."""

    @property
    def id(self) -> UUID: ...
    @property
    def parent_id(self) -> UUID | None: ...
    @property
    def run_id(self) -> UUID | None: ...


_Event = TypeVar("_Event", bound=Linked)


def order_chain(events: Iterable[_Event]) -> list[_Event]:
    """Parents before children; where the links leave it open, the lower id first.

    An event whose parent is not among them counts as a beginning. Nothing is ever left out.
    """
    by_id = {event.id: event for event in events}
    children: defaultdict[UUID, list[UUID]] = defaultdict(list)
    ready: list[UUID] = []
    for event in by_id.values():
        if event.parent_id in by_id:
            children[event.parent_id].append(event.id)
        else:
            ready.append(event.id)
    heapq.heapify(ready)
    ordered = []
    while ready:
        event_id = heapq.heappop(ready)
        ordered.append(by_id.pop(event_id))
        for child_id in children[event_id]:
            heapq.heappush(ready, child_id)
    # Only a circle of parents is still here; the ledger is shown even so.
    return ordered + sorted(by_id.values(), key=lambda event: event.id)


def select_from_run(ordered: Sequence[_Event], *, run_id: UUID) -> list[_Event]:
    """What the run wrote and whatever followed from it, out of a chain in order."""
    kept: dict[UUID, _Event] = {}
    for event in ordered:
        if event.run_id == run_id or event.parent_id in kept:
            kept[event.id] = event
    return list(kept.values())


class Timed(Protocol):
    """What a chain's times are measured by."""

    @property
    def id(self) -> UUID: ...
    @property
    def parent_id(self) -> UUID | None: ...
    @property
    def created_at(self) -> dt.datetime: ...


_Timed = TypeVar("_Timed", bound=Timed)
_Placed = TypeVar("_Placed")


@dataclass(frozen=True, slots=True)
class Step(Generic[_Placed]):
    """An event in its place in a chain.

    ``number`` counts from 1; ``parent_number`` is None for a beginning. ``offset_seconds`` counts
    from the first event, ``since_parent_seconds`` from the one that caused this one.
    """

    number: int
    event: _Placed
    parent_number: int | None
    offset_seconds: float
    since_parent_seconds: float | None


def measure_chain(ordered: Sequence[_Timed]) -> list[Step[_Timed]]:
    """A chain in order, with its distances in time."""
    numbers = {event.id: number for number, event in enumerate(ordered, start=1)}
    steps: list[Step[_Timed]] = []
    for number, event in enumerate(ordered, start=1):
        parent_number = None if event.parent_id is None else numbers.get(event.parent_id)
        since_parent = None
        if parent_number is not None:
            parent = ordered[parent_number - 1]
            since_parent = (event.created_at - parent.created_at).total_seconds()
        offset = (event.created_at - ordered[0].created_at).total_seconds()
        steps.append(Step(number, event, parent_number, offset, since_parent))
    return steps

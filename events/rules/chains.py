"""The order of a chain: by who caused what, not by whose clock said so."""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar
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

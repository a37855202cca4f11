"""A trigger's debt, settled, and its due row moved on."""

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from events.rules.event import NewEvent
from triggers.services.planning import NewFire, PlannedFire
from workspaces.rules.inserts import write_array

_TIME = "timestamp with time zone"
# More fires than a schedule has until the calendar ends.
_UNBOUNDED = 2**40
_ADVANCE = """
UPDATE triggers_schedulestate s SET
    next_fire_at = CASE WHEN s.fire_count + m.fired < m.max_fires THEN m.next_fire_at END,
    due_at = CASE WHEN s.fire_count + m.fired < m.max_fires THEN m.due_at END,
    fire_count = s.fire_count + m.fired,
    last_scheduled_at = coalesce(m.last_scheduled_at, s.last_scheduled_at),
    last_fire_id = coalesce(m.last_fire_id, s.last_fire_id),
    last_run_at = coalesce(m.last_run_at, s.last_run_at),
    misfire_count = CASE WHEN m.is_on_time THEN 0 ELSE s.misfire_count + m.missed END,
    last_misfire_at = coalesce(m.last_misfire_at, s.last_misfire_at)
FROM unnest(%(ids)s::uuid[], %(next)s::timestamptz[], %(due)s::timestamptz[], %(fired)s::int[],
    %(scheduled)s::timestamptz[], %(fires)s::uuid[],
    %(ran)s::timestamptz[], %(on_time)s::bool[], %(missed)s::int[], %(misfires)s::timestamptz[],
    %(bounds)s::bigint[])
    AS m(id, next_fire_at, due_at, fired, last_scheduled_at, last_fire_id, last_run_at, is_on_time,
        missed, last_misfire_at, max_fires)
WHERE s.trigger_id = m.id
"""


@dataclass(slots=True)
class Settled:
    """One trigger's debt, settled: its rows, and where its schedule goes on."""

    trigger_id: uuid.UUID
    next_fire_at: dt.datetime | None
    due_at: dt.datetime | None = None
    plans: list[PlannedFire] = field(default_factory=list)
    events: list[NewEvent] = field(default_factory=list)
    missed_count: int = 0
    last_missed: dt.datetime | None = None
    # It owed no more than one slot.
    is_single: bool = False
    # None: as often as its slots come.
    max_fires: int | None = None

    def list_fired(self, written: Collection[uuid.UUID]) -> list[NewFire]:
        """Those of its slots that fired, oldest first: not what flow control turned away."""
        return [
            plan.fire for plan in self.plans if plan.run is not None and plan.fire.id in written
        ]


def advance_schedules(
    settled: Sequence[Settled], written: Collection[uuid.UUID], *, now: dt.datetime
) -> int:
    """Move the due rows on; count what was missed and which of the fires were ``written``. Returns
    how many slots fired.

    A schedule ends with its last fire, not with the last slot that was to fire.
    """
    ordered = sorted(settled, key=lambda one: one.trigger_id)
    fires = [one.list_fired(written) for one in ordered]
    fired = [found[-1] if found else None for found in fires]
    columns: dict[str, tuple[str, list[Any]]] = {
        "ids": ("uuid", [one.trigger_id for one in ordered]),
        "next": (_TIME, [one.next_fire_at for one in ordered]),
        "due": (_TIME, [one.due_at for one in ordered]),
        "fired": ("integer", [len(found) for found in fires]),
        "scheduled": (_TIME, [fire.scheduled_for if fire else None for fire in fired]),
        "fires": ("uuid", [fire.id if fire else None for fire in fired]),
        "ran": (_TIME, [now if fire else None for fire in fired]),
        "on_time": (
            "boolean",
            [one.is_single and bool(found) for one, found in zip(ordered, fires, strict=True)],
        ),
        "missed": ("integer", [one.missed_count for one in ordered]),
        "misfires": (_TIME, [one.last_missed for one in ordered]),
        "bounds": ("bigint", [one.max_fires or _UNBOUNDED for one in ordered]),
    }
    parameters = {name: write_array(*column) for name, column in columns.items()}
    with connection.cursor() as cursor:
        cursor.execute(_ADVANCE, parameters)
    return sum(map(len, fires))

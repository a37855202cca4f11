"""One look at the database for all that a tick might have to do: most of the time there is
nothing, and one statement says so.
"""

import datetime as dt
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from django.db import connection

from runs.services import CONDITIONS as RUNS

# As those of runs: each may hold when there is nothing to do, and must hold when there is.
CONDITIONS: Final[dict[str, str]] = {
    **RUNS,
    "advance_backfills": "EXISTS (SELECT 1 FROM triggers_backfill WHERE status = 'running')",
    "pause_failing_triggers": (
        "EXISTS (SELECT 1 FROM triggers_trigger"
        " WHERE is_active AND auto_pause_after_failures IS NOT NULL)"
    ),
    "resume_elapsed_pauses": (
        "EXISTS (SELECT 1 FROM triggers_trigger WHERE NOT is_active AND paused_until <= now())"
    ),
}
_NEXT_SLOT = (
    "(SELECT extract(epoch FROM min(due_at) - clock_timestamp())::float8"
    " FROM triggers_schedulestate WHERE due_at IS NOT NULL)"
)


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look found: the time, which chores have something to do, and how far the next slot
    is, in seconds from ``seen_at`` on (this process's monotonic clock).
    """

    now: dt.datetime
    wanted: frozenset[str]
    seconds_to_next_slot: float | None
    seen_at: float

    def read_seconds_to_next_slot(self) -> float | None:
        """From this moment on; negative when the slot is overdue, None when there is none."""
        if self.seconds_to_next_slot is None:
            return None
        return self.seconds_to_next_slot - (time.monotonic() - self.seen_at)


def build_look(asked: Sequence[str]) -> str:
    """The statement: the time, the seconds to the next slot, and an answer for each chore."""
    return "SELECT " + ", ".join(["now()", _NEXT_SLOT, *(CONDITIONS[name] for name in asked)])


def look_for_work(chores: Collection[str]) -> Sight:
    """Which of these chores have something to do, on Postgres' clock; those that have no condition
    always do.
    """
    asked = [name for name in chores if name in CONDITIONS]
    seen_at = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(build_look(asked))
        now, seconds, *answers = cursor.fetchone()
    idle = {name for name, has_work in zip(asked, answers, strict=True) if not has_work}
    return Sight(
        now=now,
        wanted=frozenset(set(chores) - idle),
        seconds_to_next_slot=seconds,
        seen_at=seen_at,
    )

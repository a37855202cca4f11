"""What a trigger's fire may do beside its runs that have not ended, and how often it may fire."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from actions.rules.durations import parse_duration

ALLOW: Final = "allow"
SKIP: Final = "skip"
BUFFER_ONE: Final = "buffer_one"
BUFFER_ALL: Final = "buffer_all"
CANCEL_OTHER: Final = "cancel_other"
OVERLAP_POLICIES: Final = (ALLOW, SKIP, BUFFER_ONE, BUFFER_ALL, CANCEL_OTHER)

# Policies that move runs which are there already.
MOVING_POLICIES: Final = (BUFFER_ONE, BUFFER_ALL, CANCEL_OTHER)

MAX_LIMIT = 10_000
MAX_WINDOW_SECONDS = 31 * 86_400

FIRED: Final = "fired"
OVERLAP_SKIPPED: Final = "overlap_skipped"
LIMITED: Final = "limited"


class InvalidFireLimit(Exception):
    """``member`` of the limit is not what it must be; None: the whole is no limit."""

    def __init__(self, member: str | None, detail: str) -> None:
        super().__init__(detail)
        self.member = member
        self.detail = detail


@dataclass(frozen=True, slots=True)
class FireLimit:
    """At most ``max`` fires in any stretch of ``window_seconds``."""

    max: int
    window_seconds: float

    @property
    def window(self) -> dt.timedelta:
        return dt.timedelta(seconds=self.window_seconds)


@dataclass(frozen=True, slots=True)
class Standing:
    """A run of the trigger that has not ended; ``is_held``: it waits for another one."""

    run_id: UUID
    is_held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of a fire, and of the runs before it.

    ``waits_for``: the new run is held until that one ends. ``displaced`` runs give their place to
    it, ``cancelled`` ones make way. ``retry_after_seconds``: a fire then would be within the limit.
    """

    outcome: str = FIRED
    reason: str | None = None
    waits_for: UUID | None = None
    displaced: tuple[UUID, ...] = ()
    cancelled: tuple[UUID, ...] = ()
    retry_after_seconds: float | None = None


def parse_fire_limit(value: Mapping[str, Any]) -> FireLimit:
    """``{"max": 5, "window": "1h"}`` as a limit.

    Raises:
        InvalidFireLimit: it is not one.
    """
    if unknown := sorted(set(value) - {"max", "window"}):
        raise InvalidFireLimit(unknown[0], 'A limit has the members "max" and "window" only.')
    count, window = value.get("max"), value.get("window")
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_LIMIT:
        raise InvalidFireLimit("max", f"A whole number from 1 to {MAX_LIMIT:,}.")
    if not isinstance(window, str):
        raise InvalidFireLimit("window", 'A duration such as "1h".')
    try:
        seconds = parse_duration(window)
    except ValueError as error:
        raise InvalidFireLimit("window", str(error)) from None
    if not 1 <= seconds <= MAX_WINDOW_SECONDS:
        raise InvalidFireLimit("window", "A window lasts from 1s to 31d.")
    return FireLimit(count, seconds)


def decide_fire(
    *,
    policy: str,
    live: Sequence[Standing],
    limit: FireLimit | None,
    fired_at: Sequence[dt.datetime],
    now: dt.datetime,
) -> Decision:
    """Decide on one fire. ``live``: the trigger's runs that have not ended, oldest first;
    ``fired_at``: its latest fires inside the limit's window, in any order, ``limit.max`` of them at
    most.
    """
    overlap = _decide_overlap(policy, live)
    if overlap.outcome == FIRED and limit is not None and len(fired_at) >= limit.max:
        opens_at = sorted(fired_at)[-limit.max] + limit.window
        return Decision(
            outcome=LIMITED,
            reason=f"the trigger has fired {limit.max} times within {limit.window_seconds:g} s",
            retry_after_seconds=max(0.001, (opens_at - now).total_seconds()),
        )
    return overlap


def _decide_overlap(policy: str, live: Sequence[Standing]) -> Decision:
    if not live or policy == ALLOW:
        return Decision()
    if policy == SKIP:
        return Decision(
            outcome=OVERLAP_SKIPPED, reason=f"run {live[-1].run_id} of this trigger has not ended"
        )
    if policy == CANCEL_OTHER:
        return Decision(cancelled=tuple(run.run_id for run in live))
    if policy == BUFFER_ALL:
        return Decision(waits_for=live[-1].run_id)
    started = [run.run_id for run in live if not run.is_held]
    held = tuple(run.run_id for run in live if run.is_held)
    return Decision(waits_for=started[-1] if started else None, displaced=held)

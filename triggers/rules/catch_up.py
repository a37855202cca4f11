"""What becomes of slots whose time came while no scheduler ticked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

Outcome = Literal["fired", "missed", "superseded"]

# Below this a slot is on time: the policy for late ones does not concern it.
ON_TIME = timedelta(seconds=60)
# A tick, a full batch before this one, a Beat that was restarted: never counted as lateness, so
# that a grace of 0 s does not miss every slot.
TICK_ALLOWANCE = timedelta(seconds=5)
_NO_TIME = timedelta(0)
MAX_MISSED_ROWS = 1000
MAX_REPLAYED = 100


class SlotOutcome(NamedTuple):
    """One slot and what became of it."""

    slot: datetime
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class MissedRange:
    """So many missed slots from ``first`` to ``last``, both included."""

    first: datetime
    last: datetime
    count: int


@dataclass(frozen=True, slots=True)
class OwedDecision:
    """``outcomes`` in the slots' order; ``missed_summary`` stands for missed slots before them.

    ``continue_from`` is the first slot that stays owed; null: none of the given ones does.
    """

    outcomes: tuple[SlotOutcome, ...]
    missed_summary: MissedRange | None = None
    continue_from: datetime | None = None


def settle_owed_slots(
    owed: Sequence[datetime],
    *,
    now: datetime,
    grace_seconds: float,
    policy: str,
    is_complete: bool = True,
    due_times: Sequence[datetime] | None = None,
) -> OwedDecision:
    """Decide what becomes of the slots that are due, given in ascending order.

    ``is_complete`` false: more slots are due after the last given one, which is not the latest.
    ``due_times`` are the slots' own, where they are spread; lateness counts from them.
    Slots older than the grace are missed. Of the rest ``coalesce`` fires the latest, ``replay`` all
    (at most 100 at once), ``skip_missed`` the latest where it is less than 60 s late.
    """
    grace = max(timedelta(seconds=grace_seconds), TICK_ALLOWANCE)
    lateness = [now - due for due in due_times or owed]
    expired = [
        SlotOutcome(slot, "missed")
        for slot, late in zip(owed, lateness, strict=True)
        if late > grace
    ]
    live = owed[len(expired) :]
    latest = owed[-1] if owed and is_complete else None
    decided = [*expired, *_POLICIES[policy](live, latest, lateness[-1] if owed else _NO_TIME)]
    continue_from = owed[len(decided)] if len(decided) < len(owed) else None
    missed = [slot for slot, outcome in decided if outcome == "missed"]
    if len(missed) <= MAX_MISSED_ROWS:
        return OwedDecision(tuple(decided), continue_from=continue_from)
    return OwedDecision(
        tuple(one for one in decided if one.outcome != "missed"),
        missed_summary=MissedRange(missed[0], missed[-1], len(missed)),
        continue_from=continue_from,
    )


def _coalesce(
    live: Sequence[datetime], latest: datetime | None, late: timedelta
) -> list[SlotOutcome]:
    return [SlotOutcome(slot, "fired" if slot == latest else "superseded") for slot in live]


def _replay(
    live: Sequence[datetime], latest: datetime | None, late: timedelta
) -> list[SlotOutcome]:
    return [SlotOutcome(slot, "fired") for slot in live[:MAX_REPLAYED]]


def _skip_missed(
    live: Sequence[datetime], latest: datetime | None, late: timedelta
) -> list[SlotOutcome]:
    return [
        SlotOutcome(slot, "fired" if slot == latest and late < ON_TIME else "missed")
        for slot in live
    ]


# (slots within grace, the latest that is due at all where it is known, how late the last one is)
_Policy = Callable[[Sequence[datetime], datetime | None, timedelta], list[SlotOutcome]]
_POLICIES: dict[str, _Policy] = {
    "coalesce": _coalesce,
    "replay": _replay,
    "skip_missed": _skip_missed,
}
CATCH_UP_POLICIES = tuple(_POLICIES)

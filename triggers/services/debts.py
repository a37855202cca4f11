"""What becomes of the slots that triggers owe, found once for all that owe the same: at a full hour
these are many.
"""

import datetime as dt
from collections.abc import Hashable
from dataclasses import dataclass, field

from triggers.models import Trigger
from triggers.rules.catch_up import OwedDecision, settle_owed_slots
from triggers.services.slots import identify_rules, list_due_times, read_debt

# Slots looked at per trigger and claim; a longer debt is paid over several claims.
MAX_OWED = 2000


@dataclass(frozen=True, slots=True)
class Debt:
    """What becomes of each slot owed, and the slot at which the schedule goes on."""

    decision: OwedDecision
    next_fire_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Debts:
    """The debts of one moment."""

    now: dt.datetime
    _found: dict[Hashable, Debt] = field(default_factory=dict)

    def find(self, trigger: Trigger, *, first: dt.datetime) -> Debt:
        """What becomes of the trigger's slots from ``first`` on.

        Raises:
            ValueError: the trigger has no schedule, or none that can be read.
        """
        if trigger.jitter_seconds:
            # Spread by its own id: nobody else owes the same.
            return _settle(trigger, first, self.now)
        key = (
            first,
            trigger.misfire_grace_seconds,
            trigger.catch_up_policy,
            *identify_rules(trigger),
        )
        debt = self._found.get(key)
        if debt is None:
            debt = self._found[key] = _settle(trigger, first, self.now)
        return debt


def _settle(trigger: Trigger, first: dt.datetime, now: dt.datetime) -> Debt:
    owed, following = read_debt(trigger, first=first, until=now, limit=MAX_OWED)
    due_times = list_due_times(trigger, owed, following=following)
    if len(owed) > 1 and due_times[-1] > now:
        # Its time has come, its delay has not gone by yet.
        following, _ = owed.pop(), due_times.pop()
    decision = settle_owed_slots(
        owed,
        due_times=due_times,
        now=now,
        grace_seconds=trigger.misfire_grace_seconds,
        policy=trigger.catch_up_policy,
        is_complete=len(owed) < MAX_OWED or following is None or following > now,
    )
    return Debt(decision, next_fire_at=decision.continue_from or following)

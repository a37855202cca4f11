"""A trigger's slots: the one place where a row meets the schedule rule."""

import datetime as dt
from collections.abc import Hashable, Sequence
from itertools import pairwise
from typing import Any

from triggers.models import Trigger
from triggers.rules.jitter import find_effective_time
from triggers.rules.schedule import iterate_slots, next_slot, parse_schedule

_TICK = dt.timedelta(microseconds=1)
# How far back the slot before may lie: looked for near by first, since most are.
_LOOK_BACK = tuple(dt.timedelta(days=days) for days in (1 / 24, 1, 32, 367, 8 * 367))
# More than any of those holds when the ones before held next to none.
_MANY = 100_000


def compute_next_slot(trigger: Trigger, *, after: dt.datetime) -> dt.datetime | None:
    """The earliest slot strictly later than ``after``; None without a schedule, or when none will
    come.
    """
    if trigger.schedule is None:
        return None
    return next_slot(parse_schedule(trigger.schedule), **_list_rules(trigger), after=after)


def read_debt(
    trigger: Trigger, *, first: dt.datetime, until: dt.datetime, limit: int
) -> tuple[list[dt.datetime], dt.datetime | None]:
    """``first`` (a slot) and those after it up to ``until`` inclusive, at most ``limit``, oldest
    first; and the slot after the last of them.

    Raises:
        ValueError: the trigger has no schedule.
    """
    if trigger.schedule is None:
        raise ValueError("without a schedule there are no slots")
    following = compute_next_slot(trigger, after=first)
    if following is None or following > until:
        return [first], following
    owed = [first, *list_slots(trigger, after=first, until=until, limit=limit - 1)]
    return owed, compute_next_slot(trigger, after=owed[-1])


def list_due_times(
    trigger: Trigger, slots: Sequence[dt.datetime], *, following: dt.datetime | None
) -> list[dt.datetime]:
    """When each of these neighbouring slots fires; ``following`` is the one after the last."""
    if not trigger.jitter_seconds:
        return list(slots)
    return [
        find_effective_time(
            slot,
            trigger_id=trigger.id,
            jitter_seconds=trigger.jitter_seconds,
            following=later,
            ends_at=trigger.ends_at,
        )
        for slot, later in pairwise([*slots, following])
        if slot is not None
    ]


def find_due_time(trigger: Trigger, slot: dt.datetime | None) -> dt.datetime | None:
    """When a slot of the trigger fires: itself, or later where its slots are spread."""
    if slot is None or not trigger.jitter_seconds:
        return slot
    return list_due_times(trigger, [slot], following=compute_next_slot(trigger, after=slot))[0]


def plan_next_fire(
    trigger: Trigger, *, after: dt.datetime, fire_count: int
) -> dict[str, dt.datetime | None]:
    """``next_fire_at`` and ``due_at`` of a trigger whose schedule counts from ``after``."""
    is_spent = trigger.max_fires is not None and fire_count >= trigger.max_fires
    slot = compute_next_slot(trigger, after=after) if trigger.is_active and not is_spent else None
    return {"next_fire_at": slot, "due_at": find_due_time(trigger, slot)}


def list_slots(
    trigger: Trigger, *, after: dt.datetime, until: dt.datetime, limit: int
) -> list[dt.datetime]:
    """The first ``limit`` slots in ``(after, until]``, oldest first; whatever became of them."""
    if trigger.schedule is None:
        return []
    return iterate_slots(
        parse_schedule(trigger.schedule),
        **_list_rules(trigger),
        after=after,
        until=until,
        limit=limit,
    )


def list_slots_before(trigger: Trigger, before: dt.datetime, *, limit: int) -> list[dt.datetime]:
    """The last ``limit`` slots earlier than ``before``, oldest first; fewer where there are none
    for eight years.
    """
    slots: list[dt.datetime] = []
    for length in _LOOK_BACK:
        slots = list_slots(trigger, after=before - length, until=before - _TICK, limit=_MANY)
        if len(slots) >= limit:
            break
    return slots[-limit:]


def identify_rules(trigger: Trigger) -> tuple[Hashable, ...]:
    """All that a trigger's slots depend on."""
    return (trigger.schedule, *_list_rules(trigger).values())


def _list_rules(trigger: Trigger) -> dict[str, Any]:
    return {
        "timezone": trigger.timezone,
        "dst_gap": trigger.dst_gap,
        "dst_overlap": trigger.dst_overlap,
        "starts_at": trigger.starts_at,
        "ends_at": trigger.ends_at,
    }

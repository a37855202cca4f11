"""A trigger's slots: the one place where a row meets the schedule rule."""

import datetime as dt

from triggers.models import Trigger
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
    return next_slot(
        parse_schedule(trigger.schedule),
        timezone=trigger.timezone,
        dst_gap=trigger.dst_gap,
        dst_overlap=trigger.dst_overlap,
        after=after,
    )


def list_owed_slots(
    trigger: Trigger, *, first: dt.datetime, until: dt.datetime, limit: int
) -> list[dt.datetime]:
    """``first`` (a slot) and those after it up to ``until`` inclusive, at most ``limit``, oldest
    first.
    """
    if trigger.schedule is None:
        return []
    later = iterate_slots(
        parse_schedule(trigger.schedule),
        timezone=trigger.timezone,
        dst_gap=trigger.dst_gap,
        dst_overlap=trigger.dst_overlap,
        after=first,
        until=until,
        limit=limit - 1,
    )
    return [first, *later]


def list_slots(
    trigger: Trigger, *, after: dt.datetime, until: dt.datetime, limit: int
) -> list[dt.datetime]:
    """The first ``limit`` slots in ``(after, until]``, oldest first; whatever became of them."""
    if trigger.schedule is None:
        return []
    return iterate_slots(
        parse_schedule(trigger.schedule),
        timezone=trigger.timezone,
        dst_gap=trigger.dst_gap,
        dst_overlap=trigger.dst_overlap,
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

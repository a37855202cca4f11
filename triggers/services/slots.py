"""A trigger's slots: the one place where a row meets the schedule rule."""

import datetime as dt

from triggers.models import Trigger
from triggers.rules.schedule import iterate_slots, next_slot, parse_schedule


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

"""What about a schedule may surprise who wrote it."""

import calendar
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from triggers.rules.cron import CronLine
from triggers.rules.describe import spell_ordinal, spell_time
from triggers.rules.local_time import Change, find_changes
from triggers.rules.preview import Plan, is_shifted, list_coming_slots
from triggers.rules.schedule import Schedule
from triggers.rules.timezones import load_timezone

# Each of a zone's yearly changes comes within so long: they keep to Sundays, not to dates.
_YEAR = timedelta(days=372)
_TICK = timedelta(microseconds=1)
# More than any schedule has within the longest overlap of clocks.
_MANY = 10_000


def find_surprises(plan: Plan, *, after: datetime) -> list[str]:
    """Warnings in words, of the line itself and of the clocks' changes in the year to come."""
    warnings: list[str] = []
    line = plan.schedule.timing
    if isinstance(line, CronLine):
        warnings += _find_in_days(line)
        warnings += _find_uneven_steps(line)
        warnings += _find_in_changes(plan, line, after=after)
    if plan.jitter_seconds and plan.trigger_id is None:
        warnings.append("effective_at is an example: each trigger has delays of its own")
    return warnings


def _find_in_days(line: CronLine) -> Iterator[str]:
    if line.days != "*" and line.weekdays != "*":
        yield "both day fields: either matches"
        return
    if "#5" in line.weekdays:
        yield "skips months without a fifth such day"
    if line.days == "*" or "l" in line.days:
        return
    days = [int(text) for text in line.days.split(",")]
    months = range(1, 13) if line.months == "*" else [int(text) for text in line.months.split(",")]
    # The shortest that a month can be: February of an ordinary year.
    shortest = min(calendar.monthrange(2026, month)[1] for month in months)
    if min(days) > shortest:
        yield f"skips months without a {spell_ordinal(min(days))}"
    elif max(days) > shortest:
        yield f"the {spell_ordinal(max(days))} does not come in every month"


def _find_uneven_steps(line: CronLine) -> Iterator[str]:
    units = ((line.fields[0], 60, "minutes", "hour"), (line.fields[1], 24, "hours", "day"))
    for text, size, unit, whole in units:
        step = re.fullmatch(r"\*/([0-9]+)", text)
        if step and size % int(step[1]):
            yield f"every {int(step[1])} {unit} is uneven: it starts anew each {whole}"


def _find_in_changes(plan: Plan, line: CronLine, *, after: datetime) -> list[str]:
    """Of each kind the first that comes: clocks put forward, clocks put back."""
    if line.fields[1].startswith("*"):
        # Every hour is every hour, whatever the clocks show.
        return []
    zone = load_timezone(plan.timezone)
    changes = find_changes(zone, after=after, until=after + _YEAR)
    gaps = (_find_in_gap(plan, line, change, zone) for change in changes if change.is_forward)
    overlaps = (_find_in_overlap(plan, change, zone) for change in changes if not change.is_forward)
    first_of_each = (next((text for text in texts if text), None) for texts in (gaps, overlaps))
    return [text for text in first_of_each if text is not None]


def _find_in_overlap(plan: Plan, change: Change, zone: ZoneInfo) -> str | None:
    slots = list_coming_slots(
        plan,
        after=change.at - change.length - _TICK,
        until=change.at + change.length - _TICK,
        limit=_MANY,
    )
    local_times = Counter(slot.astimezone(zone).replace(tzinfo=None, fold=0) for slot in slots)
    twice = [local for local, times in local_times.items() if times > 1]
    return f"fires twice on {_spell_day(twice[0])}" if twice else None


def _find_in_gap(plan: Plan, line: CronLine, change: Change, zone: ZoneInfo) -> str | None:
    # What would be shifted if it were shifted at all has a time of its own in the gap.
    fixed = Schedule(text=plan.schedule.text, timing=replace(line, is_interval_job=False))
    would_shift = replace(plan, schedule=fixed, dst_gap="shift")
    slots = list_coming_slots(would_shift, after=change.at - _TICK, until=change.at, limit=1)
    if not slots or not is_shifted(would_shift, slots[0], zone):
        return None
    local = slots[0].astimezone(zone)
    if line.is_interval_job or plan.dst_gap == "skip":
        return f"leaves out what does not exist on {_spell_day(local)}"
    return (
        f"fires at {spell_time(local.hour, local.minute)} on {_spell_day(local)}, "
        "when its own time does not exist"
    )


def _spell_day(local: datetime) -> str:
    return f"{local.day} {calendar.month_name[local.month]}"

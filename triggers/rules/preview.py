"""What a schedule is going to do: its next slots, and which of them the clocks' changes touch."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Any, Literal, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

from triggers.rules.jitter import find_effective_time
from triggers.rules.local_time import find_pass
from triggers.rules.schedule import Schedule, is_interval_job, iterate_slots, next_slot
from triggers.rules.timezones import load_timezone
from workspaces.rules.times import render_time

DstMark = Literal["shifted", "repeated", "first_of_two"]
DST_MARKS: tuple[DstMark, ...] = get_args(DstMark)

MAX_COUNT = 100
DEFAULT_COUNT = 10
_END = datetime(9999, 12, 31, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_EXAMPLE = UUID(int=0)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A schedule with all that decides when it fires; ``starts_at`` and ``ends_at`` are slots too
    where they fall on one.
    """

    schedule: Schedule
    timezone: str
    dst_gap: str = "shift"
    dst_overlap: str = "first"
    jitter_seconds: int = 0
    # Whose jitter it is; without it an example.
    trigger_id: UUID | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Occurrence:
    """One slot: ``at`` in UTC, ``local`` on the clocks of the zone, ``effective_at`` with its
    jitter.
    """

    at: datetime
    local: datetime
    dst: DstMark | None
    effective_at: datetime


def preview_plan(plan: Plan, *, after: datetime, count: int) -> list[Occurrence]:
    """The next ``count`` slots later than ``after``; fewer when the schedule ends before."""
    zone = load_timezone(plan.timezone)
    # One more, since a slot's jitter ends before the next one.
    slots = list_coming_slots(plan, after=after, limit=count + 1)
    return [
        Occurrence(
            at=slot,
            local=slot.astimezone(zone),
            dst=mark_slot(plan, slot, zone),
            effective_at=delay_slot(plan, slot, following=following),
        )
        for slot, following in zip_longest(slots[:count], slots[1:])
    ]


def list_coming_slots(
    plan: Plan, *, after: datetime, limit: int, until: datetime = _END
) -> list[datetime]:
    """The first ``limit`` slots in ``(after, until]`` within the plan's bounds: the one place where
    bounds enter.
    """
    if plan.starts_at is not None:
        after = max(after, plan.starts_at - _TICK)
    if plan.ends_at is not None:
        until = min(until, plan.ends_at)
    return iterate_slots(
        plan.schedule,
        timezone=plan.timezone,
        dst_gap=plan.dst_gap,
        dst_overlap=plan.dst_overlap,
        after=after,
        until=until,
        limit=limit,
    )


def delay_slot(plan: Plan, slot: datetime, *, following: datetime | None) -> datetime:
    """When the slot is fired: the one place where jitter enters."""
    return find_effective_time(
        slot,
        trigger_id=plan.trigger_id or _EXAMPLE,
        jitter_seconds=plan.jitter_seconds,
        following=following,
        ends_at=plan.ends_at,
    )


def mark_slot(plan: Plan, slot: datetime, zone: ZoneInfo) -> DstMark | None:
    """What a change of clocks did to the slot; null when nothing."""
    return find_pass(slot, zone) or ("shifted" if is_shifted(plan, slot, zone) else None)


def is_shifted(plan: Plan, slot: datetime, zone: ZoneInfo) -> bool:
    """Is it there only because its own local time does not exist on that day."""
    if plan.schedule.mode != "cron" or is_interval_job(plan.schedule) or plan.dst_gap == "skip":
        return False
    before, after = ((slot - _TICK).astimezone(zone), slot.astimezone(zone))
    # Only the first instant after a gap can be one.
    if (before.utcoffset() or timedelta()) >= (after.utcoffset() or timedelta()):
        return False
    unshifted = next_slot(
        plan.schedule,
        timezone=plan.timezone,
        dst_gap="skip",
        dst_overlap=plan.dst_overlap,
        after=slot - _TICK,
    )
    return unshifted != slot


def render_occurrence(occurrence: Occurrence) -> dict[str, Any]:
    """As the preview shows it; the local time carries its offset."""
    return {
        "at": render_time(occurrence.at),
        "local": occurrence.local.isoformat(),
        "dst": occurrence.dst,
        "effective_at": render_time(occurrence.effective_at),
    }

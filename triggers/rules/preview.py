"""What a schedule is going to do: its next slots, and which of them the clocks' changes touch."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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
_NOBODY = UUID(int=0)
_TICK = timedelta(microseconds=1)


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
    return [
        Occurrence(
            at=slot,
            local=slot.astimezone(zone),
            dst=mark_slot(plan, slot, zone),
            effective_at=delay_slot(plan, slot),
        )
        for slot in list_coming_slots(plan, after=after, limit=count)
    ]


def list_coming_slots(
    plan: Plan, *, after: datetime, limit: int, until: datetime = _END
) -> list[datetime]:
    """The first ``limit`` slots in ``(after, until]`` within the plan's bounds."""
    return iterate_slots(
        plan.schedule,
        timezone=plan.timezone,
        dst_gap=plan.dst_gap,
        dst_overlap=plan.dst_overlap,
        after=after,
        until=until,
        limit=limit,
        starts_at=plan.starts_at,
        ends_at=plan.ends_at,
    )


def delay_slot(plan: Plan, slot: datetime) -> datetime:
    """When the slot is fired. A trigger's own delays differ: nobody has saved this one yet."""
    if not plan.jitter_seconds:
        return slot
    following = list_coming_slots(plan, after=slot, limit=1)
    return find_effective_time(
        slot,
        trigger_id=_NOBODY,
        jitter_seconds=plan.jitter_seconds,
        following=following[0] if following else None,
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

"""The time inside a UUIDv7: what partitions, time ranges and ``created_at`` go by."""

import datetime as dt
from uuid import UUID

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND = dt.timedelta(milliseconds=1)
# Ids are minted by several processes; each host's clock may be an hour off, either way.
CLOCK_MARGIN = dt.timedelta(hours=2)
# What most pages are found in, of tables with a partition for each day.
_WINDOWS = (dt.timedelta(days=2), dt.timedelta(days=16))
_AHEAD = dt.timedelta(days=1)
_LAST = dt.datetime.max.replace(tzinfo=dt.UTC)


def lowest_id(moment: dt.datetime) -> UUID:
    """The smallest id of the first whole millisecond at or after ``moment``, all other bits zero.

    So ``id >= lowest_id(since)`` holds exactly for ids whose time is ``since`` or later, and
    ``id < lowest_id(until)`` exactly for those before ``until``.
    """
    milliseconds = -((EPOCH - moment) // _MILLISECOND)
    return UUID(int=max(0, milliseconds) << 80)


def read_id_time(id_: UUID) -> dt.datetime:
    """When a UUIDv7 was minted, in whole milliseconds.

    Raises:
        ValueError: not a version 7.
    """
    if id_.version != 7:
        raise ValueError(f"{id_} is not a UUID version 7")
    return EPOCH + (id_.int >> 80) * _MILLISECOND


def bound_times(since: dt.datetime | None, until: dt.datetime | None) -> dict[str, UUID]:
    """Filters that hold for the ids of whatever was made from ``since`` until ``until``: rows whose
    own time is the database's, and whose ids their hosts minted, up to two hours apart.
    """
    bounds = {}
    if since is not None:
        bounds["id__gte"] = lowest_id(max(since, EPOCH + CLOCK_MARGIN) - CLOCK_MARGIN)
    if until is not None:
        bounds["id__lt"] = lowest_id(min(until, _LAST - CLOCK_MARGIN) + CLOCK_MARGIN)
    return bounds


def list_windows(after: UUID | None, *, now: dt.datetime) -> list[dict[str, UUID]]:
    """Filters for the ids before ``after`` (None: for the newest): two days of them, then sixteen.

    None of them holds a partition that was made ahead.
    """
    top = now + _AHEAD
    end = min(top, read_id_time(after)) if after is not None and after.version == 7 else top
    return [
        {"id__gte": lowest_id(max(end, EPOCH + length) - length), "id__lt": lowest_id(top)}
        for length in _WINDOWS
    ]


def bound_ids(first_id: UUID | None) -> UUID | None:
    """A lower bound for the ids of what came after ``first_id``: older partitions stay unread.

    It lies two hours lower, for the clocks' sake. None without an id that tells its time.
    """
    if first_id is None or first_id.version != 7:
        return None
    margin = CLOCK_MARGIN // _MILLISECOND
    return UUID(int=max(0, (first_id.int >> 80) - margin) << 80)

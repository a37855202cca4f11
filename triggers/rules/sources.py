"""What can fire a trigger beside a webhook, each with its settings as JSON Schema."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from triggers.rules.catch_up import CATCH_UP_POLICIES
from triggers.rules.local_time import DST_GAPS, DST_OVERLAPS
from triggers.rules.schedule import MAX_LENGTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One source; ``config_schema`` is of the trigger's fields that set it."""

    name: str
    description: str
    config_schema: Mapping[str, Any]


def list_sources() -> dict[str, Source]:
    """The sources by their ids, in a stable order."""
    return _SOURCES


_SOURCES = {
    "schedule": Source(
        name="Schedule",
        description="Five cron fields, a nickname, @every or @at, in any time zone.",
        config_schema={
            "type": "object",
            "required": ["schedule"],
            "properties": {
                "schedule": {"type": "string", "minLength": 1, "maxLength": MAX_LENGTH},
                "timezone": {"type": "string", "maxLength": 64, "default": "UTC"},
                "dst_gap": {"enum": list(DST_GAPS), "default": "shift"},
                "dst_overlap": {"enum": list(DST_OVERLAPS), "default": "first"},
                "catch_up_policy": {"enum": list(CATCH_UP_POLICIES), "default": "coalesce"},
                "misfire_grace_seconds": {"type": "integer", "minimum": 0, "default": 3600},
            },
        },
    ),
    "event": Source(
        name="Event",
        description="An event of the workspace whose type and data match.",
        config_schema={
            "type": "object",
            "required": ["event_type"],
            "properties": {
                "event_type": {
                    "type": "string",
                    "maxLength": 128,
                    "pattern": r"^[A-Za-z0-9._\-:/*]+$",
                },
                "event_filter": {"type": ["object", "null"], "default": None},
            },
        },
    ),
}

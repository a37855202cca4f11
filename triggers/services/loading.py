"""Triggers read by the hundred: instances without the ORM's cost for each of them."""

import json
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.models.base import ModelState

from triggers.models import Trigger
from workspaces.rules.times import read_database_time
from workspaces.services import open_prepared_cursor

# What a slot asks for; whatever else a trigger holds is deferred.
_FIELDS = (
    "id",
    "workspace_id",
    "action_id",
    "name",
    "event_type",
    "schedule",
    "timezone",
    "dst_gap",
    "dst_overlap",
    "max_fires",
    "jitter_seconds",
    "catch_up_policy",
    "misfire_grace_seconds",
    "start_deadline_seconds",
    "overlap_policy",
    "auto_pause_after_failures",
    "priority",
    "is_active",
    "source",
)
# Read as text, then by these: the driver's own readers are slow.
_READERS: dict[str, Callable[[str], Any]] = {
    "input_template": json.loads,
    "fire_limit": json.loads,
    "retry": json.loads,
    "starts_at": read_database_time,
    "ends_at": read_database_time,
    "failures_count_from": read_database_time,
}
_NAMES = (*_FIELDS, *_READERS)
_LOAD = (
    f"SELECT {', '.join([*_FIELDS, *(f'{name}::text' for name in _READERS)])}"  # noqa: S608 - constants
    " FROM triggers_trigger WHERE id = ANY(%s)"
)


def load_triggers(trigger_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Trigger]:
    """The triggers with these ids, with what their slots ask for; the rest is read when it is."""
    with open_prepared_cursor() as cursor:
        cursor.execute(_LOAD, [list(trigger_ids)])
        rows = cursor.fetchall()
    # Triggers of one workspace, or of one action, share that id: then it is compared by identity.
    shared: dict[uuid.UUID, uuid.UUID] = {}
    return {row[0]: _build_trigger(row, shared) for row in rows}


def _build_trigger(row: tuple[Any, ...], shared: dict[uuid.UUID, uuid.UUID]) -> Trigger:
    # As Model.from_db leaves it, without its signals, of which none is connected.
    trigger = Trigger.__new__(Trigger)
    state = ModelState()
    state.adding, state.db = False, DEFAULT_DB_ALIAS
    values = trigger.__dict__
    values["_state"] = state
    values.update(zip(_NAMES, row, strict=True))
    for name in ("workspace_id", "action_id"):
        values[name] = shared.setdefault(values[name], values[name])
    for name, read in _READERS.items():
        if values[name] is not None:
            values[name] = read(values[name])
    return trigger

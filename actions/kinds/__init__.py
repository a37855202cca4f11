"""The kinds of actions: one line each. Others plug in through the entry-point group below."""

import inspect
import logging
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from actions.kinds.base import Kind
from actions.kinds.emit_event import EmitEvent
from actions.kinds.http_request import HttpRequest
from actions.kinds.noop import Noop
from actions.kinds.place_outbound_call import PlaceOutboundCall
from actions.kinds.schedule_outbound_call import ScheduleOutboundCall
from actions.rules.retry import RetryPolicy
from actions.rules.schemas import check_schema

logger = logging.getLogger(__name__)

ENTRY_POINT_GROUP = "clockhook.action_kinds"

KINDS: dict[str, Kind] = {
    "schedule_outbound_call": ScheduleOutboundCall(),
    "http_request": HttpRequest(),
    "emit_event": EmitEvent(),
    "noop": Noop(),
}
# Performed for the product itself: no action has such a type.
INTERNAL_KINDS: dict[str, Kind] = {
    "place_outbound_call": PlaceOutboundCall(),
}


@lru_cache(maxsize=1)
def load_kinds() -> Mapping[str, Kind]:
    """Every kind by its ``action_type``: our own, and those that other distributions offer.

    Read at the first need, once per process. A plug-in that cannot be loaded is logged and left
    out: it must not stop the others.
    """
    kinds = dict(KINDS)
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        kind = _load_plugin(entry)
        if kind is not None and entry.name not in kinds:
            kinds[entry.name] = kind
        elif kind is not None:
            logger.error(
                "The action kind %s of %s is left out: the name is taken", entry.name, entry.value
            )
    return kinds


def find_kind(action_type: str) -> Kind | None:
    """The kind of that name, if there is one."""
    return load_kinds().get(action_type)


def _load_plugin(entry: EntryPoint) -> Kind | None:
    try:
        loaded = entry.load()
        kind = loaded() if inspect.isclass(loaded) else loaded
        problem = find_kind_problem(kind)
    except Exception:
        logger.exception("The action kind %s (%s) cannot be loaded", entry.name, entry.value)
        return None
    if problem is not None:
        logger.error("The action kind %s (%s) is left out: %s", entry.name, entry.value, problem)
        return None
    return cast("Kind", kind)


def find_kind_problem(kind: Any) -> str | None:
    """What a would-be kind lacks; None when it has all that ``Kind`` asks for."""
    for name, wanted in (
        ("name", str),
        ("description", str),
        ("uses_database", bool),
        ("default_retry", RetryPolicy),
    ):
        if not isinstance(getattr(kind, name, None), wanted):
            return f"{name} must be a {wanted.__name__}"
    if getattr(kind, "queue", None) not in ("instant", "network"):
        return 'queue must be "instant" or "network"'
    if not callable(getattr(kind, "perform", None)):
        return "it has no perform()"
    for name in ("config_schema", "input_schema"):
        problems = check_schema(getattr(kind, name, None))
        if problems:
            return (
                f"{name} is not a usable JSON Schema: {problems[0].pointer}: {problems[0].detail}"
            )
    return None

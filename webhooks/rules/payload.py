"""What a payload says it is, and what of it goes into a run's input."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actions.rules.paths import (
    MISSING,
    InvalidPath,
    PathConflict,
    find_path,
    parse_path,
    set_path,
)
from events.rules.globs import is_event_type, matches_event_type
from workspaces.rules.problems import FieldError, escape_pointer

MAX_MAPPED_FIELDS = 100


@dataclass(frozen=True, slots=True)
class Mapped:
    """The mapped values, nested as their targets say, and a note for each that is missing."""

    values: dict[str, Any]
    notes: list[str]


def is_accepted(event_type: str | None, accepted: Sequence[str] | None) -> bool:
    """None accepts everything, also what has no type; a list, what one of its patterns matches."""
    if accepted is None:
        return True
    if event_type is None or not is_event_type(event_type):
        return False
    return any(matches_event_type(pattern, event_type) for pattern in accepted)


def check_mapping(mapping: Mapping[str, str]) -> list[FieldError]:
    """What is wrong with a ``field_mapping``; empty when nothing is."""
    if len(mapping) > MAX_MAPPED_FIELDS:
        detail = f"At most {MAX_MAPPED_FIELDS} fields can be mapped."
        return [FieldError("/field_mapping", "too_many", detail)]
    errors = []
    tried: dict[str, Any] = {}
    for target, source in mapping.items():
        fault = _find_mapping_fault(tried, target, source)
        if fault is not None:
            pointer = f"/field_mapping/{escape_pointer(target)}"
            errors.append(FieldError(pointer, "invalid_path", fault))
    return errors


def map_fields(payload: Any, mapping: Mapping[str, str] | None) -> Mapped:
    """Copy what the source paths of the payload hold to the target paths, as it is.

    A path that leads nowhere sets nothing, so that a template's default stays, and is noted.
    """
    mapped = Mapped({}, [])
    for target, source in (mapping or {}).items():
        try:
            value = find_path(payload, source)
            if value is MISSING:
                mapped.notes.append(f"{target}: nothing at {source}")
            else:
                set_path(mapped.values, target, value)
        except (InvalidPath, PathConflict) as error:
            mapped.notes.append(f"{target}: {error}")
    return mapped


def _find_mapping_fault(tried: dict[str, Any], target: str, source: str) -> str | None:
    """Also of a target that is inside another one, or the same written differently."""
    try:
        parse_path(source)
        if find_path(tried, target) is not MISSING:
            return "Another target is the same, or lies inside this one."
        # A leaf without members: whatever lies below it conflicts.
        set_path(tried, target, 0)
    except (InvalidPath, PathConflict) as error:
        return str(error)
    return None

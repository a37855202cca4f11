"""Values that are merged over a rendered template, verbatim: they are never rendered themselves."""

from collections.abc import Mapping
from typing import Any


def merge_overrides(rendered: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """A caller's input over the template's *top level*: an override replaces a whole member."""
    return {**rendered, **overrides}


def merge_mapped(rendered: Mapping[str, Any], mapped: Mapping[str, Any]) -> dict[str, Any]:
    """A webhook's mapped values, nested as their targets say: objects on both sides are merged.

    What the mapping does not name keeps the template's value.
    """
    merged = dict(rendered)
    for name, value in mapped.items():
        below = merged.get(name)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[name] = merge_mapped(below, value)
        else:
            merged[name] = value
    return merged

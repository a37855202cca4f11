"""Small pieces of pages: links to rows, JSON, spans of time."""

import json
from collections.abc import Callable
from typing import Any

from django.contrib.admin import display
from django.core.serializers.json import DjangoJSONEncoder
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html

EMPTY = "-"


def find_page(model: str, row_id: Any) -> str | None:
    """The address of a row's page (``model`` as in ``triggers.trigger``); None where there is none.

    A name and no import: rooms may show the way to what lies above them without knowing it.
    """
    try:
        return reverse(f"admin:{model.replace('.', '_')}_change", args=[row_id])
    except NoReverseMatch:
        return None


def link_row(model: str, row_id: Any, text: str | None = None) -> str:
    """A link to the row's page, by its id unless there is a better text."""
    if row_id is None:
        return EMPTY
    page = find_page(model, row_id)
    if page is None:
        return str(text or row_id)
    return format_html('<a class="staff-link" href="{}">{}</a>', page, text or row_id)


def dump_json(value: Any) -> str:
    """Indented text."""
    return json.dumps(value, indent=2, ensure_ascii=False, cls=DjangoJSONEncoder)


def render_json(value: Any) -> str:
    """Indented, folded away when it is long."""
    if value is None:
        return EMPTY
    text = dump_json(value)
    if text.count("\n") < 12:
        return format_html('<pre class="staff-json">{}</pre>', text)
    return format_html(
        '<details><summary>{} lines of JSON</summary><pre class="staff-json">{}</pre></details>',
        text.count("\n") + 1,
        text,
    )


def describe_seconds(seconds: float) -> str:
    """``12 ms``, ``3.4 s``, ``2 min 5 s``, ``3 h 20 min``, ``2 d 4 h``."""
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    if seconds < 1:
        return f"{sign}{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{sign}{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{sign}{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return (
        f"{sign}{hours} h {minutes} min" if hours < 48 else f"{sign}{hours // 24} d {hours % 24} h"
    )


def build_link_column(name: str, model: str) -> Callable[[Any], str]:
    """A read-only field that links the id in column ``name`` to its row's page."""

    @display(description=name.removesuffix("_id").replace("_", " "))
    def show(row: Any) -> str:
        return link_row(model, getattr(row, name))

    return show


def build_json_column(name: str) -> Callable[[Any], str]:
    """A read-only field that shows the JSON in column ``name``."""

    @display(description=name.replace("_", " "))
    def show(row: Any) -> str:
        return render_json(getattr(row, name))

    return show

"""``{{ path }}`` placeholders in the strings of a JSON value.

One pass, no code, no filters: a rendered value that itself holds braces stays text. A string that
is exactly one placeholder becomes the value itself, with its type (missing: null); elsewhere values
are written as text (strings as they are, null and missing as nothing, the rest as compact JSON).
Names of members are never rendered. Braces that do not close, and placeholders whose inside is not
a path, stay literal text when rendered; ``check_template`` reports them, so that no one saves them
unawares.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from actions.rules.paths import MISSING, InvalidPath, find_path, parse_path
from workspaces.rules.problems import escape_pointer

MAX_OUTPUT_BYTES = 256 * 1024
_MAX_DEPTH = 100
_PLACEHOLDER = re.compile(r"\{\{([^{}]*)\}\}")


class TemplateTooLarge(ValueError):
    """What a template renders to exceeds 256 KiB or nests too deeply."""


@dataclass(frozen=True)
class TemplateProblem:
    """What is wrong in one string of a template; ``pointer`` is a JSON pointer to it."""

    pointer: str
    detail: str


def render_template(template: Any, context: Mapping[str, Any]) -> Any:
    """A copy of the template with every placeholder replaced from the context.

    Raises:
        TemplateTooLarge: and nothing else, whatever template and context hold.
    """
    try:
        return _Rendering(context).render(template, depth=0)
    except RecursionError:
        raise TemplateTooLarge("The rendered value nests too deeply.") from None


def find_template_problems(template: Any) -> list[TemplateProblem]:
    """Every placeholder that does not close, is empty or does not hold a path, with its place."""
    return list(_find_problems(template, pointer="", depth=0))


def check_template(template: Any) -> list[str]:
    """The problems of ``find_template_problems`` as sentences; empty when the template is sound."""
    return [f"{problem.pointer}: {problem.detail}" for problem in find_template_problems(template)]


class _Rendering:
    """One rendering, with what is left of its size."""

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._context = context
        self._bytes_left = MAX_OUTPUT_BYTES

    def render(self, template: Any, *, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            raise TemplateTooLarge(f"The template nests deeper than {_MAX_DEPTH} levels.")
        if isinstance(template, str):
            return self._render_string(template)
        if isinstance(template, Mapping):
            return {
                self._keep(key): self.render(item, depth=depth + 1)
                for key, item in template.items()
            }
        if isinstance(template, list | tuple):
            return [self.render(item, depth=depth + 1) for item in template]
        self._count(_write_json(template))
        return template

    def _render_string(self, template: str) -> Any:
        sole = _PLACEHOLDER.fullmatch(template)
        if sole is not None and (path := _read_path(sole)) is not None:
            return self._copy_value(find_path(self._context, path))
        parts: list[str] = []
        position = 0
        for placeholder in _PLACEHOLDER.finditer(template):
            path = _read_path(placeholder)
            if path is None:
                continue
            parts.append(self._keep(template[position : placeholder.start()]))
            parts.append(self._keep(_write_text(find_path(self._context, path))))
            position = placeholder.end()
        parts.append(self._keep(template[position:]))
        return "".join(parts)

    def _copy_value(self, value: Any) -> Any:
        if value is MISSING:
            return None
        if isinstance(value, str):
            return self._keep(value)
        text = self._keep(_write_json(value))
        # Through JSON: a copy that shares nothing with the context, and holds nothing but JSON.
        return json.loads(text) if isinstance(value, Mapping | list | tuple) else value

    def _keep(self, text: str) -> str:
        self._count(text)
        return text

    def _count(self, text: str) -> None:
        self._bytes_left -= (
            len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        )
        if self._bytes_left < 0:
            raise TemplateTooLarge(f"The rendered value exceeds {MAX_OUTPUT_BYTES // 1024} KiB.")


def _read_path(placeholder: re.Match[str]) -> tuple[str, ...] | None:
    try:
        return parse_path(placeholder[1].strip())
    except InvalidPath:
        return None


def _write_text(value: Any) -> str:
    if value is None or value is MISSING:
        return ""
    return value if isinstance(value, str) else _write_json(value)


def _write_json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    except (ValueError, TypeError):
        # Not JSON at all (a circle, a number of thousands of digits): nothing that a template may
        # carry.
        raise TemplateTooLarge("A value of the context cannot be written as JSON.") from None


def _find_problems(template: Any, *, pointer: str, depth: int) -> Iterator[TemplateProblem]:
    if isinstance(template, str):
        for detail in _find_text_problems(template):
            yield TemplateProblem(pointer, detail)
    elif depth >= _MAX_DEPTH:
        yield TemplateProblem(pointer, f"Nests deeper than {_MAX_DEPTH} levels.")
    elif isinstance(template, Mapping):
        for key, item in template.items():
            below = f"{pointer}/{escape_pointer(key)}"
            yield from _find_problems(item, pointer=below, depth=depth + 1)
    elif isinstance(template, list | tuple):
        for index, item in enumerate(template):
            yield from _find_problems(item, pointer=f"{pointer}/{index}", depth=depth + 1)


def _find_text_problems(text: str) -> Iterator[str]:
    for placeholder in _PLACEHOLDER.finditer(text):
        inside = placeholder[1].strip()
        try:
            parse_path(inside)
        except InvalidPath as error:
            yield (
                f"{placeholder[0]} does not hold a path. {error}"
                if inside
                else "A placeholder is empty."
            )
    if "{{" in _PLACEHOLDER.sub(" ", text):
        yield "A placeholder that opens with {{ is not closed with }}."

"""JSON Schema 2020-12 as strangers may write it: no remote references, linear-time patterns,
bounded work.
"""

from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from itertools import islice
from typing import Any, Final
from urllib.parse import unquote

import re2
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from referencing import Registry

from workspaces.rules.problems import FieldError, escape_pointer

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MAX_ERRORS = 50
_MAX_DEPTH = 64
_MAX_PARTS = 10_000
_MAX_PATTERN_LENGTH = 1000
_MAX_DETAIL_LENGTH = 300
# Keywords evaluated in one check. References multiply (thirty lines can describe 2^30 checks), and
# cost more.
_MAX_WORK = 500_000
_WORK_OF = {"$ref": 20, "$dynamicRef": 20}

_HOLD_MAPS_OF_SCHEMAS = (
    "$defs",
    "definitions",
    "dependentSchemas",
    "patternProperties",
    "properties",
)
_HOLD_LISTS_OF_SCHEMAS = ("allOf", "anyOf", "oneOf", "prefixItems")
_HOLD_A_SCHEMA = (
    "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not",
    "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties",
)  # fmt: skip

_PATTERN_OPTIONS = re2.Options()
_PATTERN_OPTIONS.log_errors = False
_PATTERN_OPTIONS.max_mem = 1 << 20


class _TooMuchWork(Exception):
    """A check has evaluated as many keywords as one check may."""


# Stands in the walk for a schema that lies too deep to be looked at.
_TOO_DEEP: Final = object()
_validators: dict[int, tuple[Mapping[str, Any], Any]] = {}
_MAX_VALIDATORS = 256
_work_left: ContextVar[list[int]] = ContextVar("_work_left")


def check_schema(schema: Any) -> list[FieldError]:
    """What keeps ``schema`` from being used here, with JSON pointers into it; empty when it is
    sound.
    """
    if not isinstance(schema, Mapping):
        return [FieldError("", "invalid_schema", "Must be an object: a JSON Schema.")]
    parts = dict(islice(_walk(schema, pointer="", depth=0), _MAX_PARTS))
    problems = [
        FieldError(pointer, "invalid_schema", detail)
        for pointer, detail in islice(_find_problems(parts), MAX_ERRORS)
    ]
    if problems:
        return problems
    found = Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(schema)
    return [_render_error(error, code="invalid_schema") for error in islice(found, MAX_ERRORS)]


def find_schema_errors(schema: Mapping[str, Any], instance: Any) -> list[FieldError]:
    """Where ``instance`` breaks a schema that ``check_schema`` found sound: at most 50, with JSON
    pointers into it.
    """
    token = _work_left.set([_MAX_WORK])
    try:
        found = islice(_find_validator(schema).iter_errors(instance), MAX_ERRORS)
        return [_render_error(error, code=str(error.validator)) for error in found]
    except (_TooMuchWork, RecursionError):
        return [
            FieldError("", "schema_too_complex", "Takes too much work to check against the schema.")
        ]
    finally:
        _work_left.reset(token)


def _find_validator(schema: Mapping[str, Any]) -> Any:
    """Made once for a schema that is kept, as a kind's is: held here too, its id is its own."""
    if len(_validators) >= _MAX_VALIDATORS:
        _validators.clear()
    if (kept := _validators.get(id(schema))) is None:
        # An empty registry: the library's own would fetch what a reference names.
        kept = schema, _BoundedValidator(schema, registry=Registry())
        _validators[id(schema)] = kept
    return kept[1]


def _walk(schema: Any, *, pointer: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Every place in the schema where a schema stands."""
    if depth > _MAX_DEPTH:
        yield pointer, _TOO_DEEP
        return
    yield pointer, schema
    if isinstance(schema, Mapping):
        for keyword, item in schema.items():
            for name, part in _list_parts(keyword, item):
                below = "/".join(escape_pointer(step) for step in (keyword, *name))
                yield from _walk(part, pointer=f"{pointer}/{below}", depth=depth + 1)


def _list_parts(keyword: str, item: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The schemas that a keyword holds, each with what follows the keyword in its pointer."""
    if keyword in _HOLD_A_SCHEMA:
        yield (), item
    elif keyword in _HOLD_MAPS_OF_SCHEMAS and isinstance(item, Mapping):
        yield from (((name,), part) for name, part in item.items())
    elif keyword in _HOLD_LISTS_OF_SCHEMAS and isinstance(item, list):
        yield from (((str(index),), part) for index, part in enumerate(item))


def _find_problems(parts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if len(parts) >= _MAX_PARTS:
        yield "", "Holds too many parts."
    anchors = _read_anchors(parts)
    for pointer, part in parts.items():
        if part is _TOO_DEEP:
            yield pointer, f"Nests deeper than {_MAX_DEPTH} levels."
        if isinstance(part, Mapping):
            yield from _find_identity_problems(part, pointer=pointer)
            yield from _find_reference_problems(part, pointer=pointer, parts=parts, anchors=anchors)
            yield from _find_pattern_problems(part, pointer=pointer)
    if _is_used("patternProperties", parts) and _is_used("unevaluatedProperties", parts):
        # The library matches these two together with backtracking patterns.
        yield "", "patternProperties cannot be combined with unevaluatedProperties here."


def _is_used(keyword: str, parts: Mapping[str, Any]) -> bool:
    return any(isinstance(part, Mapping) and keyword in part for part in parts.values())


def _read_anchors(parts: Mapping[str, Any]) -> set[str]:
    return {
        anchor
        for part in parts.values()
        if isinstance(part, Mapping)
        for keyword in ("$anchor", "$dynamicAnchor")
        if isinstance(anchor := part.get(keyword), str)
    }


def _find_identity_problems(part: Mapping[str, Any], *, pointer: str) -> Iterator[tuple[str, str]]:
    if "$schema" in part and part["$schema"] not in (DIALECT, f"{DIALECT}#"):
        yield f"{pointer}/$schema", f"Only {DIALECT} is understood."
    if "$id" in part and pointer:
        yield f"{pointer}/$id", "Is understood at the root only."


def _find_reference_problems(
    part: Mapping[str, Any], *, pointer: str, parts: Mapping[str, Any], anchors: set[str]
) -> Iterator[tuple[str, str]]:
    for keyword in ("$ref", "$dynamicRef"):
        reference = part.get(keyword)
        if not isinstance(reference, str):
            continue
        fragment = unquote(reference[1:])
        if not reference.startswith("#"):
            yield f"{pointer}/{keyword}", "Only references within this schema (#/…) are followed."
        elif fragment not in parts and fragment not in anchors:
            yield f"{pointer}/{keyword}", f"{reference} is no part of this schema."


def _find_pattern_problems(part: Mapping[str, Any], *, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(pattern := part.get("pattern"), str) and (
        problem := _find_pattern_problem(pattern)
    ):
        yield f"{pointer}/pattern", problem
    if isinstance(patterns := part.get("patternProperties"), Mapping):
        for pattern in patterns:
            if problem := _find_pattern_problem(pattern):
                yield f"{pointer}/patternProperties/{escape_pointer(pattern)}", problem


def _find_pattern_problem(pattern: str) -> str | None:
    if len(pattern) > _MAX_PATTERN_LENGTH:
        return f"A pattern has at most {_MAX_PATTERN_LENGTH} characters."
    try:
        _compile_pattern(pattern)
    except re2.error as error:
        return f"Not a pattern of linear time (RE2 syntax): {_read_re2_error(error)}"
    return None


def _read_re2_error(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


@lru_cache(maxsize=1024)
def _compile_pattern(pattern: str) -> Any:
    return re2.compile(pattern, _PATTERN_OPTIONS)


def _render_error(error: ValidationError, *, code: str) -> FieldError:
    pointer = "".join(f"/{escape_pointer(str(part))}" for part in error.absolute_path)
    if len(error.message) > _MAX_DETAIL_LENGTH:
        return FieldError(pointer, code, f"Does not satisfy the schema's {error.validator!r}.")
    return FieldError(pointer, code, error.message)


# ── Keywords of our own ──────────────────────────────────────────────────────────────────────────


def _match_pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _compile_pattern(pattern).search(instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _match_pattern_properties(
    validator: Any, patterns: Mapping[str, Any], instance: Any, _: Any
) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for pattern, subschema in patterns.items():
            for name, value in instance.items():
                if _compile_pattern(pattern).search(name):
                    yield from validator.descend(value, subschema, path=name, schema_path=pattern)


def _match_additional_properties(
    validator: Any, subschema: Any, instance: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    known = schema.get("properties", {})
    patterns = [_compile_pattern(pattern) for pattern in schema.get("patternProperties", {})]
    for name, value in instance.items():
        if name in known or any(pattern.search(name) for pattern in patterns):
            continue
        if subschema is False:
            yield ValidationError(f"{name!r} is not a known member", path=[name])
        else:
            yield from validator.descend(value, subschema, path=name)


def _require(_: Any, required: list[str], instance: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for name in required:
            if name not in instance:
                yield ValidationError("Is required", path=[name])


def _refuse_doubles(_: Any, is_wanted: Any, instance: Any, __: Any) -> Iterator[ValidationError]:
    if not is_wanted or not isinstance(instance, list):
        return
    if len({_freeze(item) for item in instance}) != len(instance):
        yield ValidationError("Has elements that are not unique")


def _freeze(value: Any) -> Any:
    """A hashable stand-in, equal where JSON Schema sees equals: 1 and 1.0, but not true."""
    if isinstance(value, dict):
        return frozenset((name, _freeze(item)) for name, item in value.items())
    if isinstance(value, list):
        return tuple(_freeze(item) for item in value)
    return (bool, value) if isinstance(value, bool) else value


def _count_work(keyword: str, check: Callable[..., Any]) -> Callable[..., Any]:
    cost = _WORK_OF.get(keyword, 1)

    def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        left = _work_left.get()
        left[0] -= cost
        if left[0] < 0:
            raise _TooMuchWork
        return check(validator, value, instance, schema)

    return counted


_OWN_KEYWORDS: dict[str, Callable[..., Any]] = {
    "additionalProperties": _match_additional_properties,
    "pattern": _match_pattern,
    "patternProperties": _match_pattern_properties,
    "required": _require,
    "uniqueItems": _refuse_doubles,
}
_BoundedValidator = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        keyword: _count_work(keyword, check)
        for keyword, check in {**Draft202012Validator.VALIDATORS, **_OWN_KEYWORDS}.items()
    },
)

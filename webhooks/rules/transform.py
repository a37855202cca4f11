"""A destination's ``output_transform``: JMESPath over the payload, before filter and mapping."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from workspaces.rules.problems import FieldError, escape_pointer

MAX_EXPRESSION_LENGTH = 4096
MAX_OUTPUTS = 100
_EXPRESSION, _OBJECT = "jmespath", "object_transformation"


class TransformFailed(ValueError):
    """The expression cannot be applied to this payload; the message says why."""


def check_transform(transform: Any) -> list[FieldError]:
    """What is wrong with an ``output_transform``, with pointers below ``/output_transform``; empty
    when nothing is.
    """
    if not isinstance(transform, Mapping) or not transform:
        detail = 'Write {"jmespath": "…"} or {"object_transformation": {"name": "…"}}.'
        return [FieldError("/output_transform", "invalid", detail)]
    errors = [
        FieldError(f"/output_transform/{escape_pointer(str(name))}", "unknown_field",
                   "There is no such field.")
        for name in transform
        if name not in (_EXPRESSION, _OBJECT)
    ]  # fmt: skip
    if _EXPRESSION in transform:
        errors += _check_expression(transform[_EXPRESSION], f"/output_transform/{_EXPRESSION}")
    if _OBJECT in transform:
        errors += _check_object(transform[_OBJECT])
    return errors


def apply_transform(transform: Mapping[str, Any] | None, payload: Any) -> Any:
    """The payload as the transform makes it; ``jmespath`` wins where both forms are given.

    Raises:
        TransformFailed: the expression does not work on this payload.
    """
    if transform is None:
        return payload
    if _EXPRESSION in transform:
        return _search(transform[_EXPRESSION], payload)
    return {name: _search(text, payload) for name, text in transform[_OBJECT].items()}


def _check_object(given: Any) -> list[FieldError]:
    pointer = f"/output_transform/{_OBJECT}"
    if not isinstance(given, Mapping) or not given:
        return [FieldError(pointer, "invalid", "This maps names to JMESPath expressions.")]
    if len(given) > MAX_OUTPUTS:
        return [FieldError(pointer, "too_many", f"At most {MAX_OUTPUTS} names can be made.")]
    return [
        error
        for name, text in given.items()
        for error in _check_expression(text, f"{pointer}/{escape_pointer(name)}")
    ]


def _check_expression(text: Any, pointer: str) -> list[FieldError]:
    if not isinstance(text, str) or not 0 < len(text) <= MAX_EXPRESSION_LENGTH:
        detail = f"This is a JMESPath expression of at most {MAX_EXPRESSION_LENGTH} characters."
        return [FieldError(pointer, "invalid_expression", detail)]
    try:
        _compile(text)
    except (JMESPathError, RecursionError) as error:
        return [FieldError(pointer, "invalid_expression", f"No JMESPath: {_describe(error)}")]
    return []


def _search(text: str, payload: Any) -> Any:
    try:
        return _compile(text).search(payload)
    except (JMESPathError, RecursionError, TypeError, ValueError, OverflowError) as error:
        # Some functions let Python's own errors through, as `sort` does for mixed types.
        raise TransformFailed(_describe(error)) from error


@lru_cache(maxsize=512)
def _compile(text: str) -> Any:
    return jmespath.compile(text)


def _describe(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__

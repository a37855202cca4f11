"""``event_filter``: every entry must hold. Checked whole at save, so that it never fails at a fire."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import re2

from actions.rules.paths import MISSING, InvalidPath, find_path, parse_path
from workspaces.rules.problems import escape_pointer

MAX_DEPTH = 10
MAX_CONDITIONS = 200
MAX_PATTERN_LENGTH = 512
MAX_SUBJECT_BYTES = 64 * 1024
# A filter is read at every fire.
MAX_FILTER_BYTES = 64 * 1024


@dataclass(frozen=True)
class FilterProblem:
    """What is wrong at one place of a filter; ``pointer`` is a JSON pointer into it."""

    pointer: str
    detail: str


class UnusableFilterError(ValueError):
    """A filter that ``find_filter_problems`` would have refused."""


def find_filter_problems(event_filter: Any) -> list[FilterProblem]:
    """Every reason to refuse the filter, with its place; empty when it is sound."""
    problems = list(_check_filter(event_filter, pointer="", depth=0))
    if problems:
        return problems
    if len(json.dumps(event_filter)) > MAX_FILTER_BYTES:
        return [FilterProblem("", f"A filter has at most {MAX_FILTER_BYTES // 1024} KiB.")]
    if _count_conditions(event_filter) > MAX_CONDITIONS:
        return [FilterProblem("", f"A filter has at most {MAX_CONDITIONS} conditions.")]
    return []


def matches_filter(event_filter: Mapping[str, Any], root: Any) -> bool:
    """Does every entry hold for ``root``. Never raises: a filter that cannot be used matches nothing."""
    try:
        return _holds(event_filter, root, depth=0)
    except (UnusableFilterError, InvalidPath, RecursionError):
        return False


def is_equal_json(left: Any, right: Any) -> bool:
    """Equality as JSON has it: true is not 1, while 1 is 1.0; objects and lists by their members."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(
            is_equal_json(value, right[name]) for name, value in left.items()
        )
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(is_equal_json, left, right))
    return bool(left == right)


# ── Matching ─────────────────────────────────────────────────────────────────────────────────────


def _holds(event_filter: Any, root: Any, *, depth: int) -> bool:
    if not isinstance(event_filter, Mapping) or depth > MAX_DEPTH:
        raise UnusableFilterError
    return all(_entry_holds(name, value, root, depth=depth) for name, value in event_filter.items())


def _entry_holds(name: str, value: Any, root: Any, *, depth: int) -> bool:
    if name == "$not":
        return not _holds(value, root, depth=depth + 1)
    if name in {"$and", "$or"}:
        if not isinstance(value, list):
            raise UnusableFilterError
        combine = all if name == "$and" else any
        return combine(_holds(branch, root, depth=depth + 1) for branch in value)
    return _condition_holds(value, find_path(root, name), depth=depth)


def _condition_holds(condition: Any, actual: Any, *, depth: int) -> bool:
    if isinstance(condition, list):
        return _is_in(actual, condition)
    if not _is_operators(condition):
        return actual is not MISSING and is_equal_json(actual, condition)
    return all(
        _operator_holds(name, operand, actual, depth=depth) for name, operand in condition.items()
    )


def _operator_holds(name: str, operand: Any, actual: Any, *, depth: int) -> bool:
    if name == "$not":
        if depth >= MAX_DEPTH:
            raise UnusableFilterError
        return not _condition_holds(operand, actual, depth=depth + 1)
    operator = _OPERATORS.get(name)
    if operator is None or operator.find_problem(operand) is not None:
        raise UnusableFilterError
    return operator.holds(actual, operand)


def _is_operators(condition: Any) -> bool:
    return isinstance(condition, Mapping) and any(
        isinstance(name, str) and name.startswith("$") for name in condition
    )


def _is_in(actual: Any, options: list[Any]) -> bool:
    return actual is not MISSING and any(is_equal_json(actual, option) for option in options)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _compares(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Numbers with numbers and texts with texts; anything else does not compare, hence does not hold."""

    def holds(actual: Any, operand: Any) -> bool:
        if _is_number(actual) and _is_number(operand):
            return compare(actual, operand)
        return isinstance(actual, str) and isinstance(operand, str) and compare(actual, operand)

    return holds


def _contains(actual: Any, operand: Any) -> bool:
    if isinstance(actual, list):
        return _is_in(operand, actual)
    return isinstance(actual, str) and isinstance(operand, str) and operand in actual


def _matches_pattern(actual: Any, pattern: str) -> bool:
    if not isinstance(actual, str) or len(actual) > MAX_SUBJECT_BYTES:
        return False
    # Bytes, because re2 reads UTF-8: a lone surrogate must not raise here.
    subject = actual.encode("utf-8", "replace")
    return len(subject) <= MAX_SUBJECT_BYTES and compile_pattern(pattern).search(subject) is not None


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> Any:
    """The pattern for linear-time search.

    Raises:
        re2.error: not a pattern that RE2 knows (it has no look-around and no back-references).
    """
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern.encode(), options)

"""``event_filter``: every entry must hold. Checked at save, so that it never fails at a fire."""

import json
import operator
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
    """Does every entry hold for ``root``. Never raises: an unusable filter matches nothing."""
    try:
        return _holds(event_filter, root, depth=0)
    except (UnusableFilterError, InvalidPath, RecursionError):
        return False


def is_equal_json(left: Any, right: Any) -> bool:
    """Equality as JSON has it: true is not 1, 1 is 1.0; objects and lists by their members."""
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
        if not isinstance(value, list) or not value:
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
        if depth >= MAX_DEPTH or not _is_operators(operand):
            raise UnusableFilterError
        return not _condition_holds(operand, actual, depth=depth + 1)
    known = _OPERATORS.get(name)
    if known is None or known.find_problem(operand):
        raise UnusableFilterError
    return known.holds(actual, operand)


def _is_operators(condition: Any) -> bool:
    return isinstance(condition, Mapping) and any(
        isinstance(name, str) and name.startswith("$") for name in condition
    )


def _is_in(actual: Any, options: list[Any]) -> bool:
    return actual is not MISSING and any(is_equal_json(actual, option) for option in options)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _compares(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Numbers with numbers, texts with texts; anything else does not compare, hence not hold."""

    def holds(actual: Any, operand: Any) -> bool:
        if _is_number(actual) and _is_number(operand):
            return compare(actual, operand)
        return isinstance(actual, str) and isinstance(operand, str) and compare(actual, operand)

    return holds


def _of_texts(test: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    return lambda actual, operand: isinstance(actual, str) and test(actual, operand)


def _contains(actual: Any, operand: Any) -> bool:
    if isinstance(actual, list):
        return _is_in(operand, actual)
    return isinstance(actual, str) and isinstance(operand, str) and operand in actual


def _matches_pattern(actual: Any, pattern: str) -> bool:
    if not isinstance(actual, str) or len(actual) > MAX_SUBJECT_BYTES:
        return False
    # Bytes, because re2 reads UTF-8: a lone surrogate must not raise here.
    subject = actual.encode("utf-8", "replace")
    return (
        len(subject) <= MAX_SUBJECT_BYTES and compile_pattern(pattern).search(subject) is not None
    )


@lru_cache(maxsize=256)
def compile_pattern(pattern: str) -> Any:
    """The pattern for linear-time search.

    Raises:
        re2.error: not a pattern that RE2 knows (it has no look-around and no back-references).
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1024 * 1024
    return re2.compile(pattern.encode(), options)


# ── The operators ────────────────────────────────────────────────────────────────────────────────


def _accept_anything(operand: Any) -> str:
    return ""


def _require_list(operand: Any) -> str:
    return "" if isinstance(operand, list) else "Takes a list."


def _require_flag(operand: Any) -> str:
    return "" if isinstance(operand, bool) else "Takes true or false."


def _require_text(operand: Any) -> str:
    return "" if isinstance(operand, str) else "Takes a string."


def _require_ordered(operand: Any) -> str:
    return "" if isinstance(operand, str) or _is_number(operand) else "Takes a number or a string."


def _require_pattern(operand: Any) -> str:
    if not isinstance(operand, str) or len(operand) > MAX_PATTERN_LENGTH:
        return f"Takes a regular expression of at most {MAX_PATTERN_LENGTH} characters."
    try:
        compile_pattern(operand)
    except (re2.error, UnicodeEncodeError):
        return "Not a regular expression of RE2 (it has no look-around and no back-references)."
    return ""


@dataclass(frozen=True)
class Operator:
    """``find_problem`` says at save what is wrong with an operand, empty when nothing is."""

    holds: Callable[[Any, Any], bool]
    find_problem: Callable[[Any], str]


_OPERATORS: dict[str, Operator] = {
    "$eq": Operator(lambda actual, operand: _is_in(actual, [operand]), _accept_anything),
    "$ne": Operator(lambda actual, operand: not _is_in(actual, [operand]), _accept_anything),
    "$in": Operator(_is_in, _require_list),
    "$nin": Operator(lambda actual, operand: not _is_in(actual, operand), _require_list),
    "$gt": Operator(_compares(operator.gt), _require_ordered),
    "$gte": Operator(_compares(operator.ge), _require_ordered),
    "$lt": Operator(_compares(operator.lt), _require_ordered),
    "$lte": Operator(_compares(operator.le), _require_ordered),
    "$exists": Operator(lambda actual, operand: (actual is not MISSING) is operand, _require_flag),
    "$startsWith": Operator(_of_texts(str.startswith), _require_text),
    "$endsWith": Operator(_of_texts(str.endswith), _require_text),
    "$contains": Operator(_contains, _accept_anything),
    "$regex": Operator(_matches_pattern, _require_pattern),
}


# ── Checking at save ─────────────────────────────────────────────────────────────────────────────


def _check_filter(event_filter: Any, *, pointer: str, depth: int) -> Iterator[FilterProblem]:
    if not isinstance(event_filter, Mapping):
        yield FilterProblem(pointer, "A filter is an object.")
    elif depth > MAX_DEPTH:
        yield FilterProblem(pointer, f"A filter nests at most {MAX_DEPTH} levels deep.")
    else:
        for name, value in event_filter.items():
            yield from _check_entry(
                name, value, pointer=f"{pointer}/{escape_pointer(name)}", depth=depth
            )


def _check_entry(name: str, value: Any, *, pointer: str, depth: int) -> Iterator[FilterProblem]:
    if name == "$not":
        yield from _check_filter(value, pointer=pointer, depth=depth + 1)
    elif name in {"$and", "$or"}:
        if not isinstance(value, list) or not value:
            yield FilterProblem(pointer, f"{name} takes a list of filters that is not empty.")
            return
        for index, branch in enumerate(value):
            yield from _check_filter(branch, pointer=f"{pointer}/{index}", depth=depth + 1)
    elif name.startswith("$") and name != "$" and not name.startswith("$."):
        known = "$and, $or and $not stand here; other operators stand below a path"
        yield FilterProblem(pointer, f"{name} is not known here: {known}.")
    else:
        yield from _check_path(name, pointer=pointer)
        yield from _check_condition(value, pointer=pointer, depth=depth)


def _check_path(path: str, *, pointer: str) -> Iterator[FilterProblem]:
    try:
        parse_path(path)
    except InvalidPath as error:
        yield FilterProblem(pointer, str(error))


def _check_condition(condition: Any, *, pointer: str, depth: int) -> Iterator[FilterProblem]:
    if not _is_operators(condition):
        return
    for name, operand in condition.items():
        below = f"{pointer}/{escape_pointer(name)}"
        if name == "$not":
            if depth >= MAX_DEPTH:
                yield FilterProblem(below, f"A filter nests at most {MAX_DEPTH} levels deep.")
            else:
                yield from _check_negated(operand, pointer=below, depth=depth + 1)
        elif name not in _OPERATORS:
            known = ", ".join(_OPERATORS)
            yield FilterProblem(below, f"{name} is not an operator; known are {known}, $not.")
        elif problem := _OPERATORS[name].find_problem(operand):
            yield FilterProblem(below, f"{name}: {problem}")


def _check_negated(condition: Any, *, pointer: str, depth: int) -> Iterator[FilterProblem]:
    if _is_operators(condition):
        yield from _check_condition(condition, pointer=pointer, depth=depth)
    else:
        yield FilterProblem(pointer, "$not below a path takes an object of operators.")


def _count_conditions(event_filter: Any) -> int:
    if isinstance(event_filter, Mapping):
        return sum(map(_count_conditions, event_filter.values())) + len(event_filter)
    if isinstance(event_filter, list):
        return sum(map(_count_conditions, event_filter))
    return 0

"""Strict JSON: the one parser for bodies that come from outside.

What it refuses would be read differently by another reader, cannot be stored as jsonb, or costs
more than its size: other encodings than UTF-8, deep nesting, duplicate keys, ``NaN`` and
``Infinity`` (also written as ``1e999``), integers beyond 64 bits, ``\\u0000``, lone surrogates.
"""

import json
import math
import re
from collections.abc import Iterator
from functools import partial
from itertools import accumulate, islice
from typing import Any, NoReturn

MAX_DEPTH = 64
MAX_INTEGER = 2**63 - 1

# A string that is never closed reaches to the end: so the scan stays linear on any input.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
# An opening bracket is a step up, a closing one a step down, as signed bytes.
_STEPS = bytes.maketrans(b"[]{}", b"\x01\xff\x01\xff")
_PIECE, _BEGINNING = 4096, 16 * 1024
_LONG_DIGITS = re.compile(rb"[0-9]{19}")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class MalformedJson(ValueError):
    """The text is not JSON that this product accepts; ``code`` says why in one word.

    ``member``: the one of the outermost object that holds what is not taken, where it is known.
    """

    def __init__(self, code: str, message: str, *, member: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.member = member


def parse_json(raw: bytes, *, max_depth: int = MAX_DEPTH) -> Any:
    """The value that ``raw`` holds.

    Raises:
        MalformedJson: with the codes ``not_utf8``, ``syntax``, ``too_deep``, ``duplicate_key``,
            ``number_out_of_range`` or ``unstorable_text``. Nothing else is ever raised.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedJson("not_utf8", f"The body is not UTF-8 (byte {error.start}).") from None
    _refuse_deep_nesting(raw, max_depth)
    try:
        value = _choose_decoder(raw).decode(text)
    except json.JSONDecodeError as error:
        message = f"The body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})."
        raise MalformedJson("syntax", message) from None
    # Only an escape can make either: UTF-8 has no surrogates, and JSON no bare control characters.
    if b"\\u" in raw and any(_UNSTORABLE.search(piece) for piece in _walk_texts(value)):
        raise MalformedJson(
            "unstorable_text",
            "The body holds \\u0000 or a lone surrogate.",
            member=_find_unstorable_member(value),
        )
    return value


def _find_unstorable_member(value: Any) -> str | None:
    if not isinstance(value, dict) or any(_UNSTORABLE.search(name) for name in value):
        return None
    for name, content in value.items():
        if any(_UNSTORABLE.search(piece) for piece in _walk_texts(content)):
            return str(name)
    return None


def _refuse_deep_nesting(raw: bytes, max_depth: int) -> None:
    """Before any parser recurses. Levels are counted at the speed of C, up to the first that is too
    deep.
    """
    if raw.count(b"[") + raw.count(b"{") <= max_depth:
        return
    # Junk shows itself at its beginning; the rest is looked through for what does not.
    if _is_deep(raw[:_BEGINNING], max_depth) or _is_deep(raw, max_depth):
        detail = f"The body is nested more than {max_depth} levels deep."
        raise MalformedJson("too_deep", detail)


def _is_deep(raw: bytes, max_depth: int) -> bool:
    steps = _STRING.sub(b"", raw).translate(_STEPS, _ALL_BUT_BRACKETS)
    levels = accumulate(memoryview(steps).cast("b"))
    while piece := list(islice(levels, _PIECE)):
        if max(piece) > max_depth:
            return True
    return False


def _walk_texts(value: Any) -> Iterator[str]:
    pending = [value]
    while pending:
        current = pending.pop()
        if isinstance(current, str):
            yield current
        elif isinstance(current, dict):
            yield from current
            pending.extend(current.values())
        elif isinstance(current, list):
            pending.extend(current)


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    built = dict(pairs)
    if len(built) != len(pairs):
        raise MalformedJson("duplicate_key", "An object of the body names a key twice.")
    return built


def _build_integer(text: str) -> int:
    # The length first: int() of a megabyte of digits is slow, and fails with an error of its own.
    if len(text) <= 20 and -MAX_INTEGER <= (value := int(text)) <= MAX_INTEGER:
        return value
    raise MalformedJson("number_out_of_range", "An integer of the body does not fit into 64 bits.")


def _build_float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise MalformedJson("number_out_of_range", "A number of the body is out of range.")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedJson("syntax", f"The body holds {name}, which is not JSON.")


_build_decoder = partial(
    json.JSONDecoder,
    object_pairs_hook=_build_object,
    parse_float=_build_float,
    parse_constant=_refuse_constant,
)
_DECODER = _build_decoder()
_COUNTING_DECODER = _build_decoder(parse_int=_build_integer)


def _choose_decoder(raw: bytes) -> json.JSONDecoder:
    """Integers of fewer digits than 2**63 - 1 need no look at each: a body of nothing else is
    parsed three times as fast.
    """
    return _COUNTING_DECODER if _LONG_DIGITS.search(raw) else _DECODER

"""What of a request's headers may be kept: never what lets somebody else in."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from actions.rules.paths import InvalidPath, parse_path
from workspaces.rules.problems import FieldError

REDACTED = "[redacted]"
MAX_HEADERS = 100
MAX_VALUE_LENGTH = 1024
_SECRET_NAME = re.compile(
    "authori[sz]|auth(?!or)|cookie|token|secret|key|signature|passw|credential|session|hmac|digest"
)
# Names the delivery and is shown with it anyway.
_PUBLIC_NAME = re.compile("idempoten")


def redact_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The first hundred headers, values cut off at 1 KiB, those that may hold a secret blanked."""
    kept: dict[str, str] = {}
    for name, value in headers.items():
        if len(kept) == MAX_HEADERS:
            break
        kept[make_storable(name)] = (
            REDACTED if _names_a_secret(name) else make_storable(value[:MAX_VALUE_LENGTH])
        )
    return kept


@lru_cache(maxsize=1024)
def _names_a_secret(name: str) -> bool:
    return bool(_SECRET_NAME.search(name)) and not _PUBLIC_NAME.search(name)


def make_storable(text: str) -> str:
    """The text without what Postgres cannot hold: NUL and lone surrogates are replaced."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def check_redact(paths: Sequence[Any]) -> list[FieldError]:
    """What is wrong with a ``redact``, with pointers below ``/redact``; empty when nothing is."""
    errors = []
    for index, path in enumerate(paths):
        try:
            parse_path(path)
        except InvalidPath as error:
            errors.append(FieldError(f"/redact/{index}", "invalid_path", str(error)))
    return errors


def redact_payload(payload: Any, paths: Sequence[str]) -> Any:
    """A payload with whatever stands at the paths blanked, in each element where it is a list: of
    one that is no batch, too much goes rather than too little.
    """
    redacted = redact_paths(payload, paths)
    if not isinstance(redacted, list) or not paths:
        return redacted
    return [redact_paths(element, paths) for element in redacted]


def redact_paths(value: Any, paths: Sequence[str]) -> Any:
    """The value with whatever stands at the paths blanked; what is not there stays away."""
    for path in paths:
        value = _blank(value, parse_path(path))
    return value


def redact_mapped(
    values: dict[str, Any], mapping: Mapping[str, str] | None, paths: Sequence[str]
) -> dict[str, Any]:
    """A run's input without what ``field_mapping`` took from one of the paths."""
    hidden = [parse_path(path) for path in paths]
    targets = [
        target
        for target, source in (mapping or {}).items()
        if any(_overlaps(parse_path(source), path) for path in hidden)
    ]
    blanked: dict[str, Any] = redact_paths(values, targets)
    return blanked


def _overlaps(source: Sequence[Any], path: Sequence[Any]) -> bool:
    shorter = min(len(source), len(path))
    return list(source[:shorter]) == list(path[:shorter])


def _blank(value: Any, steps: Sequence[Any]) -> Any:
    if not steps:
        return REDACTED
    step, rest = steps[0], steps[1:]
    if isinstance(value, dict) and str(step) in value:
        return {**value, str(step): _blank(value[str(step)], rest)}
    if isinstance(value, list) and str(step).isdigit() and int(step) < len(value):
        index = int(step)
        return [*value[:index], _blank(value[index], rest), *value[index + 1 :]]
    return value

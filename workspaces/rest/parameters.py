"""Query parameters, read strictly: what is not understood is refused, never ignored."""

import datetime as dt
import re
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from rest_framework.request import Request

from workspaces.rules.ids import parse_id
from workspaces.rules.problems import NotFound, refuse_field
from workspaces.rules.times import parse_time

_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True)
class TimeRange:
    """From ``since`` (included) until ``until`` (excluded); None is open."""

    since: dt.datetime | None
    until: dt.datetime | None


def read_path_id(text: str, *, name: str) -> UUID:
    """An id from the path; ``name`` says of what, as in ``trigger``.

    Raises:
        NotFound: it is no UUID, so nothing can have it.
    """
    value = parse_id(text)
    if value is None:
        raise NotFound(f"There is no such {name}.")
    return value


def read_text(request: Request, name: str, *, max_length: int = 256) -> str | None:
    """The parameter's text; None when it is missing or empty."""
    text = request.query_params.get(name)
    if not text:
        return None
    if len(text) > max_length:
        detail = f"{name} is longer than {max_length} characters."
        raise refuse_field(f"/{name}", code="max_length", detail=detail)
    if "\x00" in text:
        raise refuse_field(f"/{name}", code="invalid", detail=f"{name} holds a null character.")
    return text


def read_uuid(request: Request, name: str) -> UUID | None:
    """A UUID, None when missing."""
    text = request.query_params.get(name)
    if text is None:
        return None
    value = parse_id(text)
    if value is None:
        raise refuse_field(f"/{name}", code="invalid_uuid", detail=f"{name} is not a UUID.")
    return value


def read_flag(request: Request, name: str) -> bool | None:
    """``true`` or ``false`` (``1`` or ``0``), None when missing."""
    text = request.query_params.get(name)
    if text is None:
        return None
    if text.lower() not in _FLAGS:
        detail = f"{name} is true or false."
        raise refuse_field(f"/{name}", code="invalid_flag", detail=detail)
    return _FLAGS[text.lower()]


def read_whole_number(request: Request, name: str, *, lowest: int, highest: int) -> int | None:
    """A whole number within the bounds, None when missing."""
    text = request.query_params.get(name)
    if text is None:
        return None
    if not _WHOLE_NUMBER.fullmatch(text) or not lowest <= int(text) <= highest:
        detail = f"{name} is a whole number from {lowest} to {highest}."
        raise refuse_field(f"/{name}", code="out_of_range", detail=detail)
    return int(text)


def read_choice(request: Request, name: str, choices: Collection[str]) -> str | None:
    """One of ``choices``, None when missing."""
    text = request.query_params.get(name)
    if text is None:
        return None
    _refuse_unknown_choice(name, text, choices)
    return text


def read_choices(request: Request, name: str, choices: Collection[str]) -> list[str]:
    """Any of ``choices``, separated by commas or given several times; empty when missing."""
    texts = [
        text for value in request.query_params.getlist(name) for text in value.split(",") if text
    ]
    for text in texts:
        _refuse_unknown_choice(name, text, choices)
    return list(dict.fromkeys(texts))


def read_time_range(request: Request) -> TimeRange:
    """``since`` and ``until``, also called ``from`` and ``to``; RFC 3339."""
    return TimeRange(
        since=read_time(request, "since", "from"),
        until=read_time(request, "until", "to"),
    )


def read_time(request: Request, *names: str) -> dt.datetime | None:
    """The RFC 3339 time under the first of these names that is given; None when none is."""
    for given in names:
        # A `+` that nobody encoded arrives as a space; no valid time has one before its offset.
        text = request.query_params.get(given)
        if text is None:
            continue
        try:
            return parse_time(_mend_plus(text))
        except ValueError as error:
            raise refuse_field(f"/{given}", code="invalid_time", detail=str(error)) from None
    return None


def _mend_plus(text: str) -> str:
    return re.sub(r" ([0-9]{2}:[0-9]{2})$", r"+\1", text) if len(text) > 19 else text


def _refuse_unknown_choice(name: str, text: str, choices: Collection[str]) -> None:
    if text not in choices:
        detail = f"{name} is one of {', '.join(choices)}."
        raise refuse_field(f"/{name}", code="invalid_choice", detail=detail)

"""One case for the doctor, as JSON has it: a request, how it should be verified, and when."""

import base64
import binascii
import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from webhooks.rules.received import ReceivedRequest
from webhooks.rules.verdicts import Fetch, Secret, Unfetched
from workspaces.rules.times import parse_time

_FIRST_MILLISECONDS = 10**11
_EXPECTED = ("audience", "service_account_email", "topic_arn")


class InvalidCase(ValueError):
    """The case cannot be examined; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``document`` is the verification; ``fetched`` stands in for the network where it is given."""

    document: dict[str, Any]
    secrets: list[Secret]
    request: ReceivedRequest
    now: dt.datetime
    fetch: Fetch


def read_case(case: Any, *, now: dt.datetime, fetch: Fetch) -> Case:
    """The case; ``now`` and ``fetch`` where it does not bring its own.

    Raises:
        InvalidCase: it is no case.
    """
    if not isinstance(case, Mapping):
        raise InvalidCase("A case is a JSON object.")
    return Case(
        document=_read_document(case),
        secrets=_read_secrets(case),
        request=_read_request(case),
        now=_read_now(case.get("now"), now),
        fetch=_read_fetch(case.get("fetched"), fetch),
    )


def _read_document(case: Mapping[str, Any]) -> dict[str, Any]:
    stated = case.get("verification")
    if stated is not None and not isinstance(stated, Mapping):
        raise InvalidCase("`verification` is an object.")
    document = dict(stated or {})
    if case.get("preset") is not None:
        document.setdefault("preset", case["preset"])
    for name in ("tolerance_seconds", "verify_token"):
        if case.get(name) is not None:
            document[name] = case[name]
    expected = case.get("expect")
    if isinstance(expected, Mapping):
        document |= {name: expected[name] for name in _EXPECTED if expected.get(name) is not None}
    return document


def _read_secrets(case: Mapping[str, Any]) -> list[Secret]:
    stated = case.get("secrets")
    if stated is None:
        stated = case.get("secret")
    listed = stated if isinstance(stated, list) else [stated]
    return [_read_secret(index, item) for index, item in enumerate(listed) if item is not None]


def _read_secret(index: int, item: Any) -> Secret:
    expires_at = None
    if isinstance(item, Mapping):
        expires_at = _read_moment(item.get("expires_at"))
        if "username" in item:
            item = f"{item['username']}:{item.get('password', '')}"
        else:
            item = item.get("secret", item.get("value"))
    if not isinstance(item, str):
        raise InvalidCase("A secret is a text.")
    return Secret(UUID(int=index), item.encode("utf-8", "surrogatepass"), expires_at)


def _read_request(case: Mapping[str, Any]) -> ReceivedRequest:
    method, url = case.get("method") or "POST", case.get("url") or ""
    if not isinstance(method, str) or not isinstance(url, str):
        raise InvalidCase("`method` and `url` are texts.")
    body = _read_body(case)
    try:
        parts = urlsplit(url)
        path, query = parts.path, parts.query
    except ValueError:
        path, _, query = url.partition("?")
    return ReceivedRequest(
        method=method,
        path=path,
        query=query,
        url=url,
        headers=_read_headers(case.get("headers")),
        body=body,
        size=len(body),
    )


def _read_body(case: Mapping[str, Any]) -> bytes:
    if case.get("body_base64") is not None:
        try:
            return base64.b64decode(case["body_base64"], validate=True)
        except (binascii.Error, ValueError, TypeError):
            raise InvalidCase("`body_base64` is not base64.") from None
    body = case.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise InvalidCase("`body` is a text.")
    return body.encode("utf-8", "surrogatepass")


def _read_headers(stated: Any) -> dict[str, str]:
    """Names in lower case; what comes twice is joined with a comma, as servers do."""
    headers: dict[str, str] = {}
    for name, value in _list_headers(stated):
        key = str(name).lower()
        headers[key] = f"{headers[key]},{value}" if key in headers else value
    return headers


def _list_headers(stated: Any) -> Iterable[tuple[str, str]]:
    if stated is None:
        return
    pairs = stated.items() if isinstance(stated, Mapping) else stated
    if not isinstance(stated, Mapping | list):
        raise InvalidCase("`headers` is an object, or a list of pairs.")
    for pair in pairs:
        if isinstance(pair, Mapping):
            pair = (pair.get("name"), pair.get("value"))  # noqa: PLW2901 - one shape for both
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise InvalidCase("A header is a name and a value.")
        for value in pair[1] if isinstance(pair[1], list) else [pair[1]]:
            if value is not None:
                yield str(pair[0]), str(value)


def _read_now(stated: Any, now: dt.datetime) -> dt.datetime:
    return _read_moment(stated) or now


def _read_moment(stated: Any) -> dt.datetime | None:
    if stated is None:
        return None
    try:
        if isinstance(stated, str) and not stated.replace(".", "", 1).isdigit():
            return parse_time(stated)
        if isinstance(stated, bool):
            raise ValueError("true is no time")
        number = float(stated)
        seconds = number / 1000 if number >= _FIRST_MILLISECONDS else number
        return dt.datetime.fromtimestamp(seconds, dt.UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        raise InvalidCase("A time is unix seconds or RFC 3339.") from None


def _read_fetch(fetched: Any, fetch: Fetch) -> Fetch:
    if not isinstance(fetched, Mapping):
        return fetch

    def find(url: str) -> bytes:
        if url not in fetched:
            raise Unfetched(url)
        body = fetched[url]
        return (body if isinstance(body, str) else json.dumps(body)).encode()

    return find

"""Lists: bounded pages, newest first, by offset or by cursor."""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from workspaces.rest.parameters import read_flag, read_whole_number
from workspaces.rules.problems import refuse_field

DEFAULT_LIMIT = 10
_MAX_OFFSET = 2**31 - 1
# Pages further down by offset read all that lies above them anyway.
_MAX_WINDOW_OFFSET = 1000

# Filters to try one after the other, each wider, for the rows behind an id (None: the newest ones).
Windows = Callable[[UUID | None], Iterable[Mapping[str, UUID]]]


@dataclass(frozen=True)
class PageRequest:
    """What the query parameters ask for; never both an ``offset`` and a row to start ``after``."""

    limit: int
    offset: int
    after: UUID | None
    has_total: bool


def paginate(
    request: Request,
    queryset: QuerySet[Any],
    *,
    render_page: Callable[[list[Any]], list[dict[str, Any]]],
    max_limit: int,
    windows: Windows | None = None,
) -> Response:
    """One page of ``queryset`` in the list envelope: one query, and one more for ``total``.

    With ``windows``, rows are looked for within those first: a partitioned table is planned and
    read a few partitions at a time, and whole only for a page that these cannot fill.

    Orders by ``-id`` whatever the queryset's own order: ids are UUIDs of version 7, so the newest
    come first, and a cursor stays stable while rows are inserted.

    Raises:
        Unprocessable: a parameter is out of range, or both ways of paging are asked for at once.
    """
    page = read_page_request(request, max_limit=max_limit)
    ordered = queryset.order_by("-id")
    if page.after is not None:
        ordered = ordered.filter(id__lt=page.after)
    rows = _read_rows(ordered, page, windows)
    has_more = len(rows) > page.limit
    del rows[page.limit :]
    is_by_offset = page.after is None
    return Response(
        {
            "items": render_page(rows),
            "has_more": has_more,
            "continuation_token": page.offset + page.limit if has_more and is_by_offset else None,
            "next_cursor": encode_cursor(rows[-1].id) if has_more else None,
            "total": queryset.order_by().count() if page.has_total else None,
        }
    )


def _read_rows(ordered: QuerySet[Any], page: PageRequest, windows: Windows | None) -> list[Any]:
    """One row more than asked for, which says whether there is a next page."""
    end = page.offset + page.limit + 1
    if windows is not None and page.offset <= _MAX_WINDOW_OFFSET:
        for bounds in windows(page.after):
            rows = list(ordered.filter(**bounds)[page.offset : end])
            if len(rows) > page.limit:
                return rows
    return list(ordered[page.offset : end])


def read_page_request(request: Request, *, max_limit: int) -> PageRequest:
    """``limit``, ``continuation_token``, ``cursor`` and ``include_total``, checked.

    Raises:
        Unprocessable: one of them is out of range or unreadable.
    """
    limit = read_whole_number(request, "limit", lowest=1, highest=max_limit)
    offset = read_whole_number(request, "continuation_token", lowest=0, highest=_MAX_OFFSET)
    cursor = request.query_params.get("cursor")
    if cursor is not None and offset is not None:
        detail = "Page by cursor or by continuation_token, not by both."
        raise refuse_field("/cursor", code="ambiguous", detail=detail)
    return PageRequest(
        limit=min(DEFAULT_LIMIT, max_limit) if limit is None else limit,
        offset=offset or 0,
        after=None if cursor is None else decode_cursor(cursor),
        has_total=read_flag(request, "include_total") or False,
    )


def encode_cursor(last_id: UUID) -> str:
    """The opaque text that continues after the row ``last_id``."""
    return base64.urlsafe_b64encode(last_id.bytes).rstrip(b"=").decode()


def decode_cursor(cursor: str) -> UUID:
    """The row after which to continue.

    Raises:
        Unprocessable: no list ever gave this cursor.
    """
    try:
        last_id = UUID(bytes=base64.b64decode(f"{cursor}==", altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        last_id = None
    if last_id is None or encode_cursor(last_id) != cursor:
        detail = "This cursor was not given by this API; take next_cursor as it is."
        raise refuse_field("/cursor", code="invalid_cursor", detail=detail)
    return last_id

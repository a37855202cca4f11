"""A request as the ledger keeps it, whole, to be verified or replayed later: one run of bytes,
which is encrypted before it is stored.
"""

import json

from webhooks.rules.received import ReceivedRequest, build_url

_VERSION = 1


class NotSealed(ValueError):
    """These bytes were not made by :func:`seal_request`."""


def seal_request(request: ReceivedRequest) -> bytes:
    """Method, path, query, headers and body. An oversized request has no body to keep."""
    head = {
        "version": _VERSION,
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "headers": dict(request.headers),
        "size": request.size,
    }
    # The body follows as it came: most of the bytes are not encoded a second time.
    return json.dumps(head, separators=(",", ":")).encode() + b"\n" + request.body


def open_request(sealed: bytes, *, public_url: str) -> ReceivedRequest:
    """The request again, byte for byte, at our address as it is now.

    Raises:
        NotSealed: something else was stored there.
    """
    head, newline, body = sealed.partition(b"\n")
    try:
        fields = json.loads(head)
        if not newline or fields.pop("version") != _VERSION:
            raise NotSealed
        url = build_url(public_url, fields["path"], fields["query"])
        return ReceivedRequest(**fields, url=url, body=body)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise NotSealed("This is no stored request.") from None

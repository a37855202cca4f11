"""Vendors' certificates, fetched from the vendors' own addresses alone, and kept for an hour."""

import threading
import time

import httpx

from webhooks.rules.certificates import GOOGLE_CERTIFICATES_URL, is_sns_url
from webhooks.rules.verdicts import Unfetched

KEPT_SECONDS = 3600
MAX_BYTES = 64 * 1024
MAX_KEPT = 100
_TIMEOUT_SECONDS = 5
_kept: dict[str, tuple[float, bytes]] = {}
_lock = threading.Lock()


def fetch_certificate(url: str) -> bytes:
    """The body at a URL of Google's certificates or of Amazon SNS; never follows a redirect.

    Raises:
        Unfetched: another URL, or no good answer.
    """
    if url != GOOGLE_CERTIFICATES_URL and not is_sns_url(url):
        raise Unfetched(url)
    now = time.monotonic()
    with _lock:
        kept = _kept.get(url)
    if kept is not None and kept[0] > now:
        return kept[1]
    body = _download(url)
    with _lock:
        if len(_kept) >= MAX_KEPT:
            _kept.clear()
        _kept[url] = (now + KEPT_SECONDS, body)
    return body


def _download(url: str) -> bytes:
    try:
        with httpx.stream("GET", url, timeout=_TIMEOUT_SECONDS, follow_redirects=False) as answer:
            if answer.status_code != httpx.codes.OK:
                raise Unfetched(url)
            body = b""
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > MAX_BYTES:
                    raise Unfetched(url)
            return body
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unfetched(url) from error

"""What an HTTP answer means for a run: success, worth another try, or not."""

import datetime as dt
import re
from collections.abc import Iterable
from email.utils import parsedate_to_datetime

DEFAULT_SUCCESS: tuple[str, ...] = ("2xx",)
_WORTH_A_RETRY = {408, 425, 429}
_MAX_RETRY_AFTER_SECONDS = 86_400.0
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)


def is_success(status: int, *, success_statuses: Iterable[int | str]) -> bool:
    """Is the status one of these: numbers, numbers as text, or classes such as ``2xx``."""
    names = {str(status), f"{status // 100}xx"}
    return any(str(wanted).lower() in names for wanted in success_statuses)


def is_retryable(status: int) -> bool:
    """May the same request succeed later: the target was busy, slow or broken."""
    return status in _WORTH_A_RETRY or 500 <= status <= 599


def parse_retry_after(text: str | None, *, now: dt.datetime) -> float | None:
    """Seconds that a ``Retry-After`` asks for, in either of its forms, at most a day; None when it
    says nothing.
    """
    text = (text or "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), _MAX_RETRY_AFTER_SECONDS)
    try:
        instant = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if instant.tzinfo is None:
        # RFC 9110: an HTTP date is in UTC whatever it says.
        instant = instant.replace(tzinfo=dt.UTC)
    return min(max(0.0, (instant - now).total_seconds()), _MAX_RETRY_AFTER_SECONDS)

"""What of a request's headers may be kept: never what lets somebody else in."""

import re
from collections.abc import Mapping

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
        is_secret = _SECRET_NAME.search(name) and not _PUBLIC_NAME.search(name)
        kept[make_storable(name)] = (
            REDACTED if is_secret else make_storable(value[:MAX_VALUE_LENGTH])
        )
    return kept


def make_storable(text: str) -> str:
    """The text without what Postgres cannot hold: NUL and lone surrogates are replaced."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()

"""What verification is asked with, and what it answers."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

# A destination has two secrets while a rotation overlaps; a third slot shows who still signs with
# an expired one.
MAX_SECRETS = 3

# Gives the body at a URL, which is one of a vendor's own; raises ``Unfetched``.
Fetch = Callable[[str], bytes]


class Unfetched(Exception):
    """A certificate could not be had: nothing can be verified with it."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A key that may have signed; ``value`` is the text as it was given.

    ``is_digest``: only its SHA-256 is kept, which is enough to compare a token with.
    """

    id: UUID
    value: bytes = field(repr=False)
    expires_at: dt.datetime | None = None
    is_digest: bool = False

    def is_expired(self, now: dt.datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True)
class Verdict:
    """``cause`` tells the owner why a request is not valid; the caller never learns it.

    It is one of ``config_invalid``, ``signature_missing``, ``timestamp_malformed``,
    ``signature_mismatch``, ``token_mismatch``, ``secret_expired``, ``timestamp_stale``,
    ``internal``. ``detail`` adds a sentence where the cause alone would not help.
    """

    valid: bool
    cause: str | None = None
    secret_id: UUID | None = None
    timestamp: dt.datetime | None = None
    detail: str | None = None


def choose_secrets(secrets: Sequence[Secret], now: dt.datetime) -> list[Secret]:
    """The unexpired ones first; the order within each group stays the caller's, newest first."""
    return sorted(secrets, key=lambda secret: secret.is_expired(now))[:MAX_SECRETS]

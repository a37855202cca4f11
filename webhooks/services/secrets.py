"""A destination's secrets: made, encrypted, and read for verifying."""

import base64
import datetime as dt
import secrets as randomness
from functools import lru_cache
from uuid import UUID

from webhooks.models import DestinationSecret
from webhooks.rules.verification_checks import check_secret
from workspaces.rules.problems import Unprocessable
from workspaces.services import decrypt_secret, encrypt_secret

PREFIX = "whsec_"
HINT_LENGTH = 4


class SecretRefused(Unprocessable):
    """The secret that the caller gave is too short or too long."""


def choose_secret(given: str | None) -> str:
    """The caller's own secret, else a new one: ``whsec_`` and base64 of 32 random bytes.

    Raises:
        SecretRefused: the given one does not do.
    """
    if given is None:
        return PREFIX + base64.b64encode(randomness.token_bytes(32)).decode()
    error = check_secret(given)
    if error is not None:
        raise SecretRefused(error.detail, errors=[error])
    return given


def add_secret(destination_id: UUID, secret: str) -> DestinationSecret:
    """Store a secret, encrypted, as the destination's newest."""
    return DestinationSecret.objects.create(
        destination_id=destination_id,
        ciphertext=encrypt_secret(secret),
        hint=secret[-HINT_LENGTH:],
    )


@lru_cache(maxsize=1024)
def read_secret(ciphertext: bytes) -> bytes:
    """The HMAC's key: the UTF-8 of the whole secret, prefix included. Kept: each delivery asks.

    Raises:
        SecretUnreadable: none of the configured keys decrypts it.
    """
    return decrypt_secret(ciphertext)


def note_use(secret_id: UUID, *, now: dt.datetime) -> None:
    """Remember that a request was signed with this secret."""
    DestinationSecret.objects.filter(id=secret_id).update(last_used_at=now)

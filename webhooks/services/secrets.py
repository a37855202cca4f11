"""A destination's secrets: made, encrypted, and read for verifying."""

import base64
import datetime as dt
import hashlib
import secrets as randomness
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db.models import Q

from webhooks.models import Delivery, DestinationSecret
from webhooks.providers import build_config, find_provider
from webhooks.rules.signature import Secret
from webhooks.rules.verification import TOKEN_SCHEMES
from webhooks.rules.verification_checks import check_secret, list_secret_warnings
from workspaces.rules.problems import FieldError, Unprocessable
from workspaces.services import SealedColumn, decrypt_secret, encrypt_secret

PREFIX = "whsec_"
HINT_LENGTH = 4
USE_IS_NOTED_EVERY = dt.timedelta(minutes=1)
# What only the sender can make.
_GIVEN_SCHEMES = ("basic", "ed25519", "ecdsa_p256")
# What stands before the SHA-256 of a token, which is all that is kept of it.
_DIGEST_MARK = b"\x00sha256:"


class SecretRefused(Unprocessable):
    """The secret is missing, too short or too long, or it is none of its scheme."""


def choose_secret(given: str | None, verification: Mapping[str, Any]) -> str:
    """The caller's own secret, else a new one: ``whsec_`` and base64 of 32 random bytes.

    ``verification`` is the checked document of the destination.

    Raises:
        SecretRefused: the given one does not do.
    """
    config = build_config(verification)
    if given is None:
        if config.scheme in _GIVEN_SCHEMES:
            detail = "The sender's own key or user:password is needed here."
            raise SecretRefused(detail, errors=[FieldError("/secret", "required", detail)])
        return PREFIX + base64.b64encode(randomness.token_bytes(32)).decode()
    is_chosen_elsewhere = find_provider(verification).is_secret_chosen_elsewhere
    error = check_secret(given, config, is_chosen_elsewhere=is_chosen_elsewhere)
    if error is not None:
        raise SecretRefused(error.detail, errors=[error])
    return given


def warn_of_secret(secret: str, verification: Mapping[str, Any]) -> list[str]:
    """What to tell whoever has just stored this secret, in sentences; mostly nothing."""
    return list_secret_warnings(secret, build_config(verification))


def add_secret(
    destination_id: UUID, secret: str, verification: Mapping[str, Any]
) -> DestinationSecret:
    """Store a secret, encrypted, as the destination's newest; of a token only its SHA-256."""
    kept = secret.encode()
    if build_config(verification).scheme in TOKEN_SCHEMES:
        kept = _DIGEST_MARK + hashlib.sha256(kept).hexdigest().encode()
    return DestinationSecret.objects.create(
        destination_id=destination_id,
        ciphertext=encrypt_secret(kept),
        hint=secret[-HINT_LENGTH:],
    )


@lru_cache(maxsize=1024)
def read_secret(ciphertext: bytes) -> bytes:
    """The HMAC's key: the UTF-8 of the whole secret, prefix included. Kept: each delivery asks.

    Raises:
        SecretUnreadable: none of the configured keys decrypts it.
    """
    return decrypt_secret(ciphertext)


def open_secret(secret_id: UUID, kept: bytes, expires_at: dt.datetime | None) -> Secret:
    """The secret as the rules compare with it."""
    if not kept.startswith(_DIGEST_MARK):
        return Secret(secret_id, kept, expires_at)
    digest = bytes.fromhex(kept.removeprefix(_DIGEST_MARK).decode())
    return Secret(secret_id, digest, expires_at, is_digest=True)


def note_use(secret_id: UUID, *, now: dt.datetime) -> None:
    """Remember that a request was signed with this secret, to the minute."""
    # Many requests find the same old note: the first of them writes the next one.
    stale = Q(last_used_at=None) | Q(last_used_at__lte=now - USE_IS_NOTED_EVERY)
    DestinationSecret.objects.filter(stale, id=secret_id).update(last_used_at=now)


def list_sealed_columns() -> list[SealedColumn]:
    """Where this room keeps what is encrypted: secrets, and requests as they came."""
    return [
        SealedColumn("destination secrets", DestinationSecret.objects.all(), "ciphertext"),
        SealedColumn("deliveries", Delivery.objects.all(), "body"),
    ]

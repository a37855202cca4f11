"""Secrets at rest: the first of ``CLOCKHOOK_ENCRYPTION_KEYS`` encrypts, any of them decrypts."""

from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from workspaces.rules.problems import InternalError


class SecretUnreadable(InternalError):
    """None of the configured keys decrypts this secret."""


@lru_cache(maxsize=4)
def _build_cipher(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def _read_cipher() -> MultiFernet:
    return _build_cipher(tuple(settings.CLOCKHOOK_ENCRYPTION_KEYS))


def encrypt_secret(plain: bytes | str) -> bytes:
    """What to store in place of ``plain``."""
    return _read_cipher().encrypt(plain.encode() if isinstance(plain, str) else plain)


def decrypt_secret(cipher: bytes | memoryview) -> bytes:
    """The secret again.

    Raises:
        SecretUnreadable: it was altered, or its key is no longer configured.
    """
    try:
        return _read_cipher().decrypt(bytes(cipher))
    except InvalidToken:
        raise SecretUnreadable(
            "A stored secret cannot be decrypted with the configured keys."
        ) from None

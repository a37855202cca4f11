"""Secrets at rest: the first of ``CLOCKHOOK_ENCRYPTION_KEYS`` encrypts, any of them decrypts.

What is stored is ``k1:<key id>:<Fernet token>``: the id says which key opens it, so that one can
tell what still needs an old key. Tokens without an id, of older releases, are read too.
"""

import hashlib
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

from workspaces.rules.problems import InternalError

_MARK = b"k1:"
_ID_LENGTH = 8
# How much of a stored secret says which key it is under.
KEY_PREFIX_LENGTH = len(_MARK) + _ID_LENGTH + 1


class SecretUnreadable(InternalError):
    """None of the configured keys decrypts this secret."""


def encrypt_secret(plain: bytes | str) -> bytes:
    """What to store in place of ``plain``."""
    key_id, cipher = next(iter(_read_ciphers().items()))
    return (
        _MARK + key_id + b":" + cipher.encrypt(plain.encode() if isinstance(plain, str) else plain)
    )


def decrypt_secret(cipher: bytes | memoryview) -> bytes:
    """The secret again.

    Raises:
        SecretUnreadable: it was altered, or its key is no longer configured.
    """
    key_id, token = _split(bytes(cipher))
    ciphers = _read_ciphers()
    candidates = ciphers.values() if key_id is None else filter(None, [ciphers.get(key_id)])
    for candidate in candidates:
        try:
            return candidate.decrypt(token)
        except InvalidToken:
            continue
    raise SecretUnreadable("A stored secret cannot be decrypted with the configured keys.")


def read_key_id(cipher: bytes | memoryview) -> str | None:
    """The id of the key that encrypted it; None where it is not written down."""
    key_id, _ = _split(bytes(cipher))
    return None if key_id is None else key_id.decode("ascii", "replace")


def list_key_ids() -> list[str]:
    """The ids of the configured keys; the first one's key encrypts."""
    return [key_id.decode() for key_id in _read_ciphers()]


def current_key_prefix() -> bytes:
    """What everything begins with that the first key has encrypted."""
    return _MARK + next(iter(_read_ciphers())) + b":"


def _split(cipher: bytes) -> tuple[bytes | None, bytes]:
    if not cipher.startswith(_MARK):
        return None, cipher
    return cipher[len(_MARK) : KEY_PREFIX_LENGTH - 1], cipher[KEY_PREFIX_LENGTH:]


@lru_cache(maxsize=4)
def _build_ciphers(keys: tuple[str, ...]) -> dict[bytes, Fernet]:
    return {_name_key(key): Fernet(key) for key in keys}


def _name_key(key: str) -> bytes:
    """From a hash: of 256 random bits, eight digits of it give nothing away."""
    digest = hashlib.sha256(b"clockhook key id:" + key.encode()).hexdigest()
    return digest[:_ID_LENGTH].encode()


def _read_ciphers() -> dict[bytes, Fernet]:
    return _build_ciphers(tuple(settings.CLOCKHOOK_ENCRYPTION_KEYS))

"""From the text of a secret to the key that a scheme checks with."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

from webhooks.rules.encodings import (
    DIGEST_SIZES,
    decode_loose_hex,
    decode_unpadded_base64,
)

SECRET_ENCODINGS = ("utf8", "base64", "hex", "spki")
# Standard Webhooks: a public key instead of a shared secret.
PUBLIC_PREFIX = "whpk_"
_ED25519_SIZE = 32
_ED25519_SPKI_PREFIX = bytes.fromhex("302a300506032b6570032100")


class Key(Protocol):
    """Checks signatures of one kind."""

    def matches(self, messages: Sequence[bytes], signatures: Sequence[bytes]) -> bool:
        """Is one of the signatures one of one of the messages? Always all of them are tried."""
        ...


@dataclass(frozen=True, slots=True)
class HmacKey:
    """A shared secret."""

    value: bytes = field(repr=False)
    algorithm: str

    def matches(self, messages: Sequence[bytes], signatures: Sequence[bytes]) -> bool:
        found = False
        for message in messages:
            digest = hmac.digest(self.value, message, self.algorithm)
            for signature in signatures:
                found |= hmac.compare_digest(digest, signature)
        return found


@dataclass(frozen=True, slots=True)
class Ed25519Key:
    """The sender's public key."""

    value: ed25519.Ed25519PublicKey

    def matches(self, messages: Sequence[bytes], signatures: Sequence[bytes]) -> bool:
        found = False
        for message in messages:
            for signature in signatures:
                found |= self._matches(message, signature)
        return found

    def _matches(self, message: bytes, signature: bytes) -> bool:
        try:
            self.value.verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class EcdsaKey:
    """The sender's public key on the curve P-256, with SHA-256."""

    value: ec.EllipticCurvePublicKey

    def matches(self, messages: Sequence[bytes], signatures: Sequence[bytes]) -> bool:
        found = False
        for message in messages:
            for signature in signatures:
                found |= self._matches(message, signature)
        return found

    def _matches(self, message: bytes, signature: bytes) -> bool:
        try:
            self.value.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True


@lru_cache(maxsize=1024)
def read_key(
    secret: bytes, *, scheme: str, algorithm: str, encoding: str, prefix: str
) -> Key | None:
    """The key that a secret stands for; None when it cannot be one."""
    if scheme == "hmac":
        value = decode_secret(secret, encoding=encoding, prefix=prefix)
        # Nobody keeps an empty key secret.
        return HmacKey(value, algorithm) if value and algorithm in DIGEST_SIZES else None
    try:
        text = secret.decode("ascii").strip().removeprefix(prefix)
        return _read_ed25519(text, encoding) if scheme == "ed25519" else _read_ecdsa(text)
    except (ValueError, UnsupportedAlgorithm):
        return None


def decode_secret(secret: bytes, *, encoding: str, prefix: str = "") -> bytes | None:
    """The bytes of a shared secret's text; None when it is not written as it should be."""
    value = secret.removeprefix(prefix.encode())
    if encoding == "utf8":
        return value
    try:
        text = value.decode("ascii")
    except UnicodeDecodeError:
        return None
    return decode_loose_hex(text) if encoding == "hex" else decode_unpadded_base64(text)


def _read_ed25519(text: str, encoding: str) -> Key | None:
    raw = decode_loose_hex(text) if encoding == "hex" else decode_unpadded_base64(text)
    if raw is not None and raw.startswith(_ED25519_SPKI_PREFIX):
        raw = raw.removeprefix(_ED25519_SPKI_PREFIX)
    if raw is None or len(raw) != _ED25519_SIZE:
        return None
    return Ed25519Key(ed25519.Ed25519PublicKey.from_public_bytes(raw))


def _read_ecdsa(text: str) -> Key | None:
    """Base64 of the DER SubjectPublicKeyInfo, or the same as PEM."""
    if text.startswith("-----"):
        key = load_pem_public_key(text.encode())
    else:
        der = decode_unpadded_base64("".join(text.split()))
        if der is None:
            return None
        key = load_der_public_key(der)
    is_p256 = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    return EcdsaKey(key) if isinstance(key, ec.EllipticCurvePublicKey) and is_p256 else None

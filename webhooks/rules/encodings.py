"""Strict decoders: a text that is not exactly one encoded value is None, never nearly one."""

import base64
import binascii
import re

DIGEST_SIZES = {"sha256": 32, "sha384": 48, "sha512": 64, "sha1": 20, "md5": 16}
ENCODINGS = ("hex", "base64", "base64url")
_HEX = re.compile(r"(?:[0-9a-f]{2})+", re.ASCII)
_ANY_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+", re.ASCII)
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}", re.ASCII)
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+={0,2}", re.ASCII)


def decode_text(text: str, encoding: str) -> bytes | None:
    """The bytes of a signature in lowercase hex, padded base64, or base64url (padding optional)."""
    if encoding == "hex":
        return bytes.fromhex(text) if _HEX.fullmatch(text) else None
    if encoding == "base64":
        return _decode_base64(text)
    if _BASE64URL.fullmatch(text) is None:
        return None
    body = text.rstrip("=")
    decoded = _decode_base64(pad(body.replace("-", "+").replace("_", "/")))
    # Padding may be missing, but not half of it.
    return decoded if text in {body, pad(body)} else None


def decode_loose_hex(text: str) -> bytes | None:
    """Hex in either case: for keys, which people paste."""
    return bytes.fromhex(text) if _ANY_HEX.fullmatch(text) else None


def decode_unpadded_base64(text: str) -> bytes | None:
    """Base64 whose padding may be missing: for secrets, as vendors show them."""
    return _decode_base64(pad(text.rstrip("=")))


def pad(text: str) -> str:
    """Base64 text with as many ``=`` as its length asks for."""
    return text + "=" * (-len(text) % 4)


def _decode_base64(text: str) -> bytes | None:
    if _BASE64.fullmatch(text) is None:
        return None
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    # Bits beyond the last byte are zero in what an encoder writes: one text for one value.
    return decoded if base64.b64encode(decoded).decode() == text else None

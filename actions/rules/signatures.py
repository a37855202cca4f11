"""Signatures of what we send: Standard Webhooks (https://www.standardwebhooks.com), version v1."""

import base64
import binascii
import hashlib
import hmac

_PREFIX = "whsec_"


def decode_signing_secret(text: str) -> bytes:
    """The key of a ``whsec_…`` secret: base64 of 24 to 64 bytes, as the specification asks.

    Raises:
        ValueError: not such a secret; the message does not repeat it.
    """
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(_PREFIX) or not 24 <= len(key) <= 64:
        raise ValueError('Must be "whsec_" and the base64 of 24 to 64 random bytes.')
    return key


def sign_message(key: bytes, *, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers that prove ``body``: its receiver recomputes the signature with the same
    key.
    """
    signed = b".".join([message_id.encode(), str(timestamp).encode(), body])
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }

"""How a sender signs: written anew from the contract, as an oracle for what verifies."""

import hashlib
import hmac


def sign_body(secret: str, body: bytes) -> str:
    """The signature of a sender without a clock."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def sign_stamped(secret: str, body: bytes, timestamp: str) -> str:
    """The signature that goes with ``x-amigo-request-timestamp``."""
    return hmac.new(
        secret.encode(), b"v1:" + timestamp.encode() + b":" + body, hashlib.sha256
    ).hexdigest()


def build_headers(
    secret: str, body: bytes, *, timestamp: str | None = None, key: str | None = None
) -> dict[str, str]:
    """All headers of a good request."""
    headers = {
        "x-amigo-request-signature": sign_body(secret, body)
        if timestamp is None
        else sign_stamped(secret, body, timestamp)
    }
    if timestamp is not None:
        headers["x-amigo-request-timestamp"] = timestamp
    if key is not None:
        headers["x-amigo-idempotent-key"] = key
    return headers

"""Secrets that come along with the request: a token, or a user with a password."""

import datetime as dt
import hashlib
import hmac

from webhooks.rules.encodings import decode_text
from webhooks.rules.sources import HEADER, Parts
from webhooks.rules.verdicts import MAX_SECRETS, Secret, Verdict
from webhooks.rules.verification import VerificationConfig

_AUTHORIZATION = "authorization"


def verify_token(
    parts: Parts, config: VerificationConfig, tried: list[Secret], now: dt.datetime
) -> Verdict:
    """Is the value at the signature's source one of the secrets?"""
    text = parts.read(config.signature)
    if text is None:
        return _judge(None, tried, now)
    value = text.removeprefix(config.optional_prefix)
    if config.signature is not None and config.signature.kind == HEADER:
        value = _strip_bearer(parts, config, value)
    return _judge(value.encode("utf-8", "surrogatepass"), tried, now)


def verify_basic(
    parts: Parts, config: VerificationConfig, tried: list[Secret], now: dt.datetime
) -> Verdict:
    """Does ``Authorization: Basic`` hold one of the secrets, each ``user:password``?"""
    text = parts.request.headers.get(_AUTHORIZATION)
    if not text:
        return _judge(None, tried, now)
    word, _, rest = text.partition(" ")
    decoded = decode_text(rest.strip(), "base64") if word.lower() == "basic" else None
    return _judge(decoded or b"", tried, now)


def _strip_bearer(parts: Parts, config: VerificationConfig, value: str) -> str:
    """A token in ``Authorization`` follows the word ``Bearer``; elsewhere the value is all."""
    names = () if config.signature is None else config.signature.names
    found = next((name for name in names if name in parts.request.headers), None)
    word, space, rest = value.partition(" ")
    return rest if found == _AUTHORIZATION and space and word.lower() == "bearer" else value


def _judge(given: bytes | None, tried: list[Secret], now: dt.datetime) -> Verdict:
    signer = _find_owner(given or b"", tried)
    checks = (
        ("config_invalid", not any(secret.value for secret in tried)),
        ("signature_missing", not given),
        ("token_mismatch", signer is None),
        ("secret_expired", signer is not None and signer.is_expired(now)),
    )
    cause = next((cause for cause, is_wrong in checks if is_wrong), None)
    if cause is not None or signer is None:
        return Verdict(valid=False, cause=cause)
    return Verdict(valid=True, secret_id=signer.id)


def _find_owner(given: bytes, tried: list[Secret]) -> Secret | None:
    owner = None
    digest = hashlib.sha256(given).digest()
    for slot in range(MAX_SECRETS):
        secret = tried[slot] if slot < len(tried) else None
        is_equal = hmac.compare_digest(digest, _digest_secret(secret))
        if is_equal and secret is not None and secret.value and owner is None:
            owner = secret
    return owner


def _digest_secret(secret: Secret | None) -> bytes:
    if secret is not None and secret.is_digest:
        return secret.value
    return hashlib.sha256(b"" if secret is None else secret.value).digest()

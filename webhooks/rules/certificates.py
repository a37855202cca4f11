"""Senders that sign with a certificate of their own: Amazon SNS, and Google's identity tokens."""

import datetime as dt
import json
import re
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from actions.rules.paths import MISSING
from webhooks.rules.encodings import decode_text
from webhooks.rules.sources import Parts
from webhooks.rules.verdicts import Fetch, Verdict
from webhooks.rules.verification import VerificationConfig
from workspaces.rules.json_text import MalformedJson, parse_json

GOOGLE_CERTIFICATES_URL = "https://www.googleapis.com/oauth2/v1/certs"
_GOOGLE_ISSUERS = ("accounts.google.com", "https://accounts.google.com")
_SNS_HOST = re.compile(r"sns\.[a-z]{2}(?:-[a-z0-9]+)+\.amazonaws\.com(?:\.cn)?", re.ASCII)
_SNS_DIGESTS = {"1": hashes.SHA1, "2": hashes.SHA256}
_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = (
    "Message",
    "MessageId",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
)
SNS_FIELDS = {
    "Notification": _NOTIFICATION,
    "SubscriptionConfirmation": _CONFIRMATION,
    "UnsubscribeConfirmation": _CONFIRMATION,
}
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_MAX_TOKEN_LENGTH = 8192
# How far a sender's clock may be ahead when it issues a token.
_ISSUED_AHEAD_SECONDS = 60
# The claims that are times, and what stands for a missing one.
_TIMES: dict[str, int | None] = {"exp": None, "iat": 0, "nbf": 0}


def is_sns_url(url: str) -> bool:
    """Does Amazon SNS itself answer at this URL?"""
    try:
        parts = urlsplit(url)
        is_usual = parts.port in {None, 443} and parts.username is None and not parts.fragment
    except ValueError:
        return False
    is_plain = url.isascii() and not re.search(r"[\s\\@\x00-\x20\x7f]", url)
    host = parts.netloc.removesuffix(":443")
    return (
        parts.scheme == "https" and is_usual and is_plain and _SNS_HOST.fullmatch(host) is not None
    )


def verify_sns(parts: Parts, config: VerificationConfig, fetch: Fetch) -> Verdict:
    """Is the body a message that Amazon SNS signed, of a topic that is expected?"""
    payload = parts.payload
    if payload is MISSING or not isinstance(payload, dict) or not payload.get("Signature"):
        return Verdict(valid=False, cause="signature_missing")
    message, signature = _build_sns_message(payload), payload["Signature"]
    digest = _SNS_DIGESTS.get(str(payload.get("SignatureVersion")))
    decoded = decode_text(signature, "base64") if isinstance(signature, str) else None
    url = payload.get("SigningCertURL") or payload.get("SigningCertUrl")
    if message is None or digest is None or decoded is None:
        return Verdict(valid=False, cause="signature_mismatch")
    if not isinstance(url, str) or not is_sns_url(url) or not _is_certificate_path(url):
        detail = "The certificate is not at sns.<region>.amazonaws.com."
        return Verdict(valid=False, cause="signature_mismatch", detail=detail)
    if not _is_signed_by(fetch(url), decoded, message, digest()):
        return Verdict(valid=False, cause="signature_mismatch")
    return _judge_sns(payload, config)


def _judge_sns(payload: dict[str, Any], config: VerificationConfig) -> Verdict:
    if config.topic_arns and payload["TopicArn"] not in config.topic_arns:
        detail = "The message is of another topic."
        return Verdict(valid=False, cause="token_mismatch", detail=detail)
    subscribe_url = payload.get("SubscribeURL")
    if payload["Type"] != "Notification" and not is_sns_url(str(subscribe_url)):
        detail = "The SubscribeURL is not at sns.<region>.amazonaws.com."
        return Verdict(valid=False, cause="signature_mismatch", detail=detail)
    return Verdict(valid=True)


def verify_google_token(
    parts: Parts, config: VerificationConfig, now: dt.datetime, fetch: Fetch
) -> Verdict:
    """Is the bearer token one that Google issued to the expected account for the audience?"""
    if not config.audience:
        return Verdict(valid=False, cause="config_invalid", detail="No audience is configured.")
    text = parts.request.headers.get("authorization")
    if not text:
        return Verdict(valid=False, cause="signature_missing")
    word, _, token = text.partition(" ")
    claims = _read_claims(token, fetch) if word.lower() == "bearer" else None
    if claims is None:
        return Verdict(valid=False, cause="signature_mismatch")
    cause = _find_claim_cause(claims, config, int(now.timestamp()))
    return Verdict(valid=cause is None, cause=cause)


def _read_claims(token: str, fetch: Fetch) -> dict[str, Any] | None:
    """The claims of a token that one of Google's keys signed."""
    if len(token) > _MAX_TOKEN_LENGTH or _TOKEN.fullmatch(token) is None:
        return None
    head, body, tail = token.split(".")
    header, claims, signature = _read_part(head), _read_part(body), decode_text(tail, "base64url")
    if header is None or claims is None or signature is None:
        return None
    if header.get("alg") != "RS256" or "crit" in header:
        return None
    certificate = _read_certificates(fetch(GOOGLE_CERTIFICATES_URL)).get(str(header.get("kid")))
    if not isinstance(certificate, str):
        return None
    message = f"{head}.{body}".encode()
    is_signed = _is_signed_by(certificate.encode(), signature, message, hashes.SHA256())
    return claims if is_signed else None


def _find_claim_cause(
    claims: dict[str, Any], config: VerificationConfig, now_seconds: int
) -> str | None:
    expires_at, issued_at, begins_at = (
        _read_seconds(claims.get(name, default)) for name, default in _TIMES.items()
    )
    if expires_at is None or issued_at is None or begins_at is None:
        return "timestamp_malformed"
    email = config.service_account_email
    checks = (
        ("token_mismatch", claims.get("iss") not in _GOOGLE_ISSUERS),
        ("token_mismatch", claims.get("aud") != config.audience),
        ("token_mismatch", claims.get("email_verified") is not True),
        ("token_mismatch", email is not None and claims.get("email") != email),
        ("timestamp_stale", expires_at < now_seconds),
        ("timestamp_stale", max(issued_at, begins_at) > now_seconds + _ISSUED_AHEAD_SECONDS),
    )
    return next((cause for cause, is_wrong in checks if is_wrong), None)


def _read_seconds(value: object) -> float | None:
    # True is an int to Python.
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _read_part(text: str) -> dict[str, Any] | None:
    raw = decode_text(text, "base64url")
    try:
        value = None if raw is None else parse_json(raw)
    except MalformedJson:
        return None
    return value if isinstance(value, dict) else None


def _read_certificates(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _build_sns_message(payload: dict[str, Any]) -> bytes | None:
    """The fixed fields, each on a line after its name; None where one is missing or no text."""
    fields = SNS_FIELDS.get(str(payload.get("Type")))
    if fields is None:
        return None
    lines = []
    for name in fields:
        value = payload.get(name)
        if value is None and name == "Subject":
            continue
        if not isinstance(value, str):
            return None
        lines.append(f"{name}\n{value}\n")
    return "".join(lines).encode("utf-8", "surrogatepass")


def _is_certificate_path(url: str) -> bool:
    parts = urlsplit(url)
    return parts.path.endswith(".pem") and not parts.query


def _is_signed_by(
    certificate: bytes, signature: bytes, message: bytes, digest: hashes.HashAlgorithm
) -> bool:
    try:
        key = x509.load_pem_x509_certificate(certificate).public_key()
    except ValueError:
        return False
    if not isinstance(key, rsa.RSAPublicKey):
        return False
    try:
        key.verify(signature, message, padding.PKCS1v15(), digest)
    except InvalidSignature:
        return False
    return True

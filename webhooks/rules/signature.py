"""Verification fails closed: a verdict for every request, whatever is in it, never an exception.

The work is the same for each outcome: as many digests and comparisons for a good signature as for
a bad one, a missing one, or no secret at all.
"""

import datetime as dt
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from uuid import UUID

from webhooks.rules.received import ReceivedRequest
from webhooks.rules.verification import VerificationConfig

# A destination has two secrets while a rotation overlaps; a third slot shows who still signs with
# an expired one.
MAX_SECRETS = 3
_DIGEST_SIZES = {"sha256": 32}
_HEX = re.compile(r"[0-9a-f]+", re.ASCII)
_UNIX_TIME = re.compile(r"[0-9]{1,16}", re.ASCII)
# A number from here on counts milliseconds (as such, 1973; as seconds, the year 5138).
_FIRST_MILLISECONDS = 10**11
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND = dt.timedelta(milliseconds=1)
_PLACEHOLDER = re.compile(r"\{(timestamp|body)\}")


@dataclass(frozen=True, slots=True)
class Secret:
    """A key that may have signed; ``value`` is the HMAC's key as it is."""

    id: UUID
    value: bytes = field(repr=False)
    expires_at: dt.datetime | None = None

    def is_expired(self, now: dt.datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True)
class Verdict:
    """``cause`` tells the owner why a request is not valid; the caller never learns it.

    It is one of ``config_invalid``, ``signature_missing``, ``timestamp_malformed``,
    ``signature_mismatch``, ``secret_expired``, ``timestamp_stale``.
    """

    valid: bool
    cause: str | None = None
    secret_id: UUID | None = None
    timestamp: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class _Stamp:
    """The timestamp header: absent (no text), malformed (no unit), or units since 1970."""

    text: str | None
    count: int = 0
    unit: dt.timedelta | None = None


def verify(
    request: ReceivedRequest,
    config: VerificationConfig,
    secrets: Sequence[Secret],
    now: dt.datetime,
) -> Verdict:
    """Was this request signed with one of the secrets, and recently?"""
    tried = _choose_secrets(secrets, now)
    stamp = _read_stamp(request, config)
    claimed = _read_digest(request, config)
    signer = _find_signer(tried, _build_signed(request, config, stamp), claimed, config)
    cause = _find_cause(request, config, stamp=stamp, tried=tried, signer=signer, now=now)
    if cause is not None or signer is None:
        return Verdict(valid=False, cause=cause)
    return Verdict(valid=True, secret_id=signer.id, timestamp=_read_moment(stamp))


def _choose_secrets(secrets: Sequence[Secret], now: dt.datetime) -> list[Secret]:
    """The unexpired ones first; the order within each group stays the caller's, newest first."""
    return sorted(secrets, key=lambda secret: secret.is_expired(now))[:MAX_SECRETS]


def _read_stamp(request: ReceivedRequest, config: VerificationConfig) -> _Stamp:
    text = request.headers.get(config.timestamp_header)
    if text is None or _UNIX_TIME.fullmatch(text) is None:
        return _Stamp(text)
    count = int(text)
    return _Stamp(
        text, count, _MILLISECOND if count >= _FIRST_MILLISECONDS else dt.timedelta(seconds=1)
    )


def _read_digest(request: ReceivedRequest, config: VerificationConfig) -> bytes | None:
    """Exactly one digest in lowercase hex; None for anything else."""
    text = request.headers.get(config.signature_header, "").removeprefix(config.optional_prefix)
    if len(text) != 2 * _DIGEST_SIZES[config.algorithm] or _HEX.fullmatch(text) is None:
        return None
    return bytes.fromhex(text)


def _build_signed(request: ReceivedRequest, config: VerificationConfig, stamp: _Stamp) -> bytes:
    if stamp.text is None:
        return _render(config.signed_without_timestamp or "{body}", b"", request.body)
    return _render(config.signed, stamp.text.encode("utf-8", "replace"), request.body)


def _render(template: str, timestamp: bytes, body: bytes) -> bytes:
    values = {"timestamp": timestamp, "body": body}
    return b"".join(
        values[part] if is_placeholder else part.encode()
        for part, is_placeholder in _split_template(template)
    )


@lru_cache(maxsize=256)
def _split_template(template: str) -> tuple[tuple[str, bool], ...]:
    # re.split puts what the group caught at the odd places.
    parts = _PLACEHOLDER.split(template)
    return tuple((part, bool(index % 2)) for index, part in enumerate(parts) if part)


def _find_signer(
    tried: list[Secret], signed: bytes, claimed: bytes | None, config: VerificationConfig
) -> Secret | None:
    signer = None
    for slot in range(MAX_SECRETS):
        secret = tried[slot] if slot < len(tried) else None
        digest = hmac.digest(secret.value if secret else b"none", signed, config.algorithm)
        is_equal = hmac.compare_digest(digest, claimed or bytes(len(digest)))
        if is_equal and claimed is not None and secret is not None and signer is None:
            signer = secret
    return signer


def _find_cause(
    request: ReceivedRequest,
    config: VerificationConfig,
    *,
    stamp: _Stamp,
    tried: list[Secret],
    signer: Secret | None,
    now: dt.datetime,
) -> str | None:
    """The first thing that is wrong, as it helps the owner most; None: nothing is."""
    checks = (
        ("config_invalid", not tried),
        ("signature_missing", not request.headers.get(config.signature_header)),
        ("timestamp_malformed", _lacks_stamp(stamp, config)),
        ("signature_mismatch", signer is None or _mimics_stamp(request, config, stamp)),
        ("secret_expired", signer is not None and signer.is_expired(now)),
        ("timestamp_stale", not _is_fresh(stamp, config, now)),
    )
    return next((cause for cause, is_wrong in checks if is_wrong), None)


def _lacks_stamp(stamp: _Stamp, config: VerificationConfig) -> bool:
    if stamp.text is None:
        return config.require_timestamp or config.signed_without_timestamp is None
    return stamp.unit is None


def _mimics_stamp(request: ReceivedRequest, config: VerificationConfig, stamp: _Stamp) -> bool:
    """A body that begins as the timestamped template does.

    Without this, who caught an old signed request could send ``v1:{timestamp}:{body}`` as the body
    of one without a timestamp: the same bytes, the same signature, and no window.
    """
    head, is_placeholder = _split_template(config.signed)[0]
    return stamp.text is None and not is_placeholder and request.body.startswith(head.encode())


def _is_fresh(stamp: _Stamp, config: VerificationConfig, now: dt.datetime) -> bool:
    if stamp.unit is None:
        return True
    # In the sender's own unit: a stamp in whole seconds is compared in whole seconds.
    elapsed = (now - _EPOCH) // stamp.unit - stamp.count
    return abs(elapsed) <= dt.timedelta(seconds=config.tolerance_seconds) // stamp.unit


def _read_moment(stamp: _Stamp) -> dt.datetime | None:
    return None if stamp.unit is None else _EPOCH + stamp.count * stamp.unit

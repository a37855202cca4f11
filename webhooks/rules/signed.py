"""Signatures over the request: HMAC with a shared secret, Ed25519 and ECDSA with a public key."""

import datetime as dt
from dataclasses import dataclass
from functools import partial

from webhooks.rules.components import compile_pattern, join_components, read_component_signature
from webhooks.rules.encodings import DIGEST_SIZES, decode_text
from webhooks.rules.keys import PUBLIC_PREFIX, Key, read_key
from webhooks.rules.sources import SIGNATURE, Parts, Source
from webhooks.rules.templates import list_placeholders, render_messages, split_template
from webhooks.rules.timestamps import Stamp, is_fresh, read_stamp
from webhooks.rules.verdicts import MAX_SECRETS, Secret, Verdict
from webhooks.rules.verification import VerificationConfig

MAX_CANDIDATES = 8
_ED25519_SIZE = 64
# The longest DER of two 256-bit numbers.
_MAX_ECDSA_SIZE = 72
_SETTINGS = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}
_NO_SECRET = b"a secret that nobody has"


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What was read of a request before anything is compared."""

    parts: Parts
    config: VerificationConfig
    text: str | None
    items: list[tuple[str, str]]
    stamp: Stamp
    delivery_id: str | None
    algorithm: str | None
    now: dt.datetime


def verify_signed(
    parts: Parts, config: VerificationConfig, tried: list[Secret], now: dt.datetime
) -> Verdict:
    """Does one of the secrets explain one of the signatures, in time?"""
    attempt = _read_attempt(parts, config, now)
    messages = _build_messages(attempt)
    signer, is_usable = _find_signer(attempt, tried, messages)
    checks = (
        ("config_invalid", not is_usable),
        ("signature_missing", not attempt.text or _lacks_id(attempt)),
        ("timestamp_malformed", _lacks_stamp(attempt)),
        ("signature_mismatch", signer is None or _mimics_stamp(attempt)),
        ("secret_expired", signer is not None and signer.is_expired(now)),
        ("timestamp_stale", not _is_fresh(attempt)),
    )
    cause = next((cause for cause, is_wrong in checks if is_wrong), None)
    if cause is not None or signer is None:
        return Verdict(valid=False, cause=cause)
    return Verdict(valid=True, secret_id=signer.id, timestamp=attempt.stamp.moment)


def read_delivery_id(parts: Parts, config: VerificationConfig) -> str | None:
    """The sender's own name for the delivery; None where there is none."""
    text = parts.read(config.delivery_id)
    if text and config.delivery_id_pattern:
        match = compile_pattern(config.delivery_id_pattern).search(
            text.encode("utf-8", "replace").decode()
        )
        return (match.group(1) or None) if match else None
    return text or None


def split_items(text: str, config: VerificationConfig) -> list[tuple[str, str]]:
    """The (key, value) items of a signature; the key is empty where the scheme has none."""
    pieces = text.split(config.item_separator) if config.item_separator else [text]
    if not config.key_separator:
        return [("", piece) for piece in pieces]
    pairs = (piece.partition(config.key_separator) for piece in pieces)
    return [(key, value) for key, separator, value in pairs if separator]


def _read_attempt(parts: Parts, config: VerificationConfig, now: dt.datetime) -> _Attempt:
    form = config.component
    text = read_component_signature(form, parts) if form else parts.read(config.signature)
    items = split_items(text or "", config)
    return _Attempt(
        parts=parts,
        config=config,
        text=text,
        items=items,
        stamp=read_stamp(_find_stamp(parts, config.timestamp, items), config.timestamp_format),
        delivery_id=read_delivery_id(parts, config),
        algorithm=_choose_algorithm(parts, config),
        now=now,
    )


def _find_stamp(parts: Parts, source: Source | None, items: list[tuple[str, str]]) -> str | None:
    if source is None or source.kind != SIGNATURE:
        return parts.read(source)
    found = [value for key, value in items if key == source.names[0]]
    # Two of them: which one is signed, and which one is fresh?
    return found[0] if len(found) == 1 else None


def _choose_algorithm(parts: Parts, config: VerificationConfig) -> str | None:
    """The scheme's digest, or the one that the sender's settings header names; None: unknown."""
    settings = parts.request.headers.get(config.algorithm_header or "")
    for item in (settings or "").split(","):
        name, _, value = item.partition("=")
        if name.strip() == "algorithm" and value.strip():
            return _SETTINGS.get(value.strip().upper())
    return config.algorithm


def _build_messages(attempt: _Attempt) -> list[bytes]:
    config, stamp, parts = attempt.config, attempt.stamp, attempt.parts
    if config.component is not None:
        joined = join_components(config.component, parts)
        return [] if joined is None else [joined]
    template, timestamp = config.signed, stamp.text or ""
    if stamp.text is None and config.signed_without_timestamp is not None:
        template = config.signed_without_timestamp
    elif config.is_timestamp_rendered:
        timestamp = stamp.render_seconds()
    return render_messages(
        template,
        parts.request,
        timestamp=timestamp,
        delivery_id=attempt.delivery_id or "",
        url_form=config.url_form,
    )


def _find_signer(
    attempt: _Attempt, tried: list[Secret], messages: list[bytes]
) -> tuple[Secret | None, bool]:
    """The first secret that explains a signature, and whether any secret could."""
    signer, is_usable = None, False
    signatures = _fill(_list_candidates(attempt, attempt.config.key), attempt)
    for slot in range(MAX_SECRETS):
        secret = tried[slot] if slot < len(tried) else None
        keys = [] if secret is None else _read_keys(secret, attempt)
        is_usable = is_usable or bool(keys)
        for key, item in keys or [_make_dummy(attempt)]:
            given = signatures
            if item != attempt.config.key:
                given = _fill(_list_public_candidates(attempt), attempt)
            is_match = key.matches(messages or [b""], given)
            if is_match and keys and messages and signer is None:
                signer = secret
    return signer, is_usable


def _read_keys(secret: Secret, attempt: _Attempt) -> list[tuple[Key, str]]:
    """The keys that a secret may stand for, each with the name of the items that it signs."""
    config, algorithm = attempt.config, attempt.algorithm
    if config.public_key_item and secret.value.startswith(PUBLIC_PREFIX.encode()):
        public = read_key(
            secret.value, scheme="ed25519", algorithm="", encoding="base64", prefix=PUBLIC_PREFIX
        )
        return [] if public is None else [(public, config.public_key_item)]
    read = partial(
        read_key, secret.value, scheme=config.scheme, algorithm=algorithm or config.algorithm
    )
    keys = [read(encoding=config.secret_encoding, prefix=config.secret_prefix)]
    if config.is_secret_text_too:
        keys.append(read(encoding="utf8", prefix=""))
    return [(key, config.key) for key in keys if key is not None]


def _make_dummy(attempt: _Attempt) -> tuple[Key, str]:
    """A key in the place of a secret that is not there, so that its absence takes as long."""
    key = read_key(
        _NO_SECRET,
        scheme="hmac",
        algorithm=attempt.algorithm or attempt.config.algorithm,
        encoding="utf8",
        prefix="",
    )
    assert key is not None  # noqa: S101 - a text of some length always is a key
    return key, attempt.config.key


def _list_candidates(attempt: _Attempt, name: str) -> list[bytes]:
    config = attempt.config
    if attempt.algorithm is None:
        return []
    texts = [value for key, value in attempt.items if key == name][:MAX_CANDIDATES]
    if config.optional_prefix:
        texts = [text.removeprefix(config.optional_prefix) for text in texts]
    decoded = [decode_text(text, config.encoding) for text in texts]
    size = _find_size(config.scheme, attempt.algorithm)
    return [value for value in decoded if value is not None and _fits(value, size)]


def _list_public_candidates(attempt: _Attempt) -> list[bytes]:
    name = attempt.config.public_key_item
    texts = [value for key, value in attempt.items if key == name][:MAX_CANDIDATES]
    decoded = [decode_text(text, "base64") for text in texts]
    return [value for value in decoded if value is not None and len(value) == _ED25519_SIZE]


def _find_size(scheme: str, algorithm: str) -> int | None:
    if scheme == "hmac":
        return DIGEST_SIZES[algorithm]
    return _ED25519_SIZE if scheme == "ed25519" else None


def _fits(value: bytes, size: int | None) -> bool:
    return len(value) == size if size is not None else len(value) <= _MAX_ECDSA_SIZE


def _fill(candidates: list[bytes], attempt: _Attempt) -> list[bytes]:
    """As many signatures as there may be: how many there are does not show in the time."""
    slots = MAX_CANDIDATES if attempt.config.item_separator else 1
    return candidates + [b""] * (slots - len(candidates))


def _lacks_id(attempt: _Attempt) -> bool:
    """A signed id is there, and cannot be mistaken for what follows it."""
    is_signed = "id" in list_placeholders(attempt.config.signed) and not attempt.config.component
    return is_signed and not attempt.delivery_id


def _lacks_stamp(attempt: _Attempt) -> bool:
    config, stamp = attempt.config, attempt.stamp
    if config.timestamp is None:
        return False
    if stamp.text is None:
        return config.require_timestamp or config.signed_without_timestamp is None
    return stamp.unit is None


def _mimics_stamp(attempt: _Attempt) -> bool:
    """A body that begins as the timestamped template does.

    Without this, who caught an old signed request could send ``v1:{timestamp}:{body}`` as the body
    of one without a timestamp: the same bytes, the same signature, and no window. Likewise an id
    with the separator in it could swallow the timestamp.
    """
    config, stamp = attempt.config, attempt.stamp
    if "{id}." in config.signed and "." in (attempt.delivery_id or ""):
        return True
    if stamp.text is not None or config.signed_without_timestamp is None:
        return False
    head, is_placeholder = split_template(config.signed)[0]
    return not is_placeholder and attempt.parts.request.body.startswith(head.encode())


def _is_fresh(attempt: _Attempt) -> bool:
    tolerance = attempt.config.tolerance_seconds
    return tolerance is None or is_fresh(
        attempt.stamp, tolerance_seconds=tolerance, now=attempt.now
    )

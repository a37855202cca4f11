"""Why a request did not verify, in a sentence: the usual mistakes are tried one after the other."""

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from actions.rules.paths import MISSING
from webhooks.rules.received import ReceivedRequest
from webhooks.rules.signature import verify
from webhooks.rules.sources import HEADER, Parts, read_payload
from webhooks.rules.timestamps import read_stamp
from webhooks.rules.verdicts import Secret, Verdict
from webhooks.rules.verification import SIGNED_SCHEMES, TOKEN_SCHEMES, VerificationConfig

_MAX_RESERIALISED = 256 * 1024
# What a variant's verdict says when the signature itself did match.
_MATCHES = (None, "timestamp_stale", "secret_expired")
_SENTENCES = {
    "config_invalid": "The configuration or its secret cannot be used with this scheme.",
    "signature_missing": "The request does not carry what the scheme needs.",
    "signature_mismatch": "The signature is not the one that the secret makes of this request.",
    "token_mismatch": "What the request brings is not what is expected.",
    "timestamp_malformed": "The timestamp is missing or is not written as the scheme says.",
    "timestamp_stale": "The signature is good, but it was not made now.",
    "secret_expired": "The signature was made with a secret that has been replaced and has ended.",
    "internal": "The request could not be verified.",
}
_OTHER_SIGNER = (
    "The signature is not one that this destination's secret makes of this request; none of the "
    "usual mistakes explains it, so the sender most likely signs with another secret."
)
_STRANGER = "What the request brings is not this destination's secret."
_Variant = tuple[str, ReceivedRequest, VerificationConfig, Sequence[Secret]]


def find_hint(
    request: ReceivedRequest,
    config: VerificationConfig,
    secrets: Sequence[Secret],
    now: dt.datetime,
    *,
    verdict: Verdict,
    presets: Mapping[str, VerificationConfig],
) -> str:
    """The cause in a sentence, and what would have matched where that can be found.

    Neither a secret nor an expected signature is in it.
    """
    cause = verdict.cause or "internal"
    sentence = verdict.detail if verdict.detail and cause != "internal" else _SENTENCES[cause]
    if cause == "timestamp_stale":
        return f"{sentence} {_describe_skew(request, config, now)}".strip()
    if cause == "signature_missing":
        sentence = f"{sentence} {_describe_absence(request, config)}".strip()
    if cause == "token_mismatch" and config.scheme in TOKEN_SCHEMES and not verdict.detail:
        return _STRANGER
    if config.scheme not in SIGNED_SCHEMES or cause not in {
        "signature_missing",
        "signature_mismatch",
        "timestamp_malformed",
        "config_invalid",
    }:
        return sentence
    for hint, tried_request, tried_config, tried_secrets in _list_variants(
        request, config, secrets, presets
    ):
        if verify(tried_request, tried_config, tried_secrets, now).cause in _MATCHES:
            return f"{sentence} {hint}"
    return _OTHER_SIGNER if cause == "signature_mismatch" and not verdict.detail else sentence


def _list_variants(
    request: ReceivedRequest,
    config: VerificationConfig,
    secrets: Sequence[Secret],
    presets: Mapping[str, VerificationConfig],
) -> Iterator[_Variant]:
    for hint, changed in _list_secret_variants(secrets):
        yield f"It matches when the secret is taken {hint}.", request, config, changed
    for encoding, secret_prefix in (("utf8", ""), ("base64", "whsec_"), ("hex", "")):
        other = replace(config, secret_encoding=encoding, secret_prefix=secret_prefix)
        if config.scheme == "hmac" and other != config:
            hint = f"It matches with the secret read as {encoding}."
            yield hint, request, other, secrets
    yield from _list_writing_variants(request, config, secrets)
    yield from _list_address_variants(request, config, secrets)
    for hint, body in _list_bodies(request.body):
        changed_request = replace(request, body=body, size=len(body))
        yield (
            f"It matches a body {hint}: send the bytes as signed.",
            changed_request,
            config,
            secrets,
        )
    for name, preset in presets.items():
        if preset.scheme in SIGNED_SCHEMES and preset.signature is not None and preset != config:
            yield f"It matches the preset {name}.", request, preset, secrets


def _list_secret_variants(secrets: Sequence[Secret]) -> Iterator[tuple[str, list[Secret]]]:
    yield "without the blanks around it", [replace(s, value=s.value.strip()) for s in secrets]
    yield (
        "without whsec_",
        [replace(s, value=s.value.removeprefix(b"whsec_")) for s in secrets],
    )
    yield "with whsec_ before it", [replace(s, value=b"whsec_" + s.value) for s in secrets]


def _list_writing_variants(
    request: ReceivedRequest, config: VerificationConfig, secrets: Sequence[Secret]
) -> Iterator[_Variant]:
    for encoding in ("hex", "base64", "base64url"):
        if encoding != config.encoding:
            other = replace(config, encoding=encoding)
            yield f"It matches with the signature in {encoding}.", request, other, secrets
    if config.key_separator:
        bare = replace(config, item_separator="", key_separator="", key="")
        yield "It matches without the key before the signature.", request, bare, secrets
    if config.encoding == "hex" and config.component is None:
        lowered = _lower_signature(request, config)
        yield "It matches in lower case.", lowered, config, secrets
    for algorithm in ("sha256", "sha1", "sha512"):
        if config.scheme == "hmac" and algorithm != config.algorithm:
            other = replace(config, algorithm=algorithm)
            yield f"It matches with the algorithm {algorithm}.", request, other, secrets
    if config.timestamp is not None and config.scheme == "hmac":
        plain = replace(config, signed="{body}", timestamp=None, signed_without_timestamp=None)
        yield "It matches the body alone, without the timestamp.", request, plain, secrets


def _lower_signature(request: ReceivedRequest, config: VerificationConfig) -> ReceivedRequest:
    names = config.signature.names if config.signature else ()
    headers = {
        name: value.lower() if name in names else value for name, value in request.headers.items()
    }
    return replace(request, headers=headers)


def _list_address_variants(
    request: ReceivedRequest, config: VerificationConfig, secrets: Sequence[Secret]
) -> Iterator[_Variant]:
    for way, url in _list_urls(request.url) if "{url}" in config.signed else ():
        hint = f"It matches our address {way}: give the sender the destination's `url` as it is."
        yield hint, replace(request, url=url), config, secrets


def _list_urls(url: str) -> Iterator[tuple[str, str]]:
    """How the sender may have been told to write it."""
    scheme, separator, rest = url.partition("://")
    other = "http" if scheme == "https" else "https"
    yield f"with {other}", other + separator + rest
    path, question, query = url.partition("?")
    yield "with a slash at its end", f"{path}/{question}{query}"
    if query:
        yield "without its query", path


def _list_bodies(body: bytes) -> Iterator[tuple[str, bytes]]:
    yield "with a line feed at its end", body + b"\n"
    yield "without the blanks at its end", body.rstrip()
    payload: Any = read_payload(body, "json") if len(body) <= _MAX_RESERIALISED else MISSING
    if payload is MISSING:
        return
    compact = (",", ":")
    yield "without blanks between its values", _dump(payload, separators=compact)
    yield "with blanks between its values", _dump(payload)
    yield "with sorted names", _dump(payload, separators=compact, sort_keys=True)
    yield "with other escapes", _dump(payload, separators=compact, ensure_ascii=False)
    yield "that is indented", _dump(payload, indent=2)


def _dump(payload: Any, **options: Any) -> bytes:
    return json.dumps(payload, **options).encode("utf-8", "replace")


def _describe_skew(request: ReceivedRequest, config: VerificationConfig, now: dt.datetime) -> str:
    parts = Parts(request, body_format=config.body_format)
    stamp = read_stamp(parts.read(config.timestamp), config.timestamp_format)
    if stamp.moment is None:
        return f"The window is {config.tolerance_seconds} s to either side."
    seconds = round((stamp.moment - now).total_seconds())
    place = "ahead of" if seconds > 0 else "before"
    return f"It says {abs(seconds)} s {place} now; {config.tolerance_seconds} s are allowed."


def _describe_absence(request: ReceivedRequest, config: VerificationConfig) -> str:
    if config.signature is None or config.signature.kind != HEADER:
        return ""
    if any(request.headers.get(name) for name in config.signature.names):
        return ""
    return f"There is no header {' or '.join(config.signature.names)}."

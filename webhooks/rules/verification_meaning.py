"""A configuration that is well written, and would verify too little."""

from collections.abc import Iterator
from itertools import pairwise

from webhooks.rules.sources import BODY, SIGNATURE
from webhooks.rules.templates import list_placeholders, split_template
from webhooks.rules.verification import (
    HEADERS_SCHEME,
    SIGNED_SCHEMES,
    VerificationConfig,
)
from workspaces.rules.problems import FieldError

_WEAK = ("sha1", "md5")
# What has a grammar of its own, so that its end is certain beside anything else.
_FIXED = ("timestamp", "method", "url")


def check_meaning(
    config: VerificationConfig, *, allow_weak: bool, preset: VerificationConfig
) -> list[FieldError]:
    """Why the configuration is refused; empty when it is not."""
    errors = [
        FieldError(f"/verification/{name}", code, detail)
        for name, code, detail in _list_faults(config)
    ]
    is_own_choice = config.algorithm != preset.algorithm
    if config.algorithm in _WEAK and is_own_choice and not allow_weak:
        detail = f"{config.algorithm} is weak; say allow_weak where the sender knows no other."
        errors.append(FieldError("/verification/algorithm", "weak_algorithm", detail))
    return errors


def _list_faults(config: VerificationConfig) -> Iterator[tuple[str, str, str]]:
    if config.scheme == HEADERS_SCHEME:
        return
    if config.component is None and config.signature is None and config.scheme != "basic":
        yield "signature", "required", "Where does the signature stand?"
    if config.scheme == "google_oidc" and not config.audience:
        yield "audience", "required", "Which audience does the subscription name in its tokens?"
    if config.scheme == "google_oidc" and not config.service_account_email:
        # Anybody's service account gets tokens for any audience.
        yield "service_account_email", "required", "Which service account does it push as?"
    if config.scheme == "aws_sns" and not config.topic_arns:
        yield "topic_arns", "required", "Which topics may deliver here?"
    if config.scheme in SIGNED_SCHEMES and config.component is None:
        yield from _list_template_faults(config)


def _list_template_faults(config: VerificationConfig) -> Iterator[tuple[str, str, str]]:
    names = list_placeholders(config.signed)
    has_body = "body" in names or "form_sorted" in names
    if not has_body and not config.body_unsigned:
        yield "signed", "body_not_signed", "Nothing vouches for the body: sign {body}."
    if config.body_unsigned and "id" not in names:
        detail = "What is signed must at least name the delivery: sign {id}."
        yield "signed", "id_not_signed", detail
    if has_body and config.body_unsigned:
        yield "body_unsigned", "invalid", "The body is signed."
    yield from _list_timestamp_faults(config, names)
    if "id" in names and config.delivery_id is None:
        yield "delivery_id", "required", "Where does the id stand?"
    if config.body_unsigned and config.delivery_id is None:
        yield "delivery_id", "required", "What is not signed must at least not come twice."
    if _has_open_border(config.signed):
        detail = "Two variable parts side by side: text could move from one to the other."
        yield "signed", "ambiguous", detail


def _list_timestamp_faults(
    config: VerificationConfig, names: list[str]
) -> Iterator[tuple[str, str, str]]:
    source = config.timestamp
    if source is None:
        if "timestamp" in names:
            yield "timestamp", "required", "Where does the timestamp stand?"
        return
    # One in the body is signed with the body.
    covering = {"timestamp", "body"} if source.kind == BODY else {"timestamp"}
    if not covering & set(names):
        yield "timestamp", "timestamp_not_signed", "Anybody could renew an unsigned timestamp."
    if source.kind == SIGNATURE and not config.key_separator:
        yield "timestamp", "invalid", "The signature has no items."


def _has_open_border(template: str) -> bool:
    parts = split_template(template)
    return any(
        left[1] and right[1] and left[0] not in _FIXED and right[0] not in _FIXED
        for left, right in pairwise(parts)
    )

"""From the document that a caller writes to the configuration that the engine reads."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from webhooks.rules.component_document import (
    COMPONENT_NAMES,
    build_authentication,
    build_component_form,
    find_component_form,
)
from webhooks.rules.sources import parse_source
from webhooks.rules.templates import list_placeholders
from webhooks.rules.verification import (
    CUSTOM_PRESET,
    DEFAULT_PRESET,
    HEADERS_SCHEME,
    VerificationConfig,
)

# Members that are taken over as they are.
_PLAIN = (
    "scheme",
    "algorithm",
    "item_separator",
    "key_separator",
    "key",
    "encoding",
    "signed",
    "secret_encoding",
    "secret_prefix",
    "url_form",
    "body_unsigned",
    "require_timestamp",
    "verify_token",
    "audience",
    "service_account_email",
)
MEMBERS = (
    "preset",
    "allow_weak",
    "signature",
    "timestamp",
    "delivery_id",
    "tolerance_seconds",
    "topic_arn",
    "topic_arns",
    *COMPONENT_NAMES,
    *_PLAIN,
)
# Whoever says one of these describes a scheme of their own.
_OWN_SCHEME = ("scheme", "signature", "signed", *COMPONENT_NAMES)


def choose_preset(document: Mapping[str, Any]) -> Any:
    """The preset that a document names, or means by what it says."""
    if "preset" in document:
        return document["preset"]
    is_own = any(name in document for name in _OWN_SCHEME)
    return CUSTOM_PRESET if is_own else DEFAULT_PRESET


def override_config(preset: VerificationConfig, document: Mapping[str, Any]) -> VerificationConfig:
    """The preset with what a checked document says explicitly.

    Raises:
        ValueError, TypeError, KeyError: the document had not been checked.
    """
    config = replace(preset, **{name: document[name] for name in _PLAIN if name in document})
    if isinstance(document.get("signature"), str):
        config = replace(config, signature=parse_source(document["signature"]))
    config = _set_signed(config, document)
    config = _set_timestamp(config, document)
    config = _set_delivery_id(config, document)
    if "topic_arn" in document or "topic_arns" in document:
        config = replace(config, topic_arns=read_topics(document))
    return _set_components(config, document)


def read_topics(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The allowed topics, of one text or a list."""
    value = document.get("topic_arns", document.get("topic_arn"))
    return (value,) if isinstance(value, str) else tuple(value or ())


def _set_signed(config: VerificationConfig, document: Mapping[str, Any]) -> VerificationConfig:
    if "signed" not in document:
        return config
    # The second template belongs to the preset's first one.
    config = replace(config, signed_without_timestamp=None)
    if "timestamp" not in list_placeholders(config.signed) and "timestamp" not in document:
        return replace(config, timestamp=None)
    return config


def _set_timestamp(config: VerificationConfig, document: Mapping[str, Any]) -> VerificationConfig:
    if "timestamp" in document:
        stated = document["timestamp"]
        if stated is None:
            return replace(config, timestamp=None)
        config = replace(
            config,
            timestamp=parse_source(stated["from"]) if "from" in stated else config.timestamp,
            timestamp_format=stated.get("format", config.timestamp_format),
            tolerance_seconds=stated.get("tolerance_seconds", config.tolerance_seconds or 300),
        )
    if "tolerance_seconds" in document and config.tolerance_seconds is not None:
        config = replace(config, tolerance_seconds=document["tolerance_seconds"])
    return config


def _set_delivery_id(config: VerificationConfig, document: Mapping[str, Any]) -> VerificationConfig:
    if "delivery_id" not in document:
        return config
    stated = document["delivery_id"]
    if stated is None:
        return replace(config, delivery_id=None, delivery_id_pattern=None)
    return replace(
        config,
        delivery_id=parse_source(stated["from"]),
        delivery_id_pattern=stated.get("pattern"),
    )


def _set_components(config: VerificationConfig, document: Mapping[str, Any]) -> VerificationConfig:
    form = find_component_form(document)
    if form is not None:
        built = build_component_form(form)
        config = replace(
            config,
            scheme="hmac",
            component=built,
            signature=None,
            algorithm=form.get("algorithm", "sha256"),
            encoding=form.get("encoding", "hex"),
        )
    if document.get("authentication") is not None:
        config = replace(config, authentication=build_authentication(document["authentication"]))
        if form is None and config.signature is None and config.scheme == "hmac":
            config = replace(config, scheme=HEADERS_SCHEME)
    return config

"""What is refused when a verification is saved, so that no delivery fails (or passes) for it."""

from collections.abc import Callable, Mapping
from typing import Any

from webhooks.rules.component_checks import check_authentication_document, check_form
from webhooks.rules.component_document import find_component_form
from webhooks.rules.components import compile_pattern
from webhooks.rules.encodings import DIGEST_SIZES, ENCODINGS
from webhooks.rules.keys import PUBLIC_PREFIX, SECRET_ENCODINGS, read_key
from webhooks.rules.sources import InvalidSource, parse_source
from webhooks.rules.templates import URL_FORMS
from webhooks.rules.timestamps import FORMATS
from webhooks.rules.verification import (
    MAX_TOLERANCE_SECONDS,
    SCHEMES,
    SIGNED_SCHEMES,
    VerificationConfig,
)
from webhooks.rules.verification_document import MEMBERS, choose_preset, override_config
from webhooks.rules.verification_meaning import check_meaning
from workspaces.rules.problems import FieldError, escape_pointer

MIN_SECRET_BYTES = 16
MAX_SECRET_BYTES = 1024
MAX_TEXT = 512
_ROOT = "/verification"
# Of a document that is itself the component form.
_FORM_MEMBERS = (
    "signed_components",
    "signedComponents",
    "component_join",
    "componentJoin",
    "component_separator",
    "componentSeparator",
    "validation",
)


def check_verification(
    document: Mapping[str, Any], *, presets: Mapping[str, VerificationConfig]
) -> list[FieldError]:
    """What is wrong with a document, with pointers into the destination; empty when nothing is."""
    form = find_component_form(document)
    is_form = form is not None and isinstance(document.get("signature"), Mapping)
    known = (*MEMBERS, *_FORM_MEMBERS) if is_form else MEMBERS
    errors = [
        FieldError(f"{_ROOT}/{escape_pointer(str(name))}", "unknown_field", "Unknown field.")
        for name in document
        if name not in known
    ]
    preset = choose_preset(document)
    if not isinstance(preset, str) or preset not in presets:
        detail = f"The presets are: {', '.join(sorted(presets))}."
        errors.append(FieldError(f"{_ROOT}/preset", "unknown_preset", detail))
    for name, check in _CHECKS.items():
        if name in document and not (is_form and name == "signature"):
            fault = check(document[name])
            if fault is not None:
                errors.append(FieldError(f"{_ROOT}/{name}", fault[0], fault[1]))
    errors += check_form(form)
    errors += check_authentication_document(document.get("authentication"))
    if errors:
        return errors
    config = override_config(presets[preset], document)
    allow_weak = True in (document.get("allow_weak"), (form or {}).get("allow_weak"))
    return check_meaning(config, allow_weak=allow_weak, preset=presets[preset])


def check_secret(
    secret: str, config: VerificationConfig | None = None, *, is_chosen_elsewhere: bool = False
) -> FieldError | None:
    """A given secret decodes, and is long enough not to be guessed. For saving, not verifying."""
    size = len(secret.encode("utf-8", "surrogatepass"))
    smallest = 1 if is_chosen_elsewhere or _is_public(secret, config) else MIN_SECRET_BYTES
    if not smallest <= size <= MAX_SECRET_BYTES:
        detail = f"A secret has {smallest} to {MAX_SECRET_BYTES} bytes."
        return FieldError("/secret", "invalid_length", detail)
    if config is None or config.scheme not in SIGNED_SCHEMES:
        return None
    return _check_key(secret, config)


def list_secret_warnings(secret: str, config: VerificationConfig) -> list[str]:
    """What its owner should know of a secret that is taken all the same."""
    size = len(secret.encode("utf-8", "surrogatepass"))
    if config.scheme != "hmac" or size >= MIN_SECRET_BYTES:
        return []
    return [
        f"The secret has {size} bytes: one of fewer than {MIN_SECRET_BYTES} may be guessed from a"
        " request that it signed. Choose a longer one with the sender, and rotate to it."
    ]


def _check_key(secret: str, config: VerificationConfig) -> FieldError | None:
    if config.public_key_item and secret.startswith(PUBLIC_PREFIX):
        scheme, encoding, prefix = "ed25519", "base64", PUBLIC_PREFIX
    else:
        scheme, encoding = config.scheme, config.secret_encoding
        prefix = config.secret_prefix
    key = read_key(
        secret.encode("utf-8", "surrogatepass"),
        scheme=scheme,
        algorithm=config.algorithm,
        encoding=encoding,
        prefix=prefix,
    )
    if key is not None or config.is_secret_text_too:
        return None
    detail = f"This is no {encoding} secret of the scheme {scheme}."
    return FieldError("/secret", "undecodable", detail)


def _is_public(secret: str, config: VerificationConfig | None) -> bool:
    return config is not None and (
        config.scheme in {"ed25519", "ecdsa_p256"}
        or (bool(config.public_key_item) and secret.startswith(PUBLIC_PREFIX))
    )


_Fault = tuple[str, str] | None


def _one_of(*values: str) -> Callable[[Any], _Fault]:
    detail = f"One of {', '.join(values)}."
    return lambda value: None if value in values else ("invalid", detail)


def _check_flag(value: Any) -> _Fault:
    return None if isinstance(value, bool) else ("invalid", "This is true or false.")


def _check_text(value: Any) -> _Fault:
    is_text = isinstance(value, str) and len(value) <= MAX_TEXT and "\x00" not in value
    return None if is_text else ("invalid", f"This is a text of at most {MAX_TEXT} characters.")


def _check_optional_text(value: Any) -> _Fault:
    return None if value is None else _check_text(value)


def _check_source(value: Any) -> _Fault:
    try:
        if not isinstance(value, str):
            raise InvalidSource("A source is a text such as header:X-Signature.")
        parse_source(value)
    except InvalidSource as error:
        return "invalid_source", str(error)
    return None


def _check_tolerance(value: Any) -> _Fault:
    # True is an int to Python, and not one to a caller.
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if is_number and 1 <= value <= MAX_TOLERANCE_SECONDS:
        return None
    return "out_of_range", f"This is a whole number from 1 to {MAX_TOLERANCE_SECONDS}."


def _check_timestamp(value: Any) -> _Fault:
    if value is None:
        return None
    if not isinstance(value, Mapping) or not {"from", "format", "tolerance_seconds"} >= set(value):
        return "invalid", "null, or an object of from, format and tolerance_seconds."
    faults = (
        _check_source(value["from"]) if "from" in value else None,
        _one_of(*FORMATS)(value.get("format", "unix")),
        _check_tolerance(value.get("tolerance_seconds", 1)),
    )
    return next((fault for fault in faults if fault is not None), None)


def _check_delivery_id(value: Any) -> _Fault:
    if value is None:
        return None
    if not isinstance(value, Mapping) or not {"from", "pattern"} >= set(value):
        return "invalid", "null, or an object of from and pattern."
    fault = _check_source(value.get("from"))
    if fault is not None or value.get("pattern") is None:
        return fault
    try:
        compile_pattern(value["pattern"])
    except (TypeError, ValueError) as error:
        return "invalid_pattern", str(error)
    return None


def _check_topics(value: Any) -> _Fault:
    topics = [value] if isinstance(value, str) else value
    is_list = isinstance(topics, list) and 1 <= len(topics) <= 50
    if is_list and all(isinstance(t, str) and t.startswith("arn:aws") for t in topics):
        return None
    return "invalid", "A topic's ARN, or a list of them."


_CHECKS: dict[str, Callable[[Any], _Fault]] = {
    "scheme": _one_of(*SCHEMES),
    "algorithm": _one_of(*DIGEST_SIZES),
    "allow_weak": _check_flag,
    "signature": _check_source,
    "item_separator": _check_text,
    "key_separator": _check_text,
    "key": _check_text,
    "encoding": _one_of(*ENCODINGS),
    "signed": _check_text,
    "timestamp": _check_timestamp,
    "tolerance_seconds": _check_tolerance,
    "delivery_id": _check_delivery_id,
    "secret_encoding": _one_of(*SECRET_ENCODINGS),
    "secret_prefix": _check_text,
    "url_form": _one_of(*URL_FORMS),
    "body_unsigned": _check_flag,
    "require_timestamp": _check_flag,
    "verify_token": _check_optional_text,
    "audience": _check_optional_text,
    "service_account_email": _check_optional_text,
    "topic_arn": _check_topics,
    "topic_arns": _check_topics,
}

"""How a destination's requests prove where they come from, and what of that a caller may set.

A preset is one ``VerificationConfig``; the document kept with a destination names the preset and
overrides what it says explicitly.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from workspaces.rules.problems import FieldError, escape_pointer

DEFAULT_PRESET = "clockhook"
MAX_TOLERANCE_SECONDS = 3600
MIN_SECRET_BYTES = 16
MAX_SECRET_BYTES = 1024
_MEMBERS = ("preset", "require_timestamp", "tolerance_seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationConfig:
    """An HMAC over a template of the request's parts, in lowercase hex, in a header.

    ``signed`` and ``signed_without_timestamp`` are templates of literals, ``{timestamp}`` and
    ``{body}``, joined as bytes. The second one is for requests without the timestamp header; None,
    or ``require_timestamp``, refuses those. All header names are in lower case.
    """

    algorithm: str
    signature_header: str
    # May stand before the signature, and says nothing.
    optional_prefix: str = ""
    signed: str
    signed_without_timestamp: str | None = None
    timestamp_header: str
    # Of unix time, in milliseconds or seconds; the window is symmetric and inclusive.
    tolerance_seconds: int = 300
    require_timestamp: bool = False
    # Where the sender names the delivery, for deduplication.
    delivery_id_header: str


def check_verification(
    document: Mapping[str, Any], *, presets: Collection[str]
) -> list[FieldError]:
    """What is wrong with a document, with pointers into the destination; empty when nothing is."""
    errors = [
        FieldError(f"/verification/{escape_pointer(str(name))}", "unknown_field", "Unknown field.")
        for name in document
        if name not in _MEMBERS
    ]
    preset = document.get("preset", DEFAULT_PRESET)
    if not isinstance(preset, str) or preset not in presets:
        known = ", ".join(sorted(presets))
        errors.append(
            FieldError("/verification/preset", "unknown_preset", f"The presets are: {known}.")
        )
    if not isinstance(document.get("require_timestamp", False), bool):
        errors.append(
            FieldError("/verification/require_timestamp", "invalid", "This is true or false.")
        )
    if not _is_tolerance(document.get("tolerance_seconds", 1)):
        detail = f"This is a whole number from 1 to {MAX_TOLERANCE_SECONDS}."
        errors.append(FieldError("/verification/tolerance_seconds", "out_of_range", detail))
    return errors


def override_config(preset: VerificationConfig, document: Mapping[str, Any]) -> VerificationConfig:
    """The preset with what a checked document says explicitly."""
    return replace(
        preset,
        require_timestamp=document.get("require_timestamp", preset.require_timestamp),
        tolerance_seconds=document.get("tolerance_seconds", preset.tolerance_seconds),
    )


def check_secret(secret: str) -> FieldError | None:
    """A given secret is long enough not to be guessed. For saving, never for verifying."""
    size = len(secret.encode("utf-8", "surrogatepass"))
    if MIN_SECRET_BYTES <= size <= MAX_SECRET_BYTES:
        return None
    detail = f"A secret has {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes."
    return FieldError("/secret", "invalid_length", detail)


def _is_tolerance(value: object) -> bool:
    # True is an int to Python, and not one to a caller.
    return (
        isinstance(value, int)
        and not isinstance(value, bool)
        and 1 <= value <= MAX_TOLERANCE_SECONDS
    )

"""How a destination's requests prove where they come from: one value, which the engine reads.

A preset is one ``VerificationConfig``; the document kept with a destination names the preset and
overrides what it says explicitly (``verification_document``).
"""

from dataclasses import dataclass, field

from webhooks.rules.components import ComponentForm, HeaderCheck
from webhooks.rules.sources import Source

DEFAULT_PRESET = "clockhook"
CUSTOM_PRESET = "custom"
SCHEMES = ("hmac", "token", "basic", "ed25519", "ecdsa_p256", "aws_sns", "google_oidc")
# Only the listed headers of ``authentication``; what a document means that has nothing else.
HEADERS_SCHEME = "headers"
SECRETLESS_SCHEMES = ("aws_sns", "google_oidc", HEADERS_SCHEME)
SIGNED_SCHEMES = ("hmac", "ed25519", "ecdsa_p256")
TOKEN_SCHEMES = ("token", "basic")
MAX_TOLERANCE_SECONDS = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationConfig:
    """Where the signature stands, how it is written, what it covers, and when it is fresh.

    ``signed`` and ``signed_without_timestamp`` are templates of literals and placeholders, joined
    as bytes. The second one is for requests without the timestamp; None, or ``require_timestamp``,
    refuses those.
    """

    scheme: str = "hmac"
    algorithm: str = "sha256"
    # Says ``algorithm=HMAC_SHA256`` where the sender has been told to use another one.
    algorithm_header: str | None = None
    signature: Source | None = None
    # May stand before the signature, and says nothing.
    optional_prefix: str = ""
    item_separator: str = ""
    key_separator: str = ""
    key: str = ""
    # The items that a public key (``whpk_…``) signed, beside those of the shared secret.
    public_key_item: str = ""
    encoding: str = "hex"
    signed: str = "{body}"
    signed_without_timestamp: str | None = None
    timestamp: Source | None = None
    timestamp_format: str = "unix"
    # Signed as seconds, whatever the header holds.
    is_timestamp_rendered: bool = False
    # The window is symmetric and inclusive; None: the timestamp is only signed.
    tolerance_seconds: int | None = 300
    require_timestamp: bool = False
    # Where the sender names the delivery, for deduplication; part of what is signed as ``{id}``.
    delivery_id: Source | None = None
    delivery_id_pattern: str | None = None
    secret_encoding: str = "utf8"  # noqa: S105 - an encoding
    secret_prefix: str = ""
    # Some senders use the text of a base64 secret as it is.
    is_secret_text_too: bool = False
    url_form: str = "exact"
    body_unsigned: bool = False
    body_format: str = "json"
    verify_token: str | None = field(default=None, repr=False)
    component: ComponentForm | None = None
    authentication: tuple[HeaderCheck, ...] = ()
    topic_arns: tuple[str, ...] = ()
    audience: str | None = None
    service_account_email: str | None = None

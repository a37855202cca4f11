"""The native scheme: an HMAC-SHA256 over the raw body, and over a timestamp where one is sent."""

from webhooks.providers.base import Provider
from webhooks.rules.sources import parse_source
from webhooks.rules.timestamps import UNIX_ANY
from webhooks.rules.verification import VerificationConfig

PROVIDER = Provider(
    name="Clockhook",
    description=(
        "Lowercase hex HMAC-SHA256 in x-amigo-request-signature: of v1:{timestamp}:{body} with "
        "x-amigo-request-timestamp (unix milliseconds), else of the raw body."
    ),
    guide="clockhook",
    verification=VerificationConfig(
        signature=parse_source("header:x-amigo-request-signature"),
        optional_prefix="sha256=",
        signed="v1:{timestamp}:{body}",
        signed_without_timestamp="{body}",
        timestamp=parse_source("header:x-amigo-request-timestamp"),
        timestamp_format=UNIX_ANY,
        delivery_id=parse_source("header:x-amigo-idempotent-key"),
    ),
)
# Everything is the destination's to say.
CUSTOM = Provider(
    name="Custom",
    description="Your own description of the signature, field by field or by components.",
    guide="custom",
    verification=VerificationConfig(),
)

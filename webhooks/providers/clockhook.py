"""The native scheme: an HMAC-SHA256 over the raw body, and over a timestamp where one is sent."""

from webhooks.providers.base import Provider
from webhooks.rules.verification import VerificationConfig

PROVIDER = Provider(
    name="Clockhook",
    description=(
        "Lowercase hex HMAC-SHA256 in x-amigo-request-signature: of v1:{timestamp}:{body} with "
        "x-amigo-request-timestamp (unix milliseconds), else of the raw body."
    ),
    verification=VerificationConfig(
        algorithm="sha256",
        signature_header="x-amigo-request-signature",
        optional_prefix="sha256=",
        signed="v1:{timestamp}:{body}",
        signed_without_timestamp="{body}",
        timestamp_header="x-amigo-request-timestamp",
        delivery_id_header="x-amigo-idempotent-key",
    ),
)

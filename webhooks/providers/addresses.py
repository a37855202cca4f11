"""Senders that sign the address that they post to, too."""

from webhooks.providers.base import IGNORE, Provider
from webhooks.rules.sources import parse_source
from webhooks.rules.verification import VerificationConfig

HUBSPOT = Provider(
    name="HubSpot",
    description="Webhooks of a HubSpot app (signature v3), signed with its client secret.",
    guide="hubspot",
    verification=VerificationConfig(
        signature=parse_source("header:x-hubspot-signature-v3"),
        encoding="base64",
        signed="{method}{url}{body}{timestamp}",
        timestamp=parse_source("header:x-hubspot-request-timestamp"),
        timestamp_format="unix_ms",
        url_form="hubspot",
        delivery_id=parse_source("body:0.eventId"),
    ),
    event_type_paths=("[].subscriptionType", "subscriptionType"),
    batch=True,
    # HubSpot says that its eventId alone is not unique.
    element_id=("eventId", "subscriptionId", "objectId", "occurredAt"),
    on_unaccepted_event=IGNORE,
)
SQUARE = Provider(
    name="Square",
    description="Square webhook subscriptions, signed with their signature key.",
    guide="square",
    verification=VerificationConfig(
        signature=parse_source("header:x-square-hmacsha256-signature"),
        encoding="base64",
        signed="{url}{body}",
        delivery_id=parse_source("body:event_id"),
    ),
    event_type_paths=("type",),
    is_digest_deduped=True,
)
TWILIO = Provider(
    name="Twilio",
    description="Messages, calls and their states, signed with the auth token or a shared key.",
    guide="twilio",
    verification=VerificationConfig(
        algorithm="sha1",
        algorithm_header="x-twilio-webhooks-signature-settings",
        signature=parse_source("header:x-twilio-signature"),
        encoding="base64",
        signed="{url}{form_sorted}",
        url_form="twilio",
        delivery_id=parse_source("header:i-twilio-idempotency-token"),
        body_format="form",
    ),
    event_type_paths=("EventType", "MessageStatus", "CallStatus", "SmsStatus"),
    body_format="form",
    methods=("POST", "GET"),
)

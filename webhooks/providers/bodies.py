"""An HMAC over the body in a header of the sender's own, with or without a timestamp."""

from webhooks.providers.base import IGNORE, Provider
from webhooks.rules.challenges import answer_salesforce
from webhooks.rules.sources import parse_source
from webhooks.rules.verification import VerificationConfig

SHOPIFY = Provider(
    name="Shopify",
    description="Shopify webhooks, signed with the app's client secret or the shop's key.",
    guide="shopify",
    verification=VerificationConfig(
        signature=parse_source("header:x-shopify-hmac-sha256"),
        encoding="base64",
        delivery_id=parse_source("header:x-shopify-webhook-id"),
    ),
    event_type_paths=("header:x-shopify-topic",),
    allow_unsigned_event_header=True,
    is_digest_deduped=True,
)
SALESFORCE_ENS = Provider(
    name="Salesforce Marketing Cloud",
    description="The Event Notification Service of Marketing Cloud Engagement.",
    guide="salesforce_ens",
    verification=VerificationConfig(
        signature=parse_source("header:x-sfmc-ens-signature"), encoding="base64"
    ),
    event_type_paths=("[].eventCategoryType", "eventCategoryType"),
    batch=True,
    # It names neither deliveries nor events, and signs no time.
    is_digest_deduped=True,
    on_unaccepted_event=IGNORE,
    unsigned_challenge=answer_salesforce,
)
TYPEFORM = Provider(
    name="Typeform",
    description="Typeform webhooks with a secret.",
    guide="typeform",
    verification=VerificationConfig(
        signature=parse_source("header:typeform-signature"),
        key_separator="=",
        key="sha256",
        encoding="base64",
        delivery_id=parse_source("body:event_id"),
    ),
    event_type_paths=("event_type",),
)
ZENDESK = Provider(
    name="Zendesk",
    description="Zendesk webhooks, signed with the webhook's signing secret.",
    guide="zendesk",
    verification=VerificationConfig(
        signature=parse_source("header:x-zendesk-webhook-signature"),
        encoding="base64",
        signed="{timestamp}{body}",
        timestamp=parse_source("header:x-zendesk-webhook-signature-timestamp"),
        timestamp_format="rfc3339",
        delivery_id=parse_source("body:id"),
    ),
    event_type_paths=("type",),
)
LINEAR = Provider(
    name="Linear",
    description="Linear webhooks, signed with the webhook's signing secret.",
    guide="linear",
    verification=VerificationConfig(
        signature=parse_source("header:linear-signature"),
        timestamp=parse_source("body:webhookTimestamp"),
        timestamp_format="unix_ms",
        tolerance_seconds=60,
        delivery_id=parse_source("header:linear-delivery"),
    ),
    event_type_paths=("{type}.{action}", "type"),
)
MAILGUN = Provider(
    name="Mailgun",
    description="Mailgun webhooks: the signature in the body covers a token, not the event.",
    guide="mailgun",
    verification=VerificationConfig(
        signature=parse_source("body:signature.signature"),
        signed="{timestamp}{id}",
        timestamp=parse_source("body:signature.timestamp"),
        delivery_id=parse_source("body:signature.token"),
        body_unsigned=True,
    ),
    event_type_paths=("event-data.event",),
)

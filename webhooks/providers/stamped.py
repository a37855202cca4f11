"""Timestamp and body, joined with a dot: Stripe's way, and those who took it up."""

from dataclasses import replace

from webhooks.providers.base import Provider
from webhooks.rules.sources import parse_source
from webhooks.rules.verification import VerificationConfig

_VERIFICATION = VerificationConfig(
    signature=parse_source("header:stripe-signature"),
    item_separator=",",
    key_separator="=",
    key="v1",
    signed="{timestamp}.{body}",
    timestamp=parse_source("signature:t"),
)

STRIPE = Provider(
    name="Stripe",
    description="Stripe event destinations; the signing secret is used with its whsec_.",
    guide="stripe",
    verification=replace(_VERIFICATION, delivery_id=parse_source("body:id")),
    event_type_paths=("type",),
)
CALENDLY = Provider(
    name="Calendly",
    description="Calendly webhook subscriptions with a signing key.",
    guide="calendly",
    verification=replace(
        _VERIFICATION,
        signature=parse_source("header:calendly-webhook-signature"),
        tolerance_seconds=180,
    ),
    event_type_paths=("event",),
)
ZOHO_PAYMENTS = Provider(
    name="Zoho Payments",
    description="Zoho Payments webhooks with a signing key.",
    guide="zoho_payments",
    verification=replace(
        _VERIFICATION,
        signature=parse_source("header:x-zoho-webhook-signature|x-zohowebhook-signature"),
        key="v",
        timestamp_format="unix_ms",
        delivery_id=parse_source("body:event_id"),
    ),
    event_type_paths=("event_type", "event", "type"),
)
AGH = Provider(
    name="AGH",
    description="Webhooks of an AGH agent host: timestamp and body, hex after sha256=.",
    guide="agh",
    verification=replace(
        _VERIFICATION,
        signature=parse_source("header:x-agh-webhook-signature"),
        item_separator="",
        key="sha256",
        timestamp=parse_source("header:x-agh-webhook-timestamp"),
        timestamp_format="auto",
        is_timestamp_rendered=True,
        delivery_id=parse_source("header:x-agh-webhook-delivery-id"),
    ),
)

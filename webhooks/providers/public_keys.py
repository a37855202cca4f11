"""Senders that sign with a private key and publish the other half."""

from webhooks.providers.base import IGNORE, Provider
from webhooks.rules.challenges import answer_discord
from webhooks.rules.sources import parse_source
from webhooks.rules.verification import VerificationConfig

DISCORD = Provider(
    name="Discord",
    description="Webhook events and interactions of a Discord app, checked with its public key.",
    guide="discord",
    verification=VerificationConfig(
        scheme="ed25519",
        signature=parse_source("header:x-signature-ed25519"),
        signed="{timestamp}{body}",
        timestamp=parse_source("header:x-signature-timestamp"),
        # Discord names no window, and its retries keep the first timestamp.
        tolerance_seconds=None,
        secret_encoding="hex",  # noqa: S106 - an encoding
    ),
    event_type_paths=("event.type",),
    on_unaccepted_event=IGNORE,
    signed_challenge=answer_discord,
)
SENDGRID = Provider(
    name="SendGrid",
    description="SendGrid's signed event webhook, checked with its verification key.",
    guide="sendgrid",
    verification=VerificationConfig(
        scheme="ecdsa_p256",
        signature=parse_source("header:x-twilio-email-event-webhook-signature"),
        encoding="base64",
        signed="{timestamp}{body}",
        timestamp=parse_source("header:x-twilio-email-event-webhook-timestamp"),
        delivery_id=parse_source("body:0.sg_event_id"),
        secret_encoding="spki",  # noqa: S106 - an encoding
    ),
    event_type_paths=("[].event", "event"),
    batch=True,
    element_id=("sg_event_id",),
    on_unaccepted_event=IGNORE,
)

"""Clouds that sign with certificates which they publish."""

from webhooks.providers.base import Provider
from webhooks.rules.challenges import answer_sns
from webhooks.rules.sources import parse_source
from webhooks.rules.verification import VerificationConfig

AWS_SNS = Provider(
    name="Amazon SNS",
    description="Notifications of Amazon SNS topics, checked with Amazon's certificate.",
    guide="aws_sns",
    verification=VerificationConfig(
        scheme="aws_sns",
        signature=parse_source("body:Signature"),
        encoding="base64",
        delivery_id=parse_source("body:MessageId"),
    ),
    event_type_paths=("Type",),
    signed_challenge=answer_sns,
)
GOOGLE_PUBSUB = Provider(
    name="Google Pub/Sub",
    description="Authenticated push subscriptions of Google Cloud Pub/Sub.",
    guide="google_pubsub",
    verification=VerificationConfig(
        scheme="google_oidc",
        signature=parse_source("header:authorization"),
        delivery_id=parse_source("body:message.messageId"),
    ),
    event_type_paths=("message.attributes.eventType", "message.attributes.type"),
)

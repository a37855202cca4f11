"""Senders that sign nothing and bring a secret along."""

from webhooks.providers.base import Provider
from webhooks.rules.sources import parse_source
from webhooks.rules.verification import VerificationConfig

KORTIX = Provider(
    name="Kortix",
    description="Webhook triggers of Kortix: the secret in X-Trigger-Secret.",
    guide="kortix",
    verification=VerificationConfig(
        scheme="token", signature=parse_source("header:x-trigger-secret")
    ),
    event_type_paths=("event", "type", "event_type"),
)
GITLAB_TOKEN = Provider(
    name="GitLab (secret token)",
    description="GitLab webhooks with a secret token in X-Gitlab-Token.",
    guide="gitlab_token",
    verification=VerificationConfig(
        scheme="token",
        signature=parse_source("header:x-gitlab-token"),
        delivery_id=parse_source("header:idempotency-key"),
    ),
    event_type_paths=("object_kind", "event_name"),
    is_secret_chosen_elsewhere=True,
)
HEADER_SECRET = Provider(
    name="A secret in a header",
    description="Any sender that can add a header of its own: name it in verification.signature.",
    guide="header_secret",
    verification=VerificationConfig(
        scheme="token",
        signature=parse_source(
            "header:x-webhook-secret|x-webhook-token|x-secret-token|x-api-key|authorization"
        ),
        delivery_id=parse_source("header:idempotency-key"),
    ),
)
PIPEDRIVE = Provider(
    name="Pipedrive",
    description="Pipedrive webhooks with HTTP authentication; the secret is user:password.",
    guide="pipedrive",
    verification=VerificationConfig(
        scheme="basic",
        signature=parse_source("header:authorization"),
        delivery_id=parse_source("body:meta.id"),
        # Version 1 has the changed object's number there, which names no delivery.
        delivery_id_pattern="^([0-9a-f]{8}-[0-9a-f-]{27})$",
    ),
    event_type_paths=("{meta.action}.{meta.entity}", "event", "{meta.action}.{meta.object}"),
)
ZOHO_CRM = Provider(
    name="Zoho CRM",
    description="Notifications of Zoho CRM, which bring the channel's token in their body.",
    guide="zoho_crm",
    verification=VerificationConfig(
        scheme="token", signature=parse_source("body:token"), body_format="any"
    ),
    event_type_paths=("{module}.{operation}", "operation"),
)

"""Standard Webhooks, and those who sign by it: id, timestamp and body, under a base64 secret."""

from dataclasses import replace

from webhooks.providers.base import Provider
from webhooks.rules.event_types import DEFAULT_PATHS
from webhooks.rules.sources import parse_source
from webhooks.rules.verification import VerificationConfig

_VERIFICATION = VerificationConfig(
    signature=parse_source("header:webhook-signature|svix-signature"),
    item_separator=" ",
    key_separator=",",
    key="v1",
    public_key_item="v1a",
    encoding="base64",
    signed="{id}.{timestamp}.{body}",
    timestamp=parse_source("header:webhook-timestamp|svix-timestamp"),
    delivery_id=parse_source("header:webhook-id|svix-id"),
    secret_encoding="base64",  # noqa: S106 - an encoding
    secret_prefix="whsec_",  # noqa: S106 - what stands before every one
)

STANDARD_WEBHOOKS = Provider(
    name="Standard Webhooks",
    description="Any sender that follows the Standard Webhooks specification (v1 and v1a).",
    guide="standard_webhooks",
    verification=_VERIFICATION,
)
SVIX = Provider(
    name="Svix",
    description="Any sender that delivers through Svix: Clerk, Resend, Brex and many others.",
    guide="svix",
    verification=replace(
        _VERIFICATION,
        signature=parse_source("header:svix-signature|webhook-signature"),
        timestamp=parse_source("header:svix-timestamp|webhook-timestamp"),
        delivery_id=parse_source("header:svix-id|webhook-id"),
    ),
)
GITLAB_SIGNING = Provider(
    name="GitLab (signing token)",
    description="GitLab webhooks with a signing token: the body is signed.",
    guide="gitlab_signing",
    verification=_VERIFICATION,
    event_type_paths=("object_kind", "event_name"),
)
COMPOSIO = Provider(
    name="Composio",
    description="Events of Gmail, Slack, GitHub, Google Calendar and others through Composio.",
    guide="composio",
    verification=replace(_VERIFICATION, is_secret_text_too=True),
    event_type_paths=("metadata.trigger_slug", *DEFAULT_PATHS),
)

"""The presets: one line per name under which a destination may ask for one."""

from collections.abc import Mapping
from typing import Any

from webhooks.providers import (
    addresses,
    bodies,
    certified,
    clockhook,
    hub_signatures,
    public_keys,
    shared_tokens,
    stamped,
    standard_webhooks,
    versioned,
)
from webhooks.providers.base import Provider
from webhooks.rules.verification import VerificationConfig
from webhooks.rules.verification_document import choose_preset, override_config

__all__ = ["CONFIGS", "PROVIDERS", "Provider", "build_config", "find_provider"]

PROVIDERS: dict[str, Provider] = {
    "clockhook": clockhook.PROVIDER,
    "amigo": clockhook.PROVIDER,
    "custom": clockhook.CUSTOM,
    "standard_webhooks": standard_webhooks.STANDARD_WEBHOOKS,
    "svix": standard_webhooks.SVIX,
    "gitlab_signing": standard_webhooks.GITLAB_SIGNING,
    "composio": standard_webhooks.COMPOSIO,
    "github": hub_signatures.GITHUB,
    "meta": hub_signatures.META,
    "jira": hub_signatures.JIRA,
    "bitbucket": hub_signatures.BITBUCKET,
    "intercom": hub_signatures.INTERCOM,
    "stripe": stamped.STRIPE,
    "calendly": stamped.CALENDLY,
    "zoho_payments": stamped.ZOHO_PAYMENTS,
    "agh": stamped.AGH,
    "slack": versioned.SLACK,
    "zoom": versioned.ZOOM,
    "shopify": bodies.SHOPIFY,
    "salesforce_ens": bodies.SALESFORCE_ENS,
    "typeform": bodies.TYPEFORM,
    "zendesk": bodies.ZENDESK,
    "linear": bodies.LINEAR,
    "mailgun": bodies.MAILGUN,
    "hubspot": addresses.HUBSPOT,
    "square": addresses.SQUARE,
    "twilio": addresses.TWILIO,
    "discord": public_keys.DISCORD,
    "sendgrid": public_keys.SENDGRID,
    "kortix": shared_tokens.KORTIX,
    "gitlab_token": shared_tokens.GITLAB_TOKEN,
    "header_secret": shared_tokens.HEADER_SECRET,
    "pipedrive": shared_tokens.PIPEDRIVE,
    "zoho_crm": shared_tokens.ZOHO_CRM,
    "aws_sns": certified.AWS_SNS,
    "google_pubsub": certified.GOOGLE_PUBSUB,
}
CONFIGS: dict[str, VerificationConfig] = {
    name: provider.verification for name, provider in PROVIDERS.items()
}


def find_provider(document: Mapping[str, Any]) -> Provider:
    """The preset that a checked verification document names."""
    return PROVIDERS[choose_preset(document)]


def build_config(document: Mapping[str, Any]) -> VerificationConfig:
    """What a checked verification document means: the preset that it names, and its own words."""
    return override_config(find_provider(document).verification, document)

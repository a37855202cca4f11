"""The presets: one line per name under which a destination may ask for one."""

from collections.abc import Mapping
from typing import Any

from webhooks.providers import clockhook
from webhooks.providers.base import Provider
from webhooks.rules.verification import DEFAULT_PRESET, VerificationConfig, override_config

__all__ = ["PROVIDERS", "Provider", "build_config"]

PROVIDERS: dict[str, Provider] = {
    "clockhook": clockhook.PROVIDER,
    "amigo": clockhook.PROVIDER,
}


def build_config(document: Mapping[str, Any]) -> VerificationConfig:
    """What a checked verification document means: the preset that it names, and its own words."""
    provider = PROVIDERS[document.get("preset", DEFAULT_PRESET)]
    return override_config(provider.verification, document)

"""What can fire a trigger: the schedule, events, and each webhook preset."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from triggers.rules.sources import list_sources
from webhooks.providers import PROVIDERS
from webhooks.rules.verification import MAX_TOLERANCE_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedProvider:
    """One of them; ``config_schema`` is of a trigger's fields, or of a destination's."""

    provider_id: str
    name: str
    description: str
    trigger_type: str
    webhook_enabled: bool
    config_schema: Mapping[str, Any]


def list_providers() -> list[ListedProvider]:
    """All of them, the presets last, in the order of their table."""
    return [*_list_sources(), *_list_presets()]


def _list_sources() -> Iterator[ListedProvider]:
    for provider_id, source in list_sources().items():
        yield ListedProvider(
            provider_id=provider_id,
            name=source.name,
            description=source.description,
            trigger_type=provider_id,
            webhook_enabled=False,
            config_schema=source.config_schema,
        )


def _list_presets() -> Iterator[ListedProvider]:
    for preset, provider in PROVIDERS.items():
        yield ListedProvider(
            provider_id=preset,
            name=provider.name,
            description=provider.description,
            trigger_type="webhook",
            webhook_enabled=True,
            config_schema=_describe_preset(preset),
        )


def _describe_preset(preset: str) -> dict[str, Any]:
    """The destination's fields that turn the preset on."""
    return {
        "type": "object",
        "required": ["verification"],
        "properties": {
            "verification": {
                "type": "object",
                "required": ["preset"],
                "properties": {
                    "preset": {"const": preset},
                    "require_timestamp": {"type": "boolean"},
                    "tolerance_seconds": {
                        "type": "integer",
                        "minimum": 1,
                        "maximum": MAX_TOLERANCE_SECONDS,
                    },
                },
            },
            "secret": {"type": "string", "writeOnly": True},
        },
    }

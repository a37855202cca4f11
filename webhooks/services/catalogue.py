"""What can fire a trigger: the schedule, events, and each webhook preset."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from triggers.rules.sources import list_sources
from webhooks.providers import PROVIDERS, Provider
from webhooks.providers.base import IGNORE, REJECT
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
            config_schema=_describe_preset(preset, provider),
        )


def _describe_preset(preset: str, provider: Provider) -> dict[str, Any]:
    """The destination's fields that turn the preset on, and those that it has a say in."""
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
            **_describe_options(provider),
        },
    }


def _describe_options(provider: Provider) -> dict[str, Any]:
    """What holds where the destination says nothing, or null."""
    defaults = provider.body_options.as_json()
    kinds: dict[str, dict[str, Any]] = {
        "event_type_paths": {"type": ["array", "null"], "items": {"type": "string"}},
        "allow_unsigned_event_header": {"type": ["boolean", "null"]},
        "on_unaccepted_event": {"enum": [REJECT, IGNORE, None]},
        "body_format": {"type": ["string", "null"]},
        "batch": {"type": ["boolean", "null"]},
    }
    described = {name: {**kind, "default": defaults[name]} for name, kind in kinds.items()}
    ways = ["by the delivery's id"] if provider.verification.delivery_id else []
    ways += ["by the digest of its body"] if provider.is_digest_deduped else []
    told = " and ".join(ways) or "not at all"
    return {
        **described,
        "dedupe": {
            "type": ["object", "null"],
            "default": None,
            "description": f"Null: a delivery that comes again is known {told}.",
        },
    }

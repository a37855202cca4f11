"""The kinds as clients see them, so that they can draw a form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from actions.kinds import load_kinds
from actions.rules.retry import RetryPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionType:
    """One kind: what an action of it is configured with, what its runs take, how it is retried."""

    action_type: str
    name: str
    description: str
    queue: str
    config_schema: Mapping[str, Any]
    input_schema: Mapping[str, Any]
    default_retry: RetryPolicy


def list_action_types() -> list[ActionType]:
    """Every kind, ours first, in a stable order."""
    return [
        ActionType(
            action_type=action_type,
            name=kind.name,
            description=kind.description,
            queue=kind.queue,
            config_schema=kind.config_schema,
            input_schema=kind.input_schema,
            default_retry=kind.default_retry,
        )
        for action_type, kind in load_kinds().items()
    ]

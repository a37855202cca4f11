"""An event as a value, and the closed vocabulary of types that the product itself writes.

Beside these, a workspace publishes types of its own, through the API or with the action kind
``emit_event``; those may not begin with a system prefix.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

# Who wrote it: fires and runs; the webhook door; a workspace's caller; an operator.
AUTOMATION: Final = "AUTOMATION"
WEBHOOK: Final = "WEBHOOK"
API: Final = "API"
OPERATOR: Final = "OPERATOR"
SOURCES: Final = (AUTOMATION, WEBHOOK, API, OPERATOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """One event to append. ``id`` is a fresh UUIDv7: its time becomes ``created_at``.

    ``chain_id`` None begins a chain, whose id is then this event's. ``effective_at`` is when it
    happened.
    """

    id: UUID
    workspace_id: UUID
    event_type: str
    source: str
    entity_type: str
    entity_id: UUID | None
    data: dict[str, Any]
    effective_at: dt.datetime
    chain_id: UUID | None = None
    parent_id: UUID | None = None
    run_id: UUID | None = None
    trigger_id: UUID | None = None
    destination_id: UUID | None = None
    delivery_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class EventType:
    """One word of the vocabulary: when it is written, and the members of its ``data``."""

    name: str
    when: str
    data: Mapping[str, str]


_TRIGGERED_BY = {"triggered_by": "what caused the run, such as `webhook:<destination id>`"}
_ERROR = {"error": "`{code, message, retryable}` of the attempt that failed"}
_WHO = {"by": "who did it: `key:<id>`, `user:<id>` or `system`"}

_CHAIN = (
    EventType(
        "trigger.fired",
        "A run was made: the first event of its chain.",
        {
            **_TRIGGERED_BY,
            "manual": "true for a call of `fire`",
            "cause": "`schedule`, `webhook`, `manual`, `rerun` …",
            "fire_id": "the row of the ledger of fires; null for a rerun",
            "action_id": "what will be done",
            "action_type": "the action's kind",
            "scheduled_for": "the slot, for schedule fires",
            "forced": "true when a paused trigger was fired by hand",
            "rerun_of": "the run that this one repeats",
        },
    ),
    EventType(
        "trigger.completed",
        "The run ended well.",
        {
            **_TRIGGERED_BY,
            "duration_ms": "from the first start to the end",
            "events_written": "how many events the action itself wrote",
        },
    ),
    EventType(
        "trigger.retrying",
        "An attempt failed, or its worker vanished (`worker_lost`); another will follow.",
        {
            **_TRIGGERED_BY,
            "attempt": "the number of the attempt that failed, from 1",
            **_ERROR,
            "next_attempt_at": "not before then",
        },
    ),
    EventType("trigger.failed", "The run ended without success.", {**_TRIGGERED_BY, **_ERROR}),
    EventType(
        "trigger.cancelled",
        "The run was ended by a caller.",
        {**_TRIGGERED_BY, **_WHO, "previous_status": "what it was"},
    ),
    EventType(
        "trigger.delegated",
        "The work was handed to an outside system, which reports back.",
        {**_TRIGGERED_BY, "deadline_at": "when the run fails without a report"},
    ),
    EventType(
        "trigger.skipped",
        "A cause fired nothing.",
        {**_TRIGGERED_BY, "reason": "why, such as `action_disabled`"},
    ),
    EventType(
        "trigger.missed",
        "Slots passed unfired while no scheduler ran, or later than the grace allows.",
        {
            "scheduled_for": "the first slot",
            "scheduled_until": "the last",
            "slot_count": "how many",
        },
    ),
)
_TRIGGER_CHANGES = (
    EventType(
        "trigger.auto_paused",
        "The product paused a trigger by itself.",
        {"reason": "why, such as a schedule that can no longer be computed"},
    ),
    EventType("trigger.created", "A trigger was made.", {**_WHO, "name": "its name"}),
    EventType(
        "trigger.updated", "A trigger was changed.", {**_WHO, "changed": "the fields' names"}
    ),
    EventType(
        "trigger.paused",
        "A trigger was paused.",
        {**_WHO, "reason": "as given", "until": "as given"},
    ),
    EventType("trigger.resumed", "A trigger was resumed.", _WHO),
    EventType("trigger.deleted", "A trigger was deleted.", {**_WHO, "name": "its name"}),
)
_DELIVERY = {"cause": "why, as the delivery shows it"}
_DELIVERIES = (
    EventType(
        "webhook.received",
        "A genuine delivery fired its trigger.",
        {
            "event_type": "the payload's own type",
            "fire_id": "the fire that it made",
            "fired_event_id": "the first event of the chain that it began",
            "run_id": "the run",
        },
    ),
    EventType("webhook.filtered", "A genuine delivery fired nothing.", _DELIVERY),
    EventType("webhook.rejected", "A delivery was refused.", _DELIVERY),
    EventType(
        "webhook.duplicate",
        "A delivery came again.",
        {"duplicate_of": "the first delivery", "fired_event_id": "the first one's"},
    ),
)

# Every system type that any room writes; docs/events.md explains them to users.
EVENT_TYPES: Final[dict[str, EventType]] = {
    word.name: word for word in (*_CHAIN, *_TRIGGER_CHANGES, *_DELIVERIES)
}
# What callers did to a trigger: no part of its history of fires.
AUDIT_TYPES: Final = (
    "trigger.created",
    "trigger.updated",
    "trigger.paused",
    "trigger.resumed",
    "trigger.deleted",
)

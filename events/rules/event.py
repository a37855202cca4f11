"""An event as a value, and the closed vocabulary of types that the product itself writes.

Beside these, a workspace publishes types of its own, through the API or with the action kind
``emit_event``; those may not begin with a system prefix.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from workspaces.rules.callers import Caller

# Who wrote it: fires and runs; the webhook door; a workspace's caller; an operator.
AUTOMATION: Final = "AUTOMATION"
WEBHOOK: Final = "WEBHOOK"
API: Final = "API"
OPERATOR: Final = "OPERATOR"
SOURCES: Final = (AUTOMATION, WEBHOOK, API, OPERATOR)


def name_source(caller: Caller) -> str:
    """The source of what a caller of the API writes."""
    return OPERATOR if caller.is_operator else API


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


_TRIGGERED_BY = {"triggered_by": "what caused it, such as `webhook:<destination id>`"}
_ERROR = {"error": "`{code, message, retryable}` of the attempt that failed"}
_BY = {"by": "who did it: `key:<id>` or `user:<id>`"}

_CHAIN = (
    EventType(
        "trigger.fired",
        "A run was made: the first event of its chain.",
        {
            **_TRIGGERED_BY,
            "manual": "true for a call of `fire` or `rerun`",
            "cause": "`schedule`, `webhook`, `manual` or `backfill`",
            "action_id": "what will be done",
            "action_type": "the action's kind",
            "scheduled_for": "the slot, when the cause is `schedule` or `backfill`",
            "forced": "true, when a paused trigger was fired by hand",
            "delivery_id": "the delivery, when the cause is `webhook`",
            "event_type": "the payload's own type, when the cause is `webhook`",
            "element": "its place in the delivery, when that is a batch",
            "rerun_of": "the run that is repeated, when one is",
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
        "A caller ended the run, or a later fire of its trigger.",
        {
            **_TRIGGERED_BY,
            "cancelled_by": "who: `key:<id>`, `user:<id>` or `system:overlap`",
            "reason": "which fire took its place, for `system:overlap`",
        },
    ),
    EventType(
        "trigger.delegated",
        "The work was handed to an outside system, which reports back.",
        _TRIGGERED_BY,
    ),
    EventType(
        "trigger.skipped",
        "A cause reached the ledger of fires and started no run.",
        {
            **_TRIGGERED_BY,
            "reason": "the fire's outcome, such as `action_disabled`",
            "detail": "the same in a sentence",
            "scheduled_for": "the slot, when the cause is `schedule` or `backfill`",
            "errors": "what the action refuses in the input, when that is the reason",
        },
    ),
    EventType(
        "trigger.missed",
        "Slots passed while no scheduler ran, and were given up or replaced by one.",
        {
            **_TRIGGERED_BY,
            "count": "how many slots",
            "first": "the first of them",
            "last": "the last of them",
        },
    ),
)
_CALLS = (
    EventType(
        "outbound.scheduled",
        "A call was scheduled, by a run.",
        {
            **_TRIGGERED_BY,
            "call_id": "the call",
            "next_attempt_at": "the first attempt is made no earlier: its window opens then",
            "phone_to": "the number to call",
            "phone_from": "the number to call from",
            "reason": "as given",
            "goal": "as given",
            "priority": "1 to 10; higher ones first",
            "max_attempts": "as given",
            "retry_backoff_minutes": "as given",
            "window": "`{start, end, timezone, days}`",
            "service_id": "as given",
            "patient_entity_id": "as given",
            "provider": "who will place it",
        },
    ),
    EventType(
        "outbound.dispatched",
        "An attempt was placed.",
        {
            **_TRIGGERED_BY,
            "attempt": "its number, from 1",
            "call_sid": "the provider's id of it",
            "provider": "who placed it",
        },
    ),
    EventType(
        "outbound.retrying",
        "An attempt failed, or its worker vanished; another will follow.",
        {
            **_TRIGGERED_BY,
            "attempt": "the number of the attempt that failed",
            "reason": "why, such as `busy`",
            "error": "`{code, message, retryable}`",
            "next_attempt_at": "not before then",
        },
    ),
    EventType(
        "outbound.completed",
        "The call was answered, and ended.",
        {**_TRIGGERED_BY, "attempt": "which one", "call_sid": "its id", "outcome": "`answered`"},
    ),
    EventType(
        "outbound.failed",
        "No attempt is left, or none can succeed.",
        {**_TRIGGERED_BY, "attempt": "the last one", "reason": "why", **_ERROR},
    ),
    EventType(
        "outbound.cancelled",
        "A caller ended the call.",
        {**_TRIGGERED_BY, "cancelled_by": "who: `key:<id>` or `user:<id>`"},
    ),
)
_TRIGGER_CHANGES = (
    EventType(
        "trigger.auto_paused",
        "The product paused a trigger by itself.",
        {**_TRIGGERED_BY, "reason": "why, such as a schedule that cannot be evaluated"},
    ),
    EventType("trigger.created", "A trigger was made.", _BY),
    EventType(
        "trigger.updated",
        "A trigger was changed.",
        {**_BY, "changed": "the fields' names", "is_active": "the new value, when it changed"},
    ),
    EventType(
        "trigger.paused", "A trigger was paused.", {**_BY, "reason": "why", "until": "until when"}
    ),
    EventType("trigger.resumed", "A trigger was resumed.", _BY),
    EventType("trigger.deleted", "A trigger was deleted.", {**_BY, "name": "its name"}),
)
_DELIVERY = {
    "destination_id": "where it arrived",
    "trigger_id": "the trigger behind it",
    "delivery_id": "the delivery",
    "event_type": "the payload's own type; null when none was found",
    "cause": "why it was not accepted; null when it was",
    "fire_id": "the fire, when there is one",
    "fired_event_id": "the first event of the chain that it began, when it did",
    "run_id": "the run, when there is one",
    "duplicate_of": "the first delivery, for a duplicate",
}
_ELEMENTS = {"elements": "of a batch: how many there are, in all and of each status"}
_SUBSCRIPTION = {
    "destination_id": "where it arrived",
    "trigger_id": "the trigger behind it",
    "delivery_id": "the delivery that asked",
    "topic_arn": "the topic",
    "attempts": "how often its address was visited",
}
_DELIVERIES = (
    EventType("webhook.received", "A genuine delivery fired its trigger.", _DELIVERY | _ELEMENTS),
    EventType("webhook.filtered", "A genuine delivery fired nothing.", _DELIVERY | _ELEMENTS),
    EventType("webhook.rejected", "A delivery was refused.", _DELIVERY),
    EventType(
        "webhook.duplicate",
        "A delivery came again; the ids are those of the first one.",
        {**_DELIVERY, **_ELEMENTS, "first_event_id": "the first delivery's own event"},
    ),
    EventType(
        "webhook.subscription_confirmed",
        "Amazon SNS was told that its topic may deliver here.",
        _SUBSCRIPTION,
    ),
    EventType(
        "webhook.subscription_failed",
        "Amazon SNS could not be told so, and will not be asked again.",
        {**_SUBSCRIPTION, "error": "why, in a sentence"},
    ),
)

# Every system type that any room writes; docs/events.md explains them to users.
EVENT_TYPES: Final[dict[str, EventType]] = {
    word.name: word for word in (*_CHAIN, *_CALLS, *_TRIGGER_CHANGES, *_DELIVERIES)
}
# What callers did to a trigger: no part of its history of fires.
AUDIT_TYPES: Final = (
    "trigger.created",
    "trigger.updated",
    "trigger.paused",
    "trigger.resumed",
    "trigger.deleted",
)
# Written for every fire that goes well; all others are rare beside them.
COMMON_TYPES: Final = (
    "trigger.fired",
    "trigger.completed",
    "webhook.received",
    "outbound.scheduled",
    "outbound.dispatched",
    "outbound.completed",
)

"""The life of a run: which moves exist, and which event each one writes.

``docs/states.md`` draws this table. A move that is not in it cannot be made.
"""

from typing import Final

QUEUED: Final = "queued"
RUNNING: Final = "running"
DELEGATED: Final = "delegated"
COMPLETED: Final = "completed"
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"

STATUSES: Final = (QUEUED, RUNNING, DELEGATED, COMPLETED, FAILED, CANCELLED)
TERMINAL: Final = frozenset({COMPLETED, FAILED, CANCELLED})

# Whose events a run's moves write: those of its trigger, or those of the outbound call it places.
TRIGGER: Final = "trigger"
OUTBOUND: Final = "outbound"

# The claim, queued → running, is the one move that writes no event: it says nothing that the next
# one does not.
TRANSITIONS: Final[dict[tuple[str, str], str]] = {
    (RUNNING, COMPLETED): "trigger.completed",
    (RUNNING, FAILED): "trigger.failed",
    (RUNNING, CANCELLED): "trigger.cancelled",
    (RUNNING, QUEUED): "trigger.retrying",
    (RUNNING, DELEGATED): "trigger.delegated",
    (QUEUED, CANCELLED): "trigger.cancelled",
    (QUEUED, FAILED): "trigger.failed",
    (DELEGATED, COMPLETED): "trigger.completed",
    (DELEGATED, FAILED): "trigger.failed",
    (DELEGATED, CANCELLED): "trigger.cancelled",
    (DELEGATED, QUEUED): "trigger.retrying",
}

# The same moves of a run that places an outbound call.
FAMILIES: Final[dict[str, dict[tuple[str, str], str]]] = {
    TRIGGER: TRANSITIONS,
    OUTBOUND: {
        (RUNNING, COMPLETED): "outbound.completed",
        (RUNNING, FAILED): "outbound.failed",
        (RUNNING, CANCELLED): "outbound.cancelled",
        (RUNNING, QUEUED): "outbound.retrying",
        (RUNNING, DELEGATED): "outbound.dispatched",
        (QUEUED, CANCELLED): "outbound.cancelled",
        (QUEUED, FAILED): "outbound.failed",
        (DELEGATED, COMPLETED): "outbound.completed",
        (DELEGATED, FAILED): "outbound.failed",
        (DELEGATED, CANCELLED): "outbound.cancelled",
        (DELEGATED, QUEUED): "outbound.retrying",
    },
}


def name_event(*, from_status: str, to_status: str, family: str = TRIGGER) -> str:
    """The event type that a move writes.

    Raises:
        ValueError: there is no such move.
    """
    try:
        return FAMILIES[family][from_status, to_status]
    except KeyError:
        raise ValueError(f"a run does not go from {from_status} to {to_status}") from None

"""The verbs of triggers."""

from triggers.models import Fire, SchedulerHeartbeat, ScheduleState, Trigger
from triggers.rules.flow import LIMITED
from triggers.services.auto_pause import pause_failing_triggers
from triggers.services.definitions import (
    ExternalKeyTaken,
    create_trigger,
    delete_trigger,
    pause_trigger,
    resume_elapsed_pauses,
    resume_trigger,
    update_trigger,
)
from triggers.services.due import DueBatch, fire_due_triggers, read_seconds_to_next_slot
from triggers.services.firing import (
    FireLimited,
    FireResult,
    fire_from_webhook,
    fire_trigger_by_hand,
    load_trigger,
)
from triggers.services.flow import has_flow_control
from triggers.services.heartbeats import (
    forget_dead_heartbeats,
    list_live_heartbeats,
    record_heartbeat,
)
from triggers.services.planning import ACTION_DISABLED, FIRED, INPUT_INVALID
from triggers.services.reads import (
    TriggerNotFound,
    find_trigger,
    list_fires,
    list_trigger_history,
    list_triggers,
    read_limits,
)

__all__ = [
    "ACTION_DISABLED",
    "FIRED",
    "INPUT_INVALID",
    "LIMITED",
    "DueBatch",
    "ExternalKeyTaken",
    "Fire",
    "FireLimited",
    "FireResult",
    "ScheduleState",
    "SchedulerHeartbeat",
    "Trigger",
    "TriggerNotFound",
    "create_trigger",
    "delete_trigger",
    "find_trigger",
    "fire_due_triggers",
    "fire_from_webhook",
    "fire_trigger_by_hand",
    "forget_dead_heartbeats",
    "has_flow_control",
    "list_fires",
    "list_live_heartbeats",
    "list_trigger_history",
    "list_triggers",
    "load_trigger",
    "pause_failing_triggers",
    "pause_trigger",
    "read_limits",
    "read_seconds_to_next_slot",
    "record_heartbeat",
    "resume_elapsed_pauses",
    "resume_trigger",
    "update_trigger",
]

"""The verbs of triggers."""

from triggers.models import Backfill, Fire, SchedulerHeartbeat, ScheduleState, Trigger
from triggers.rules.flow import LIMITED
from triggers.services.advancing import advance_backfills
from triggers.services.auto_pause import pause_failing_triggers
from triggers.services.backfills import (
    BackfillNotFound,
    cancel_backfill,
    create_backfill,
    find_backfill,
    list_backfills,
    plan_backfill,
)
from triggers.services.backlog import fire_backlog
from triggers.services.batches import ElementRefused, WebhookElement, fire_batch_from_webhook
from triggers.services.conditions import Sight, look_for_work
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
from triggers.services.explaining import Explanation, explain_slot
from triggers.services.firing import (
    FireLimited,
    FireResult,
    fire_trigger_by_hand,
    load_trigger,
    may_fire_at_once,
    plan_from_webhook,
    write_fire,
    write_fire_at_once,
)
from triggers.services.flow import has_flow_control
from triggers.services.heartbeats import (
    forget_dead_heartbeats,
    list_live_heartbeats,
    record_heartbeat,
)
from triggers.services.history import (
    Outage,
    Telling,
    record_call_by_hand,
    record_slots,
    record_webhook,
)
from triggers.services.leadership import Leadership, open_session
from triggers.services.planning import ACTION_DISABLED, FIRED, INPUT_INVALID, PlannedFire
from triggers.services.previews import (
    Preview,
    UpcomingRun,
    list_upcoming_runs,
    preview_schedule,
)
from triggers.services.reads import (
    TriggerNotFound,
    find_trigger,
    list_fires,
    list_trigger_history,
    list_triggers,
    read_limits,
)
from triggers.services.retention import prune_backfills, prune_fires
from triggers.services.timezone_data import renew_slots_after_release

__all__ = [
    "ACTION_DISABLED",
    "FIRED",
    "INPUT_INVALID",
    "LIMITED",
    "Backfill",
    "BackfillNotFound",
    "DueBatch",
    "ElementRefused",
    "Explanation",
    "ExternalKeyTaken",
    "Fire",
    "FireLimited",
    "FireResult",
    "Leadership",
    "Outage",
    "PlannedFire",
    "Preview",
    "ScheduleState",
    "SchedulerHeartbeat",
    "Sight",
    "Telling",
    "Trigger",
    "TriggerNotFound",
    "UpcomingRun",
    "WebhookElement",
    "advance_backfills",
    "cancel_backfill",
    "create_backfill",
    "create_trigger",
    "delete_trigger",
    "explain_slot",
    "find_backfill",
    "find_trigger",
    "fire_backlog",
    "fire_batch_from_webhook",
    "fire_due_triggers",
    "fire_trigger_by_hand",
    "forget_dead_heartbeats",
    "has_flow_control",
    "list_backfills",
    "list_fires",
    "list_live_heartbeats",
    "list_trigger_history",
    "list_triggers",
    "list_upcoming_runs",
    "load_trigger",
    "look_for_work",
    "may_fire_at_once",
    "open_session",
    "pause_failing_triggers",
    "pause_trigger",
    "plan_backfill",
    "plan_from_webhook",
    "preview_schedule",
    "prune_backfills",
    "prune_fires",
    "read_limits",
    "read_seconds_to_next_slot",
    "record_call_by_hand",
    "record_heartbeat",
    "record_slots",
    "record_webhook",
    "renew_slots_after_release",
    "resume_elapsed_pauses",
    "resume_trigger",
    "update_trigger",
    "write_fire",
    "write_fire_at_once",
]

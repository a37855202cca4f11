"""The verbs of this room: all that doors and higher rooms may call."""

from actions.models import OutboundCall
from actions.services.calls import (
    CallReading,
    cancel_pending_call,
    find_call,
    find_finished_calls,
    hang_up,
    list_calls,
)
from actions.services.conditions import CONDITIONS
from actions.services.dispatch import CallStep, DueCall, claim_due_calls, follow_calls
from actions.services.performing import build_call, perform_action
from actions.services.retention import find_oldest_pending_chain, prune_calls
from actions.services.specs import (
    ActionNotFound,
    ActionSpec,
    InputRefused,
    build_internal_spec,
    check_input,
    choose_run_retry,
    find_action,
    list_newly_capped,
    load_actions,
    read_caps,
)
from actions.services.trials import Plan, Trial, plan_action, try_action
from actions.services.types import ActionType, list_action_types
from actions.services.writing import (
    ActionInUse,
    ExternalKeyTaken,
    create_action,
    delete_action,
    list_actions,
    list_sealed_columns,
    read_action,
    update_action,
)

__all__ = [
    "CONDITIONS",
    "ActionInUse",
    "ActionNotFound",
    "ActionSpec",
    "ActionType",
    "CallReading",
    "CallStep",
    "DueCall",
    "ExternalKeyTaken",
    "InputRefused",
    "OutboundCall",
    "Plan",
    "Trial",
    "build_call",
    "build_internal_spec",
    "cancel_pending_call",
    "check_input",
    "choose_run_retry",
    "claim_due_calls",
    "create_action",
    "delete_action",
    "find_action",
    "find_call",
    "find_finished_calls",
    "find_oldest_pending_chain",
    "follow_calls",
    "hang_up",
    "list_action_types",
    "list_actions",
    "list_calls",
    "list_newly_capped",
    "list_sealed_columns",
    "load_actions",
    "perform_action",
    "plan_action",
    "prune_calls",
    "read_action",
    "read_caps",
    "try_action",
    "update_action",
]

"""The verbs of this room: all that doors and higher rooms may call."""

from actions.services.performing import build_call, perform_action
from actions.services.specs import (
    ActionNotFound,
    ActionSpec,
    InputRefused,
    check_input,
    choose_run_retry,
    find_action,
    load_actions,
)
from actions.services.trials import Plan, Trial, plan_action, try_action
from actions.services.types import ActionType, list_action_types
from actions.services.writing import (
    ActionInUse,
    ExternalKeyTaken,
    create_action,
    delete_action,
    list_actions,
    read_action,
    update_action,
)

__all__ = [
    "ActionInUse",
    "ActionNotFound",
    "ActionSpec",
    "ActionType",
    "ExternalKeyTaken",
    "InputRefused",
    "Plan",
    "Trial",
    "build_call",
    "check_input",
    "choose_run_retry",
    "create_action",
    "delete_action",
    "find_action",
    "list_action_types",
    "list_actions",
    "load_actions",
    "perform_action",
    "plan_action",
    "read_action",
    "try_action",
    "update_action",
]

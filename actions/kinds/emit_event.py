"""Publishes an event into the workspace, in the run's own chain."""

from collections.abc import Mapping
from typing import Any

from actions.kinds.base import ActionCall, Completed, Failed, Outcome, QueueName
from actions.rules.json_values import find_storage_problem
from actions.rules.retry import DEFAULT_RETRY, RetryPolicy
from events.rules.event import AUTOMATION, NewEvent
from events.rules.globs import is_event_type, is_system_type
from events.services import append_events
from workspaces.rules.problems import FieldError
from workspaces.services import new_id

_MAX_DATA_BYTES = 256 * 1024
_NOT_A_TYPE = "Must be 1-128 letters, digits or any of . _ - : /"
_SYSTEM_TYPE = "Types that begin with trigger., outbound. or webhook. are the product's own."


class EmitEvent:
    """Appends one event. Its chain and parent are the run's, so that the timeline shows where it
    came from.
    """

    name = "Emit event"
    description = "Publishes an event into the workspace; it may fire event triggers."
    queue: QueueName = "instant"
    default_retry: RetryPolicy = DEFAULT_RETRY
    config_schema: Mapping[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["event_type"],
        "properties": {
            "event_type": {
                "type": "string",
                "minLength": 1,
                "maxLength": 512,
                "description": "Type of the event, 1-128 of A-Z a-z 0-9 . _ - : /. A template.",
            },
            "data": {
                "anyOf": [{"type": "object"}, {"type": "string", "pattern": r"^\{\{[^{}]*\}\}$"}],
                "default": {},
                "description": "An object of templates, or one placeholder that yields an object.",
            },
        },
    }
    input_schema: Mapping[str, Any] = {"type": "object"}
    uses_database = True

    def check_config(self, config: Mapping[str, Any]) -> list[FieldError]:
        event_type = config["event_type"]
        if is_system_type(event_type):
            return [FieldError("/event_type", "reserved", _SYSTEM_TYPE)]
        if "{{" not in event_type and not is_event_type(event_type):
            return [FieldError("/event_type", "invalid", _NOT_A_TYPE)]
        return []

    def describe(self, call: ActionCall) -> dict[str, Any]:
        refusal = _find_refusal(call)
        return {
            "event_type": call.config["event_type"],
            "data": _read_data(call),
            "problem": refusal.message if refusal else None,
        }

    def perform(self, call: ActionCall) -> Outcome:
        refusal = _find_refusal(call)
        if refusal is not None:
            return refusal
        event = NewEvent(
            id=new_id(),
            workspace_id=call.workspace_id,
            event_type=call.config["event_type"],
            source=AUTOMATION,
            entity_type="run",
            entity_id=call.run_id,
            # Last, so that no template can hide what every event of a run carries.
            data={**_read_data(call), "triggered_by": call.triggered_by},
            effective_at=call.now,
            chain_id=call.chain_id,
            parent_id=call.parent_event_id,
            run_id=call.run_id,
            trigger_id=call.trigger_id,
        )
        append_events([event])
        return Completed({"event_id": str(event.id)}, event_ids=(event.id,))


def _find_refusal(call: ActionCall) -> Failed | None:
    event_type, data = call.config.get("event_type"), _read_data(call)
    if not isinstance(event_type, str) or not is_event_type(event_type):
        return Failed(
            "invalid_event_type", f"The rendered event_type is none. {_NOT_A_TYPE}", retryable=False
        )
    if is_system_type(event_type):
        return Failed("invalid_event_type", _SYSTEM_TYPE, retryable=False)
    if not isinstance(data, Mapping):
        return Failed("invalid_event_data", "The rendered data is not an object.", retryable=False)
    problem = find_storage_problem(data, max_bytes=_MAX_DATA_BYTES)
    if problem is not None:
        return Failed(
            "invalid_event_data", f"The rendered data cannot be kept. {problem}", retryable=False
        )
    return None


def _read_data(call: ActionCall) -> Any:
    data = call.config.get("data")
    return {} if data is None else data

"""Schedules an outbound call: one row that the dispatch loop will see, one event in the chain."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from actions.kinds.base import ActionCall, Completed, Failed, Outcome, QueueName
from actions.models import OutboundCall
from actions.rules.outbound_calls import PENDING, CallInput, fill_parameters, find_input_problems
from actions.rules.retry import DEFAULT_RETRY, RetryPolicy
from actions.rules.schemas import find_schema_errors
from actions.rules.windows import DAYS, find_opening
from events.rules.event import AUTOMATION, NewEvent
from events.services import append_events
from workspaces.rules.problems import FieldError
from workspaces.rules.times import render_time
from workspaces.services import new_id

_CLOCK = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}
_TEXT = {"type": ["string", "null"], "maxLength": 256, "default": None}
_NUMBER_HELP = "A phone number in E.164, such as +14155550123."


class ScheduleOutboundCall:
    """Writes the call down, in the commit that completes the run; the dispatch loop places it."""

    name = "Schedule outbound call"
    description = "Schedules an outbound voice call, placed inside its window with retries."
    queue: QueueName = "instant"
    default_retry: RetryPolicy = DEFAULT_RETRY
    config_schema: Mapping[str, Any] = {"type": "object", "additionalProperties": False}
    input_schema: Mapping[str, Any] = {
        "type": "object",
        "required": ["phone_to"],
        "properties": {
            "phone_to": {"type": "string", "maxLength": 20, "description": _NUMBER_HELP},
            "phone_from": {
                "type": ["string", "null"],
                "maxLength": 20,
                "default": None,
                "description": _NUMBER_HELP,
            },
            "reason": {"type": "string", "maxLength": 256, "default": "outbound_intake"},
            "goal": {"type": ["string", "null"], "maxLength": 4000, "default": None},
            "priority": {"type": "integer", "minimum": 1, "maximum": 10, "default": 8},
            "max_attempts": {"type": "integer", "minimum": 1, "maximum": 10, "default": 3},
            "retry_backoff_minutes": {
                "type": "number",
                "minimum": 0,
                "maximum": 10080,
                "default": 30,
            },
            "window": {
                "type": ["object", "null"],
                "additionalProperties": False,
                "description": "When it may be placed: [start, end) by the zone's wall clock. A "
                "start after the end spans midnight; equal ones are the whole day.",
                "properties": {
                    "start": {**_CLOCK, "default": "09:00"},
                    "end": {**_CLOCK, "default": "18:00"},
                    "timezone": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 64,
                        "default": "America/New_York",
                    },
                    "days": {
                        "type": "array",
                        "items": {"enum": list(DAYS)},
                        "minItems": 1,
                        "maxItems": 7,
                        "description": "Weekdays on which it opens; all of them when not given.",
                    },
                },
            },
            "service_id": _TEXT,
            "patient_entity_id": _TEXT,
        },
    }
    uses_database = True

    def check_input(self, given: Mapping[str, Any]) -> list[FieldError]:
        return find_input_problems(given)

    def describe(self, call: ActionCall) -> dict[str, Any]:
        filled = fill_parameters(call.input)
        return {
            **filled.parameters,
            "next_attempt_at": render_time(find_opening(filled.window, call.now)),
        }

    def perform(self, call: ActionCall) -> Outcome:
        # The input was checked when the run was made, with the rules of that day.
        errors = find_schema_errors(self.input_schema, call.input) or self.check_input(call.input)
        if errors:
            return Failed(
                "invalid_input", f"{errors[0].pointer}: {errors[0].detail}", retryable=False
            )
        filled = fill_parameters(call.input)
        opens_at = find_opening(filled.window, call.now)
        row = _build_row(call, filled, opens_at=opens_at)
        if not OutboundCall.objects.insert_rows([row], on_conflict="(run_id) DO NOTHING"):
            row = OutboundCall.objects.get(run_id=call.run_id)
            return Completed({"call_id": str(row.pk)})
        append_events([_describe_row(row, call, filled)])
        return Completed({"call_id": str(row.pk)}, event_ids=(row.last_event_id,))


def _build_row(call: ActionCall, filled: CallInput, *, opens_at: dt.datetime) -> OutboundCall:
    return OutboundCall(
        id=new_id(),
        workspace_id=call.workspace_id,
        trigger_id=call.trigger_id,
        run_id=call.run_id,
        action_id=call.action_id,
        chain_id=call.chain_id,
        triggered_by=call.triggered_by,
        status=PENDING,
        next_attempt_at=opens_at,
        provider=settings.CLOCKHOOK_CALL_PROVIDER,
        last_event_id=new_id(),
        created_at=call.now,
        **filled.parameters,
    )


def _describe_row(row: OutboundCall, call: ActionCall, filled: CallInput) -> NewEvent:
    return NewEvent(
        id=row.last_event_id,
        workspace_id=call.workspace_id,
        event_type="outbound.scheduled",
        source=AUTOMATION,
        entity_type="outbound_call",
        entity_id=row.pk,
        data={
            **filled.parameters,
            "call_id": str(row.pk),
            "next_attempt_at": render_time(row.next_attempt_at),
            "provider": row.provider,
            "triggered_by": call.triggered_by,
        },
        effective_at=call.now,
        chain_id=call.chain_id,
        parent_id=call.parent_event_id,
        run_id=call.run_id,
        trigger_id=call.trigger_id,
    )

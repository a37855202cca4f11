"""What the demonstration holds: a CRM's leads, a report, a check, and something that fails."""

import datetime as dt
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from actions.services import create_action
from triggers.services import Trigger, create_trigger
from webhooks.services import Destination, create_destination
from workspaces.rules.callers import EVERY_SCOPE, Caller
from workspaces.services import mint_ids_of

# By this the live demonstration finds it again.
LEAD_TRIGGER_KEY = "demo-new-lead"
FAILING_HOST = "warehouse.invalid"
_ALWAYS_OPEN = {"start": "00:00", "end": "00:00", "timezone": "America/New_York"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The triggers, the CRM's destination and its secret, in plain."""

    lead: Trigger
    report: Trigger
    check: Trigger
    push: Trigger
    destination: Destination
    secret: str


def build_caller(workspace_id: UUID) -> Caller:
    """In whose name the scene is made."""
    return Caller(
        kind="system",
        id="demo",
        workspace_id=workspace_id,
        scopes=frozenset({EVERY_SCOPE}),
        is_operator=False,
    )


def build_scene(workspace_id: UUID, *, now: dt.datetime) -> Scene:
    """Make all of it as of ``now``. When that lies behind, the schedules owe what came since."""
    caller = build_caller(workspace_id)
    with mint_ids_of(now):
        made = {
            name: _make_trigger(workspace_id, action, trigger, caller=caller, now=now)
            for name, (action, trigger) in _DEFINITIONS.items()
        }
        destination, secret = create_destination(
            workspace_id=workspace_id,
            fields={
                "name": "CRM",
                "external_key": "demo-crm",
                "trigger_id": made["lead"].pk,
                "accepted_event_types": ["lead.created"],
                "field_mapping": {"phone_to": "contact.phone"},
            },
            caller=caller,
            now=now,
        )
    return Scene(destination=destination, secret=secret, **made)


def _make_trigger(
    workspace_id: UUID,
    action_fields: dict[str, Any],
    trigger_fields: dict[str, Any],
    *,
    caller: Caller,
    now: dt.datetime,
) -> Trigger:
    action = create_action(workspace_id=workspace_id, fields=action_fields, caller=caller, now=now)
    return create_trigger(
        workspace_id=workspace_id,
        fields={**trigger_fields, "action_id": action.pk},
        caller=caller,
        now=now,
    )


_DEFINITIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "lead": (
        {"name": "Call the lead", "action_type": "schedule_outbound_call"},
        {
            "name": "New lead",
            "description": "A lead in the CRM becomes a call, at any hour.",
            "external_key": LEAD_TRIGGER_KEY,
            "event_type": "lead.created",
            "input_template": {
                "reason": "new_lead",
                "goal": "Welcome {{ payload.contact.name }} and book a first appointment.",
                "patient_entity_id": "{{ payload.lead_id }}",
                "retry_backoff_minutes": 15,
                "window": _ALWAYS_OPEN,
            },
        },
    ),
    "report": (
        {
            "name": "Announce the report",
            "action_type": "emit_event",
            "config": {
                "event_type": "report.ready",
                "data": {"report": "{{ trigger.name }}", "for": "{{ input.office }}"},
            },
        },
        {
            "name": "Nightly report",
            "description": "At half past two in New York, whatever New York does to its clocks.",
            "external_key": "demo-nightly-report",
            "event_type": "report.due",
            "schedule": "30 2 * * *",
            "timezone": "America/New_York",
            "input_template": {"office": "New York"},
        },
    ),
    "check": (
        {"name": "Check the records", "action_type": "noop"},
        {
            "name": "Data quality",
            "description": "Every quarter of an hour.",
            "external_key": "demo-data-quality",
            "event_type": "quality.due",
            "schedule": "*/15 * * * *",
            "input_template": {"table": "patients", "slot": "{{ schedule.scheduled_for }}"},
        },
    ),
    "push": (
        {
            "name": "Push to the warehouse",
            "action_type": "http_request",
            "config": {
                "method": "POST",
                "url": f"https://{FAILING_HOST}/loads",
                "body": {"slot": "{{ input.slot }}"},
            },
            "retry": {
                "strategy": "backoff",
                "max_retries": 2,
                "base_delay": "2s",
                "max_delay": "8s",
            },
            "timeout_seconds": 10,
        },
        {
            "name": "Warehouse",
            "description": "Its host went away for good: every run fails after three attempts.",
            "external_key": "demo-warehouse",
            "event_type": "load.due",
            "schedule": "20 * * * *",
            "input_template": {"slot": "{{ schedule.scheduled_for }}"},
        },
    ),
}

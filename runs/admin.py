"""Runs and outbound calls for staff: to look at, to cancel and to repeat through the services."""

import datetime as dt
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from actions.rules.outbound_calls import CALL_STATUSES
from events.rules.chains import Step
from events.services import Event, list_steps
from runs import services
from runs.models import Run
from runs.rules.render import render_run
from runs.rules.states import OUTBOUND, STATUSES, TRIGGER
from workspaces.rules.callers import Caller
from workspaces.staff.display import EMPTY, describe_seconds, dump_json, link_row
from workspaces.staff.filters import WorkspaceFilter, build_choice_filter
from workspaces.staff.pages import ReadOnlyAdmin
from workspaces.staff.verbs import Verb

# Of a longer chain the page shows the beginning; the list of events has it all.
MAX_STEPS = 200


def _cancel_run(row: Run, *, caller: Caller, now: dt.datetime) -> None:
    services.cancel_run(workspace_id=row.workspace_id, run_id=row.pk, caller=caller, now=now)


def _rerun_run(row: Run, *, caller: Caller, now: dt.datetime) -> None:
    services.rerun_run(workspace_id=row.workspace_id, run_id=row.pk, caller=caller, now=now)


def _cancel_call(row: services.OutboundCall, *, caller: Caller, now: dt.datetime) -> None:
    services.cancel_call(workspace_id=row.workspace_id, call_id=row.pk, caller=caller, now=now)


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin[Run]):
    list_display = (
        "id",
        "status",
        "action_type",
        "cause",
        "duration",
        "workspace_slug",
        "created_at",
    )
    list_filter = (
        WorkspaceFilter,
        build_choice_filter("status", STATUSES),
        build_choice_filter("family", (TRIGGER, OUTBOUND)),
    )
    id_fields = ("id", "trigger_id", "action_id", "chain_id", "rerun_of", "fire_id")
    hidden_fields = ("lease_token",)
    change_form_template = "runs/run_page.html"
    links = {
        "trigger_id": "triggers.trigger",
        "fire_id": "triggers.fire",
        "action_id": "actions.action",
        "fired_event_id": "events.event",
        "last_event_id": "events.event",
        "rerun_of": "runs.run",
    }
    verbs = (
        Verb(
            name="cancel",
            label="Cancel",
            question="Cancel these runs? What they have already done stays done.",
            done="cancelled",
            call=_cancel_run,
        ),
        Verb(
            name="rerun",
            label="Run again",
            question="Start these runs again, each with the same input, as new runs?",
            done="started again",
            call=_rerun_run,
        ),
    )

    @admin.display
    def duration(self, run: Run) -> str:
        """From its first start to its end."""
        if run.started_at is None or run.ended_at is None:
            return EMPTY
        return describe_seconds((run.ended_at - run.started_at).total_seconds())

    def describe_row(self, request: HttpRequest, row: Run) -> dict[str, Any]:
        """The facts of the run, its chain step by step, and the runs that repeat it."""
        steps = list_steps(workspace_id=row.workspace_id, chain_id=row.chain_id)
        again = Run.objects.filter(workspace_id=row.workspace_id, rerun_of=row.pk).order_by("-id")
        return {
            "facts": _list_facts(row, [step.event for step in steps]),
            "steps": [_render_step(step, run_id=row.pk) for step in steps[:MAX_STEPS]],
            "has_other_runs": any(step.event.run_id != row.pk for step in steps),
            "hidden_steps": max(0, len(steps) - MAX_STEPS),
            "chain_id": row.chain_id,
            "reruns": [
                link_row("runs.run", run.pk, f"{run.pk} ({run.status})") for run in again[:5]
            ],
        }


@admin.register(services.OutboundCall)
class OutboundCallAdmin(ReadOnlyAdmin[services.OutboundCall]):
    list_display = ("id", "phone_to", "status", "attempt", "next_attempt_at", "workspace_slug")
    list_filter = (WorkspaceFilter, build_choice_filter("status", CALL_STATUSES))
    id_fields = ("id", "trigger_id", "run_id", "dispatch_run_id", "chain_id")
    exact_fields = ("phone_to", "call_sid", "patient_entity_id")
    list_select_related = ("workspace",)
    links = {
        "trigger_id": "triggers.trigger",
        "run_id": "runs.run",
        "dispatch_run_id": "runs.run",
        "action_id": "actions.action",
        "last_event_id": "events.event",
    }
    verbs = (
        Verb(
            name="cancel",
            label="Cancel",
            question="Cancel these calls? One that is going on is hung up.",
            done="cancelled",
            call=_cancel_call,
        ),
    )


def _list_facts(run: Run, chain: list[Event]) -> list[tuple[str, str]]:
    shown = render_run(run)
    took = shown["duration_ms"]
    attempts = f"{run.attempt} of {shown['max_attempts']}"
    delivery_id = next((event.delivery_id for event in chain if event.delivery_id), None)
    facts = [
        ("status", run.status),
        ("attempts", attempts),
        ("took", EMPTY if took is None else describe_seconds(took / 1000)),
        ("triggered by", run.triggered_by),
        ("trigger", link_row("triggers.trigger", run.trigger_id)),
        ("fire", link_row("triggers.fire", run.fire_id)),
        ("delivery", link_row("webhooks.delivery", delivery_id)),
        ("action", link_row("actions.action", run.action_id, f"{run.action_type} {run.action_id}")),
        ("repeats", link_row("runs.run", run.rerun_of)),
    ]
    return [fact for fact in facts if fact[1] != EMPTY]


def _render_step(step: Step[Event], *, run_id: Any) -> dict[str, Any]:
    event = step.event
    return {
        "number": step.number,
        "event": link_row("events.event", event.pk, event.event_type),
        "parent": EMPTY if step.parent_number is None else f"#{step.parent_number}",
        "at": event.created_at,
        "offset": f"+{describe_seconds(step.offset_seconds)}",
        "since_parent": EMPTY
        if step.since_parent_seconds is None
        else describe_seconds(step.since_parent_seconds),
        "run": "" if event.run_id == run_id else link_row("runs.run", event.run_id),
        "data": event.data,
        "text": dump_json(event.data),
    }

"""Triggers for staff: to look at, to pause, resume and fire through the services of the API."""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest

from runs.services import list_runs
from triggers import services
from triggers.models import (
    Backfill,
    Fire,
    SchedulerGap,
    SchedulerHeartbeat,
    ScheduleState,
    TimezoneData,
    Trigger,
)
from triggers.rules.cron_fields import InvalidSchedule
from triggers.rules.describe import describe_schedule
from triggers.rules.ledger import OUTCOMES
from triggers.rules.schedule import parse_schedule
from workspaces.rules.callers import Caller
from workspaces.rules.problems import ServiceError
from workspaces.staff.display import EMPTY, describe_seconds, link_row
from workspaces.staff.filters import WorkspaceFilter, build_choice_filter, build_workspace_filter
from workspaces.staff.pages import ReadOnlyAdmin
from workspaces.staff.verbs import Verb

LAST_FIRES = 20


def _fire(row: Trigger, *, caller: Caller, now: dt.datetime) -> None:
    result = services.fire_trigger_by_hand(
        workspace_id=row.workspace_id, trigger_id=row.pk, overrides={}, caller=caller, now=now
    )
    if result.outcome != services.FIRED:
        raise ServiceError(result.reason or result.outcome)


def _pause(row: Trigger, *, caller: Caller, now: dt.datetime) -> None:
    services.pause_trigger(
        workspace_id=row.workspace_id,
        trigger_id=row.pk,
        reason="paused in the admin",
        until=None,
        caller=caller,
        now=now,
    )


def _resume(row: Trigger, *, caller: Caller, now: dt.datetime) -> None:
    services.resume_trigger(
        workspace_id=row.workspace_id, trigger_id=row.pk, caller=caller, now=now
    )


@admin.register(Trigger)
class TriggerAdmin(ReadOnlyAdmin[Trigger]):
    list_display = ("name", "workspace_slug", "when", "is_active", "next_fire_at", "external_key")
    list_filter = (WorkspaceFilter, "is_active")
    list_select_related = ("workspace", "schedule_state")
    sortable_by = ("name", "next_fire_at")
    id_fields = ("id", "action_id")
    text_fields = ("name", "external_key")
    change_form_template = "triggers/trigger_page.html"
    verbs = (
        Verb(
            name="fire",
            label="Fire now",
            question="Fire these triggers now, once each, whatever schedule and pause say?",
            done="fired",
            call=_fire,
        ),
        Verb(
            name="pause",
            label="Pause",
            question="Pause these triggers? No slot of theirs fires until they are resumed.",
            done="paused",
            call=_pause,
        ),
        Verb(
            name="resume",
            label="Resume",
            question="Resume these triggers? Their next slots count from now.",
            done="resumed",
            call=_resume,
        ),
    )

    @admin.display(description="schedule")
    def when(self, trigger: Trigger) -> str:
        """The schedule in words."""
        return describe_when(trigger) or EMPTY

    @admin.display(ordering="schedule_state__next_fire_at", description="next fire (UTC)")
    def next_fire_at(self, trigger: Trigger) -> dt.datetime | None:
        """The next slot."""
        return trigger.schedule_state.next_fire_at

    def describe_row(self, request: HttpRequest, row: Trigger) -> dict[str, Any]:
        """When it fires, in words, and its last fires with their runs."""
        fires = list(Fire.objects.filter(trigger_id=row.pk).order_by("-id")[:LAST_FIRES])
        run_ids = [fire.run_id for fire in fires if fire.run_id is not None]
        statuses = dict(
            list_runs(row.workspace_id).filter(id__in=run_ids).values_list("id", "status")
        )
        return {
            "facts": _list_facts(row, now=dt.datetime.now(dt.UTC)),
            "fires": [_render_fire(fire, statuses) for fire in fires],
            "trigger_id": row.pk,
        }


@admin.register(ScheduleState)
class ScheduleStateAdmin(ReadOnlyAdmin[ScheduleState]):
    plural = "due rows"
    list_display = ("trigger", "next_fire_at", "last_scheduled_at", "misfire_count")
    list_select_related = ("trigger",)
    list_filter = (build_workspace_filter("trigger__workspace_id"),)
    ordering = ("next_fire_at", "pk")
    id_fields = ("trigger_id",)
    text_fields = ("trigger__name",)
    links = {"last_fire_id": "triggers.fire"}


@admin.register(Fire)
class FireAdmin(ReadOnlyAdmin[Fire]):
    list_display = (
        "id",
        "trigger",
        "cause",
        "scheduled_for",
        "outcome",
        "workspace_slug",
        "created_at",
    )
    list_filter = (WorkspaceFilter, build_choice_filter("outcome", OUTCOMES))
    id_fields = ("id", "trigger_id", "run_id", "fired_event_id")
    links = {
        "trigger_id": "triggers.trigger",
        "run_id": "runs.run",
        "fired_event_id": "events.event",
    }

    @admin.display
    def trigger(self, fire: Fire) -> str:
        """A link to what fired."""
        return link_row("triggers.trigger", fire.trigger_id)


@admin.register(SchedulerHeartbeat)
class SchedulerHeartbeatAdmin(ReadOnlyAdmin[SchedulerHeartbeat]):
    list_display = ("name", "is_leader", "ticked_at", "started_at", "fires_total")
    ordering = ("name",)
    id_fields = ()
    text_fields = ("name",)


@admin.register(SchedulerGap)
class SchedulerGapAdmin(ReadOnlyAdmin[SchedulerGap]):
    list_display = ("id", "started_at", "ended_at")


@admin.register(TimezoneData)
class TimezoneDataAdmin(ReadOnlyAdmin[TimezoneData]):
    list_display = ("__str__",)


@admin.register(Backfill)
class BackfillAdmin(ReadOnlyAdmin[Backfill]):
    list_display = ("id", "workspace_slug", "trigger", "status", "created_at")
    list_filter = (WorkspaceFilter, "status")
    list_select_related = ("trigger",)
    id_fields = ("id", "trigger_id")


def describe_when(trigger: Trigger) -> str | None:
    """The schedule in words; None where there is none."""
    if trigger.schedule is None:
        return None
    try:
        return describe_schedule(parse_schedule(trigger.schedule), trigger.timezone)
    except InvalidSchedule:
        return trigger.schedule


def _list_facts(trigger: Trigger, *, now: dt.datetime) -> list[tuple[str, Any]]:
    state = trigger.schedule_state
    facts = [
        ("fires", describe_when(trigger)),
        ("next fire", _describe_instant(state.next_fire_at, now=now)),
        ("last slot", _describe_instant(state.last_scheduled_at, now=now)),
        ("paused", None if trigger.is_active else trigger.pause_reason or "yes"),
        ("paused until", _describe_instant(trigger.paused_until, now=now)),
        ("missed", f"{state.misfire_count} slots" if state.misfire_count else None),
        ("action", link_row("actions.action", trigger.action_id, str(trigger.action))),
    ]
    return [(name, value) for name, value in facts if value is not None]


def _describe_instant(instant: dt.datetime | None, *, now: dt.datetime) -> str | None:
    if instant is None:
        return None
    away = (instant - now).total_seconds()
    distance = f"in {describe_seconds(away)}" if away >= 0 else f"{describe_seconds(-away)} ago"
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC, {distance}"


def _render_fire(fire: Fire, statuses: Mapping[UUID, str]) -> dict[str, Any]:
    return {
        "fire": link_row("triggers.fire", fire.pk, f"{fire.created_at:%Y-%m-%d %H:%M:%S}"),
        "cause": fire.cause,
        "scheduled_for": fire.scheduled_for,
        "outcome": fire.outcome,
        "reason": fire.reason or "",
        "run": link_row("runs.run", fire.run_id),
        "run_status": "" if fire.run_id is None else statuses.get(fire.run_id, ""),
    }

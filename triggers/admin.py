"""Triggers for staff: to look at, to pause, resume and fire through the services of the API."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from events.admin import ReadOnlyAdmin
from triggers import services
from triggers.models import Fire, SchedulerHeartbeat, Trigger
from triggers.rules.ledger import OUTCOMES
from workspaces.rules.callers import Caller
from workspaces.rules.problems import ServiceError


@admin.register(Trigger)
class TriggerAdmin(ReadOnlyAdmin):
    list_display = ("name", "workspace", "schedule", "timezone", "is_active", "next_fire_at")
    list_filter = ("is_active",)
    list_select_related = ("workspace", "schedule_state")
    id_fields = ("id", "workspace_id", "action_id")
    actions = ("pause_triggers", "resume_triggers", "fire_triggers")

    @admin.display(ordering="schedule_state__next_fire_at")
    def next_fire_at(self, trigger: Trigger) -> dt.datetime | None:
        """The next slot in UTC."""
        return trigger.schedule_state.next_fire_at

    def has_control_permission(self, request: HttpRequest) -> bool:
        """May this member of staff pause, resume and fire."""
        return request.user.has_perm("triggers.change_trigger")

    @admin.action(description="Pause the selected triggers", permissions=["control"])
    def pause_triggers(self, request: HttpRequest, queryset: QuerySet[Trigger]) -> None:
        """No slot of theirs fires after this."""
        self._apply(request, queryset, _pause, done="paused")

    @admin.action(description="Resume the selected triggers", permissions=["control"])
    def resume_triggers(self, request: HttpRequest, queryset: QuerySet[Trigger]) -> None:
        """Their next slots count from now."""
        self._apply(request, queryset, services.resume_trigger, done="resumed")

    @admin.action(description="Fire the selected triggers now", permissions=["control"])
    def fire_triggers(self, request: HttpRequest, queryset: QuerySet[Trigger]) -> None:
        """Once each, whatever schedule and pause say."""
        self._apply(request, queryset, _fire, done="fired")

    def _apply(
        self,
        request: HttpRequest,
        triggers: QuerySet[Trigger],
        verb: Callable[..., Any],
        *,
        done: str,
    ) -> None:
        caller = Caller("user", str(request.user.pk), None, frozenset(), is_operator=True)
        count = 0
        for trigger in triggers:
            try:
                verb(
                    workspace_id=trigger.workspace_id,
                    trigger_id=trigger.pk,
                    caller=caller,
                    now=dt.datetime.now(dt.UTC),
                )
                count += 1
            except ServiceError as error:
                self.message_user(request, f"{trigger.name}: {error.detail}", messages.WARNING)
        self.message_user(request, f"{count} {done}.")


def _pause(**target: Any) -> None:
    services.pause_trigger(reason="paused in the admin", until=None, **target)


def _fire(**target: Any) -> None:
    result = services.fire_trigger_by_hand(overrides={}, **target)
    if result.outcome != services.FIRED:
        raise ServiceError(result.reason or result.outcome)


class OutcomeFilter(admin.SimpleListFilter):
    """By outcome, without asking the ledger which outcomes there are."""

    title = "outcome"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(outcome, outcome) for outcome in OUTCOMES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Fire]) -> QuerySet[Fire]:
        return queryset.filter(outcome=self.value()) if self.value() else queryset


@admin.register(Fire)
class FireAdmin(ReadOnlyAdmin):
    list_display = ("id", "trigger_id", "cause", "scheduled_for", "outcome", "created_at")
    list_filter = (OutcomeFilter,)
    id_fields = ("id", "workspace_id", "trigger_id", "run_id", "fired_event_id")


@admin.register(SchedulerHeartbeat)
class SchedulerHeartbeatAdmin(ReadOnlyAdmin):
    list_display = ("name", "is_leader", "ticked_at", "started_at", "fires_total")
    ordering = ("name",)

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """None: there are only a few."""
        return ()

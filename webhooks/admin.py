"""Destinations and deliveries for staff: to look at, and to give a destination a new secret."""

import datetime as dt
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from webhooks.models import (
    DedupeKey,
    Delivery,
    Destination,
    DestinationSecret,
    SubscriptionConfirmation,
)
from webhooks.services import STATUSES, diagnose, rotate_secret
from workspaces.rules.callers import Caller
from workspaces.staff.display import link_row
from workspaces.staff.filters import WorkspaceFilter, build_choice_filter, build_workspace_filter
from workspaces.staff.pages import ReadOnlyAdmin
from workspaces.staff.verbs import Verb

# The stubs' inlines are generic, unfold's are not.
if TYPE_CHECKING:
    _Inline = admin.TabularInline[DestinationSecret, Destination]
else:
    from unfold.admin import TabularInline as _Inline

# What the API takes unless it is told otherwise.
OVERLAP_SECONDS = 1800


def _rotate(row: Destination, *, caller: Caller, now: dt.datetime) -> str:
    secret, _ = rotate_secret(
        workspace_id=row.workspace_id,
        destination_id=row.pk,
        secret=None,
        overlap_seconds=OVERLAP_SECONDS,
        caller=caller,
        now=now,
    )
    return secret


class SecretInline(_Inline):
    """Of a secret only its end is ever shown."""

    model = DestinationSecret
    fields = ("hint", "created_at", "expires_at", "last_used_at")
    readonly_fields = fields
    ordering = ("-id",)
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Destination)
class DestinationAdmin(ReadOnlyAdmin[Destination]):
    list_display = ("name", "workspace_slug", "trigger", "is_active", "external_key", "created_at")
    list_filter = (WorkspaceFilter, "is_active")
    list_select_related = ("workspace", "trigger")
    sortable_by = ("name", "created_at")
    id_fields = ("id", "trigger_id")
    text_fields = ("name", "external_key")
    inlines = (SecretInline,)
    verbs = (
        Verb(
            name="rotate-secret",
            label="New secret",
            question="Give this destination a new secret? The old one stays valid for 30 minutes.",
            done="given a new secret",
            call=_rotate,
            reveals="The destination's new secret",
        ),
    )


@admin.register(DestinationSecret)
class DestinationSecretAdmin(ReadOnlyAdmin[DestinationSecret]):
    list_display = ("hint", "destination", "created_at", "expires_at", "last_used_at")
    list_filter = (build_workspace_filter("destination__workspace_id"),)
    list_select_related = ("destination",)
    id_fields = ("id", "destination_id")
    text_fields = ("destination__name",)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin[Delivery]):
    plural = "deliveries"
    list_display = (
        "id",
        "status",
        "cause",
        "http_status",
        "destination",
        "workspace_slug",
        "created_at",
    )
    list_filter = (WorkspaceFilter, build_choice_filter("status", STATUSES))
    id_fields = ("id", "destination_id", "trigger_id", "run_id", "event_id", "duplicate_of")
    links = {
        "destination_id": "webhooks.destination",
        "trigger_id": "triggers.trigger",
        "event_id": "events.event",
        "fire_id": "triggers.fire",
        "fired_event_id": "events.event",
        "run_id": "runs.run",
        "duplicate_of": "webhooks.delivery",
    }

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """What the doctor says comes first."""
        return ["diagnosis", *super().get_fields(request, obj)]

    @admin.display
    def diagnosis(self, delivery: Delivery) -> str:
        """Why the signature does not verify, in a sentence."""
        return diagnose(delivery).detail

    @admin.display
    def destination(self, delivery: Delivery) -> str:
        """A link to where it arrived."""
        return link_row("webhooks.destination", delivery.destination_id)


@admin.register(SubscriptionConfirmation)
class SubscriptionConfirmationAdmin(ReadOnlyAdmin[SubscriptionConfirmation]):
    list_display = ("topic_arn", "destination", "status", "attempt", "next_attempt_at", "error")
    list_filter = (build_workspace_filter("destination__workspace_id"),)
    list_select_related = ("destination",)
    id_fields = ("id", "destination_id", "delivery_id")
    text_fields = ("topic_arn",)
    links = {"delivery_id": "webhooks.delivery"}


@admin.register(DedupeKey)
class DedupeKeyAdmin(ReadOnlyAdmin[DedupeKey]):
    plural = "delivery keys"
    list_display = ("destination_id", "first_delivery", "expires_at")
    id_fields = ("destination_id", "delivery_id", "run_id")
    links = {
        "destination_id": "webhooks.destination",
        "delivery_id": "webhooks.delivery",
        "event_id": "events.event",
        "fired_event_id": "events.event",
        "fire_id": "triggers.fire",
        "run_id": "runs.run",
        "trigger_id": "triggers.trigger",
    }

    @admin.display
    def first_delivery(self, key: DedupeKey) -> str:
        """A link to the delivery that holds the key."""
        return link_row("webhooks.delivery", key.delivery_id)

"""Destinations and deliveries for staff: to look at. Changes go through the API."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from webhooks.models import Delivery, Destination, DestinationSecret
from webhooks.services import STATUSES

# The stubs' inlines are generic, Django's own are not.
if TYPE_CHECKING:
    _Inline = admin.TabularInline[DestinationSecret, Destination]
else:
    _Inline = admin.TabularInline


class ReadOnly:
    """Nothing can be added, changed or removed."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class SecretInline(ReadOnly, _Inline):
    """Of a secret only its end is ever shown."""

    model = DestinationSecret
    fields = ("hint", "created_at", "expires_at", "last_used_at")
    readonly_fields = fields
    ordering = ("-id",)
    extra = 0


@admin.register(Destination)
class DestinationAdmin(ReadOnly, admin.ModelAdmin[Destination]):
    list_display = ("name", "workspace", "trigger", "is_active", "source", "created_at")
    list_filter = ("is_active",)
    list_select_related = ("workspace", "trigger")
    search_fields = ("name", "external_key")
    ordering = ("-id",)
    inlines = (SecretInline,)


class StatusFilter(admin.SimpleListFilter):
    """By outcome, without asking the ledger which outcomes there are."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(status, status) for status in STATUSES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        return queryset.filter(status=self.value()) if self.value() else queryset


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly, admin.ModelAdmin[Delivery]):
    list_display = ("id", "status", "cause", "http_status", "destination_id", "created_at")
    list_filter = (StatusFilter,)
    # A count of the whole ledger would read it.
    show_full_result_count = False
    exclude = ("body",)
    ordering = ("-id",)
    list_per_page = 50

"""The ledger for staff: to look at. The database itself refuses anything else."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from events.models import Event
from events.rules.event import SOURCES


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than it needs: a count of a whole ledger reads it."""

    MAX_COUNT = 10_000

    @cached_property
    def count(self) -> int:
        """The number of rows, at most 10,000."""
        rows = self.object_list[: self.MAX_COUNT]
        return rows.count() if isinstance(rows, QuerySet) else len(rows)


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows of a large table, found by ids, never changed here."""

    paginator = BoundedPaginator
    show_full_result_count = False
    ordering = ("-id",)
    list_per_page = 50
    # The columns that the search box compares with a whole id.
    id_fields: tuple[str, ...] = ("id",)
    search_fields = ("id",)
    search_help_text = "A whole id"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Rows that carry the id; none for a text that is no id."""
        if not search_term.strip():
            return queryset, False
        try:
            wanted = UUID(search_term.strip())
        except ValueError:
            return queryset.none(), False
        matches = Q()
        for name in self.id_fields:
            matches |= Q(**{name: wanted})
        return queryset.filter(matches), False


class SourceFilter(admin.SimpleListFilter):
    """By who wrote it, without asking the ledger which sources there are."""

    title = "source"
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(source, source) for source in SOURCES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        return queryset.filter(source=self.value()) if self.value() else queryset


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("id", "event_type", "source", "workspace_id", "run_id", "effective_at")
    list_filter = (SourceFilter,)
    id_fields = ("id", "chain_id", "run_id", "trigger_id", "destination_id", "workspace_id")

"""Pages of the admin as all rooms have them: to look at, found by ids, bounded, without secrets."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar, cast
from uuid import UUID

from django.contrib import admin
from django.core.paginator import Paginator
from django.db import models
from django.db.models import Model, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property

from workspaces.services import list_workspaces
from workspaces.staff.display import build_json_column, build_link_column, link_row
from workspaces.staff.verbs import VerbAdmin

_Row = TypeVar("_Row", bound=Model)
# A field of a page: the name of a method, or a function of the row.
Column = str | Callable[[Any], str]


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than it needs: a count of a whole ledger reads it."""

    MAX_COUNT = 10_000

    @cached_property
    def count(self) -> int:
        """The number of rows, at most 10,000."""
        rows = self.object_list[: self.MAX_COUNT]
        return rows.count() if isinstance(rows, QuerySet) else len(rows)


class StaffAdmin(VerbAdmin[_Row]):
    """What staff sees of a model. Binary columns and ``hidden_fields`` are never shown."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_filter_submit = True
    ordering: ClassVar[Any] = ("-id",)
    change_form_template = "staff/change_form.html"
    # What the search box compares with a whole id, and in which texts it looks for anything else.
    id_fields: tuple[str, ...] = ("id",)
    text_fields: tuple[str, ...] = ()
    # What it finds only in full: columns of large tables.
    exact_fields: tuple[str, ...] = ()
    search_fields: ClassVar[Any] = ("id",)
    hidden_fields: tuple[str, ...] = ()
    # Many of them, where an "s" would not do. In the model this word would need a migration.
    plural: str = ""
    # Columns with plain ids, and whose they are: {"trigger_id": "triggers.trigger"}.
    links: Mapping[str, str] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        words = ["a whole id" if cls.id_fields else "", *cls.text_fields, *cls.exact_fields]
        texts = [word.split("__")[-1].replace("_", " ") for word in words if word]
        cls.search_help_text = ", ".join(texts).capitalize()

    def __init__(self, model: type[_Row], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        if self.plural:
            self.opts.verbose_name_plural = self.plural
        self._columns = _build_columns(model, self.links)

    def get_queryset(self, request: HttpRequest) -> QuerySet[_Row]:
        """Rows with the slug of their workspace, also where they hold only its id."""
        rows: Any = super().get_queryset(request)
        if not hasattr(self.model, "workspace_id"):
            return cast("QuerySet[_Row]", rows)
        slug = list_workspaces().filter(pk=OuterRef("workspace_id")).values("slug")[:1]
        return cast("QuerySet[_Row]", rows.annotate(workspace_slug=slug))

    @admin.display(description="workspace")
    def workspace_slug(self, row: Any) -> str:
        """A link to the row's workspace, by its slug."""
        return link_row("workspaces.workspace", row.workspace_id, row.workspace_slug)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Rows that carry the id or the text; none where neither can be."""
        text = search_term.strip()
        if not text:
            return queryset, False
        matches = Q(pk__in=[])
        for name in self.exact_fields:
            matches |= Q(**{name: text})
        wanted = _read_id(text)
        if wanted is not None:
            for name in self.id_fields:
                matches |= Q(**{name: wanted})
        for name in self.text_fields:
            matches |= Q(**{f"{name}__icontains": text})
        return queryset.filter(matches), False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The row's page, with its verbs and whatever ``describe_row`` adds."""
        row = self.get_object(request, object_id)
        context = dict(extra_context or {})
        if row is not None and self.has_view_permission(request, row):
            context |= {
                "staff_verbs": self.list_verb_links(request, row),
                **self.describe_row(request, row),
            }
        return super().change_view(request, object_id, form_url, context)

    def describe_row(self, request: HttpRequest, row: _Row) -> dict[str, Any]:
        """What the page's template needs beside the row's own fields."""
        return {}


class ReadOnlyAdmin(StaffAdmin[_Row]):
    """Rows that nobody adds, changes or removes by hand."""

    sortable_by: ClassVar[Any] = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """The ``fields`` of the page, else all columns, in words that can be read."""
        names = self.fields or [
            field.name
            for field in self.opts.concrete_fields
            if field.name not in self.hidden_fields and not isinstance(field, models.BinaryField)
        ]
        return [self._columns.get(name, name) if isinstance(name, str) else name for name in names]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """All of them."""
        return self.get_fields(request, obj)


def _build_columns(model: type[Model], links: Mapping[str, str]) -> dict[str, Column]:
    fields = model._meta.concrete_fields  # noqa: SLF001 - Django's own, documented API
    columns: dict[str, Column] = {
        field.name: build_json_column(field.name)
        for field in fields
        if isinstance(field, models.JSONField)
    }
    names = {field.name for field in fields}
    if "workspace_id" in names:
        columns["workspace_id"] = "workspace_slug"
    return columns | {
        name: build_link_column(name, target) for name, target in links.items() if name in names
    }


def _read_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None

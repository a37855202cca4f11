"""Filters of lists that ask no table which values it holds."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from workspaces.rules.ids import parse_id
from workspaces.services import list_workspaces

if TYPE_CHECKING:
    from django.contrib.admin import SimpleListFilter as DropdownFilter
    from django.contrib.admin import SimpleListFilter as TextFilter
else:
    from unfold.contrib.filters.admin import DropdownFilter, TextFilter


class WorkspaceFilter(TextFilter):
    """One workspace by its slug or its id."""

    title = "workspace (slug or id)"
    parameter_name = "workspace"
    column = "workspace_id"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Nothing for a workspace that there is not."""
        text = (self.value() or "").strip()
        if not text:
            return queryset
        workspace_id = _find_workspace_id(text)
        return (
            queryset.none()
            if workspace_id is None
            else queryset.filter(**{self.column: workspace_id})
        )


def build_workspace_filter(path: str) -> type[WorkspaceFilter]:
    """The same for a model that belongs to a workspace by way of another, at ``path``."""

    class DistantWorkspaceFilter(WorkspaceFilter):
        column = path

    return DistantWorkspaceFilter


def build_choice_filter(column: str, values: Sequence[str]) -> type[admin.SimpleListFilter]:
    """By one of the values that the code knows for ``column``."""

    class ChoiceFilter(DropdownFilter):
        title = column.replace("_", " ")
        parameter_name = column

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            return [(value, value) for value in values]

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            return queryset.filter(**{column: self.value()}) if self.value() else queryset

    return ChoiceFilter


def _find_workspace_id(text: str) -> UUID | None:
    known = parse_id(text)
    if known is not None:
        return known
    return list_workspaces(slug=text).values_list("pk", flat=True).first()

"""The admin of workspaces: writes go through services; keys are minted, shown once and revoked."""

import datetime as dt
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from workspaces.models import ApiKey, Plan, Revision, Workspace
from workspaces.rules.callers import OPERATOR_SCOPE, WORKSPACE_SCOPES
from workspaces.services import (
    SYSTEM_SLUG,
    create_workspace,
    delete_workspace,
    has_records,
    mint_api_key,
    revoke_api_key,
    update_workspace,
)


@admin.register(Plan)
class PlanAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("slug", "name", "max_scheduled_triggers", "max_webhook_triggers")


@admin.register(Workspace)
class WorkspaceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("slug", "name", "plan", "archived_at", "created_at")
    list_filter = ("plan", ("archived_at", admin.EmptyFieldListFilter))
    list_select_related = ("plan",)
    search_fields = ("slug", "name")
    fields = ("id", "name", "slug", "plan", "metadata", "archived_at", "revision_number")
    readonly_fields = ("id", "archived_at", "revision_number")
    actions = ("archive", "restore")

    def get_readonly_fields(
        self, request: HttpRequest, obj: Workspace | None = None
    ) -> tuple[str, ...]:
        return (*self.readonly_fields, *(("slug",) if _is_system(obj) else ()))

    def has_delete_permission(self, request: HttpRequest, obj: Workspace | None = None) -> bool:
        # Also hides the bulk action, which would go past the service.
        if obj is None or _is_system(obj) or has_records(obj.pk):
            return False
        return super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Workspace, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        given = {name: form.cleaned_data[name] for name in form.changed_data}
        if "plan" in given:
            given["plan"] = given["plan"].pk
        if change:
            update_workspace(workspace_id=obj.pk, changes=given, now=dt.datetime.now(dt.UTC))
            return
        created = create_workspace(**{"name": obj.name, "slug": obj.slug, **given})
        obj.pk = created.pk

    def delete_model(self, request: HttpRequest, obj: Workspace) -> None:
        delete_workspace(workspace_id=obj.pk)

    @admin.action(description="Archive", permissions=["change"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Workspace]) -> None:
        for workspace in queryset.exclude(slug=SYSTEM_SLUG):
            _set_archived(workspace, is_archived=True)

    @admin.action(description="Restore", permissions=["change"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Workspace]) -> None:
        for workspace in queryset:
            _set_archived(workspace, is_archived=False)


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """Without a workspace the key is an operator's, and its scope is set for it."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in WORKSPACE_SCOPES],
        required=False,
        help_text="Leave empty for an operator's key, which has no workspace.",
    )

    class Meta:
        model = ApiKey
        fields = ("workspace", "name", "scopes", "expires_at", "rate_limit_per_minute")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("workspace") is None:
            if cleaned.get("scopes"):
                raise forms.ValidationError("An operator's key has no scopes to choose.")
            cleaned["scopes"] = [OPERATOR_SCOPE]
        elif not cleaned.get("scopes"):
            raise forms.ValidationError("A workspace's key needs at least one scope.")
        return cleaned


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    form = ApiKeyForm
    list_display = ("name", "hint", "workspace", "scopes", "expires_at", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("workspace",)
    search_fields = ("name", "hint", "workspace__slug")
    actions = ("revoke",)

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("workspaces.change_apikey")

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        key, plain = mint_api_key(
            workspace_id=obj.workspace_id,
            name=obj.name,
            scopes=form.cleaned_data["scopes"],
            created_by=f"user:{request.user.pk}",
            expires_at=obj.expires_at,
            rate_limit_per_minute=obj.rate_limit_per_minute,
        )
        obj.pk, obj.hint = key.pk, key.hint
        messages.warning(request, f"The key, shown this once: {plain}")

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        for key in queryset:
            revoke_api_key(
                workspace_id=key.workspace_id, key_id=key.pk, now=dt.datetime.now(dt.UTC)
            )


@admin.register(Revision)
class RevisionAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("workspace", "number", "kind", "external_key", "created_by", "created_at")
    list_filter = ("kind",)
    list_select_related = ("workspace",)
    search_fields = ("external_key", "workspace__slug")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Revision | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Revision | None = None) -> bool:
        return False


def _is_system(workspace: Workspace | None) -> bool:
    return workspace is not None and workspace.slug == SYSTEM_SLUG


def _set_archived(workspace: Workspace, *, is_archived: bool) -> None:
    update_workspace(
        workspace_id=workspace.pk,
        changes={"archived": is_archived},
        now=dt.datetime.now(dt.UTC),
    )

"""The admin of workspaces: writes go through services; keys are minted, shown once and revoked."""

import datetime as dt
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from workspaces.models import ApiKey, Plan, PrunedHistory, Revision, Workspace
from workspaces.rules.callers import OPERATOR_SCOPE, WORKSPACE_SCOPES, Caller
from workspaces.services import (
    SYSTEM_SLUG,
    create_workspace,
    delete_workspace,
    has_records,
    mint_api_key,
    revoke_api_key,
    update_workspace,
)
from workspaces.staff.filters import WorkspaceFilter
from workspaces.staff.pages import ReadOnlyAdmin, StaffAdmin
from workspaces.staff.verbs import Verb


def _archive(row: Workspace, *, caller: Caller, now: dt.datetime) -> None:
    update_workspace(workspace_id=row.pk, changes={"archived": True}, now=now)


def _restore(row: Workspace, *, caller: Caller, now: dt.datetime) -> None:
    update_workspace(workspace_id=row.pk, changes={"archived": False}, now=now)


def _revoke(row: ApiKey, *, caller: Caller, now: dt.datetime) -> None:
    revoke_api_key(workspace_id=row.workspace_id, key_id=row.pk, now=now)


@admin.register(Plan)
class PlanAdmin(StaffAdmin[Plan]):
    list_display = ("slug", "name", "max_scheduled_triggers", "max_webhook_triggers")
    ordering = ("slug",)
    id_fields = ()
    text_fields = ("slug", "name")


@admin.register(Workspace)
class WorkspaceAdmin(StaffAdmin[Workspace]):
    list_display = ("slug", "name", "plan", "archived_at", "created_at")
    list_filter = ("plan", ("archived_at", admin.EmptyFieldListFilter))
    list_select_related = ("plan",)
    text_fields = ("slug", "name")
    fields = ("id", "name", "slug", "plan", "metadata", "archived_at", "revision_number")
    readonly_fields = ("id", "archived_at", "revision_number")
    verbs = (
        Verb(
            name="archive",
            label="Archive",
            question="Archive these workspaces? They can only be read until they are restored.",
            done="archived",
            call=_archive,
        ),
        Verb(
            name="restore",
            label="Restore",
            question="Restore these workspaces?",
            done="restored",
            call=_restore,
        ),
    )

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


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """Without a workspace the key is an operator's, and its scope is set for it."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in WORKSPACE_SCOPES],
        required=False,
        widget=forms.CheckboxSelectMultiple,
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
class ApiKeyAdmin(StaffAdmin[ApiKey]):
    form = ApiKeyForm
    plural = "API keys"
    list_display = ("name", "ending", "workspace_slug", "scope_names", "expires_at", "revoked_at")
    list_filter = (WorkspaceFilter, ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("workspace",)
    autocomplete_fields = ("workspace",)
    text_fields = ("name", "hint")
    verbs = (
        Verb(
            name="revoke",
            label="Revoke",
            question="Revoke these keys? They stop working at once and for good.",
            done="revoked",
            call=_revoke,
            works_in_archive=True,
        ),
    )

    @admin.display(description="ends with")
    def ending(self, key: ApiKey) -> str:
        """All that is still known of the key's text."""
        return f"…{key.hint}"

    @admin.display(description="scopes")
    def scope_names(self, key: ApiKey) -> str:
        """In the order in which they were given."""
        return ", ".join(key.scopes)

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        """Everything but the hash, once the key is there."""
        if obj is None:
            return ApiKeyForm.Meta.fields
        times = ("created_by", "created_at", "expires_at", "last_used_at", "revoked_at")
        return ("id", "workspace", "name", "ending", "scope_names", "rate_limit_per_minute", *times)

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        return () if obj is None else self.get_fields(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False

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
        # For this one answer: `obj` goes with the request.
        obj.plain_key = plain  # type: ignore[attr-defined]

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """One button: the next page has to be read."""
        only_save = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().add_view(request, form_url, {**only_save, **(extra_context or {})})

    def response_add(
        self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The page with the key, which no message and no session keeps."""
        plain = obj.plain_key  # type: ignore[attr-defined]
        back = reverse("admin:workspaces_apikey_change", args=[obj.pk])
        return self.reveal(request, "The new API key", plain, back=back)


@admin.register(Revision)
class RevisionAdmin(ReadOnlyAdmin[Revision]):
    list_display = ("workspace", "number", "kind", "external_key", "created_by", "created_at")
    list_filter = (WorkspaceFilter,)
    list_select_related = ("workspace",)
    id_fields = ()
    exact_fields = ("external_key",)


@admin.register(PrunedHistory)
class PrunedHistoryAdmin(ReadOnlyAdmin[PrunedHistory]):
    list_display = ("name", "before")
    ordering = ("name",)
    id_fields = ()


def _is_system(workspace: Workspace | None) -> bool:
    return workspace is not None and workspace.slug == SYSTEM_SLUG

"""Who signs in, for staff: users, groups, and the attempts that axes counted."""

import datetime as dt
from typing import TYPE_CHECKING

from axes.models import AccessAttempt, AccessLog
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User

from console.models import Operation
from workspaces.rules.callers import Caller
from workspaces.staff.filters import WorkspaceFilter
from workspaces.staff.pages import ReadOnlyAdmin
from workspaces.staff.verbs import Verb

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
    from django.contrib.auth.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
else:
    from unfold.admin import ModelAdmin
    from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

admin.site.unregister([User, Group])


@admin.register(User)
class StaffUserAdmin(UserAdmin, ModelAdmin):  # type: ignore[type-arg]
    # The two lists of permissions need the whole width.
    compressed_fields = False
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class StaffGroupAdmin(GroupAdmin, ModelAdmin):  # type: ignore[type-arg]
    compressed_fields = False


def _unlock(row: AccessAttempt, *, caller: Caller, now: dt.datetime) -> None:
    row.delete()


@admin.register(AccessAttempt)
class AccessAttemptAdmin(ReadOnlyAdmin[AccessAttempt]):
    list_display = ("username", "ip_address", "failures_since_start", "attempt_time", "user_agent")
    ordering = ("-attempt_time",)
    id_fields = ()
    exact_fields = ("username",)
    fields = ("username", "ip_address", "user_agent", "failures_since_start", "attempt_time")
    verbs = (
        Verb(
            name="forget",
            label="Forget",
            question="Forget these failed attempts? Whoever they lock out may try again at once.",
            done="forgotten",
            call=_unlock,
        ),
    )


@admin.register(AccessLog)
class AccessLogAdmin(ReadOnlyAdmin[AccessLog]):
    list_display = ("username", "ip_address", "attempt_time", "logout_time", "user_agent")
    ordering = ("-attempt_time",)
    id_fields = ()
    exact_fields = ("username",)
    fields = ("username", "ip_address", "user_agent", "attempt_time", "logout_time")


@admin.register(Operation)
class OperationAdmin(ReadOnlyAdmin[Operation]):
    """Bulk operations, to look at."""

    list_display = (
        "id", "workspace_slug", "kind", "status",
        "total_count", "succeeded_count", "failed_count", "created_at",
    )  # fmt: skip
    list_filter = (WorkspaceFilter, "kind", "status")
    list_select_related = ("workspace",)
    text_fields = ("created_by",)

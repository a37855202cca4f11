"""The admin writes through the services, shows a key once, and leaves history alone."""

import datetime as dt
import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.factories import WorkspaceFactory
from tests.staff import confirm, find_verb, select, sign_in
from tests.workspaces.factories import make_key
from workspaces.models import ApiKey, Plan, Workspace
from workspaces.services import authenticate_key, mint_api_key, record_revision

pytestmark = pytest.mark.django_db

ADD_KEY = "/admin/workspaces/apikey/add/"


@pytest.fixture
def staff() -> Client:
    return sign_in(is_superuser=True)


def _add_key(staff: Client, **fields: Any) -> Any:
    return staff.post(ADD_KEY, {"name": "CI", **fields}, follow=True)


def test_a_key_is_shown_once(staff: Client) -> None:
    workspace = WorkspaceFactory.create()
    page = _add_key(staff, workspace=workspace.pk, scopes=["*"]).content.decode()
    shown = re.search(r"chk_[\w-]{43}", page)
    assert shown is not None
    caller = authenticate_key(shown[0], now=dt.datetime.now(dt.UTC))
    assert caller is not None
    assert caller.workspace_id == workspace.pk
    assert ApiKey.objects.get().created_by.startswith("user:")
    for path in ("", f"{ApiKey.objects.get().pk}/change/"):
        response = staff.get(f"/admin/workspaces/apikey/{path}")
        assert response.status_code == 200
        assert shown[0] not in response.content.decode()


def test_a_new_key_is_in_no_message_no_session_and_no_cache(staff: Client) -> None:
    answer = staff.post(ADD_KEY, {"name": "CI"})
    shown = re.search(r"cho_[\w-]{43}", answer.content.decode())
    assert answer.status_code == 200
    assert shown is not None
    assert "no-store" in answer["Cache-Control"]
    kept = str(dict(staff.session)) + "".join(cookie.value for cookie in staff.cookies.values())
    assert shown[0] not in kept
    assert shown[0] not in "".join(LogEntry.objects.values_list("change_message", "object_repr")[0])
    key = ApiKey.objects.get()
    for path in ("", f"{key.pk}/change/", f"{key.pk}/history/"):
        page = staff.get(f"/admin/workspaces/apikey/{path}").content.decode()
        assert shown[0] not in page
        assert key.key_hash not in page


def test_who_may_only_look_revokes_no_key() -> None:
    plain = make_key(WorkspaceFactory.create(), "*")
    key = ApiKey.objects.get()
    viewer = sign_in("view_apikey")
    select(viewer, "revoke", key, confirmed="yes")
    assert viewer.post(find_verb(key, "revoke")).status_code == 403
    assert viewer.get(ADD_KEY).status_code == 403
    assert authenticate_key(plain, now=dt.datetime.now(dt.UTC)) is not None


def test_a_key_of_an_archived_workspace_can_still_be_revoked(staff: Client) -> None:
    workspace = WorkspaceFactory.create(archived_at=dt.datetime.now(dt.UTC))
    make_key(workspace, "*")
    assert "1 revoked." in confirm(staff, "revoke", ApiKey.objects.get())


def test_a_refusal_to_archive_is_shown(staff: Client) -> None:
    page = confirm(staff, "archive", Workspace.objects.get(slug="system"))
    assert "can be neither archived" in page


def test_keys_and_revisions_are_listed_by_workspace(staff: Client) -> None:
    clinic, other = WorkspaceFactory.create(slug="clinic"), WorkspaceFactory.create()
    for workspace, name in ((clinic, "of-clinic"), (other, "of-other")):
        mint_api_key(workspace_id=workspace.pk, name=name, scopes=["*"], created_by="system:test")
        record_revision(
            workspace_id=workspace.pk,
            kind="a",
            external_key=name,
            document={},
            created_by="system:test",
        )
    for model in ("apikey", "revision"):
        page = staff.get(f"/admin/workspaces/{model}/", {"workspace": "clinic"}).content.decode()
        assert "of-clinic" in page
        assert "of-other" not in page


@pytest.mark.parametrize("model", ["apikey", "revision", "workspace"])
def test_lists_take_the_same_number_of_queries_for_any_number_of_rows(
    staff: Client, model: str
) -> None:
    counts = []
    for _ in range(2):
        for workspace in WorkspaceFactory.create_batch(3):
            make_key(workspace, "*")
            record_revision(
                workspace_id=workspace.pk,
                kind="a",
                external_key="a",
                document={},
                created_by="system:test",
            )
        with CaptureQueriesContext(connection) as queries:
            assert staff.get(f"/admin/workspaces/{model}/").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_key_without_a_workspace_is_an_operators(staff: Client) -> None:
    assert "cho_" in _add_key(staff).content.decode()
    assert ApiKey.objects.get().scopes == ["operator"]


def test_a_key_without_a_scope_or_with_a_strange_one_is_refused(staff: Client) -> None:
    workspace = WorkspaceFactory.create()
    _add_key(staff, workspace=workspace.pk)
    _add_key(staff, workspace=workspace.pk, scopes=["operator"])
    _add_key(staff, scopes=["*"])
    assert not ApiKey.objects.exists()


def test_keys_are_revoked_and_never_deleted(staff: Client) -> None:
    plain = make_key(WorkspaceFactory.create(), "*")
    key = ApiKey.objects.get()
    changes = "/admin/workspaces/apikey/"
    staff.post(changes, {"action": "delete_selected", "_selected_action": [key.pk]})
    assert staff.post(f"{changes}{key.pk}/delete/").status_code == 403
    assert authenticate_key(plain, now=dt.datetime.now(dt.UTC)) is not None
    assert "1 revoked." in confirm(staff, "revoke", key)
    assert authenticate_key(plain, now=dt.datetime.now(dt.UTC)) is None


def test_staff_without_the_permission_can_do_nothing() -> None:
    client = sign_in()
    make_key(WorkspaceFactory.create(), "*")
    assert client.get(ADD_KEY).status_code == 403
    assert client.get("/admin/workspaces/apikey/").status_code == 403


def _save_workspace(staff: Client, path: str, **fields: Any) -> Any:
    body = {"name": "Acme", "slug": "acme", "plan": "pro", "metadata": "{}", **fields}
    return staff.post(f"/admin/workspaces/workspace/{path}/", body, follow=True)


def test_workspaces_are_made_changed_archived_and_restored(staff: Client) -> None:
    _save_workspace(staff, "add")
    workspace = Workspace.objects.get(slug="acme")
    assert workspace.plan_id == "pro"
    _save_workspace(staff, f"{workspace.pk}/change", name="Acme 2", plan="free")
    workspace.refresh_from_db()
    assert (workspace.name, workspace.plan_id) == ("Acme 2", "free")
    for verb, is_archived in (("archive", True), ("restore", False)):
        confirm(staff, verb, workspace)
        workspace.refresh_from_db()
        assert (workspace.archived_at is not None) is is_archived


def test_only_a_workspace_without_history_can_be_deleted(staff: Client) -> None:
    kept, gone = WorkspaceFactory.create(), WorkspaceFactory.create()
    record_revision(
        workspace_id=kept.pk, kind="a", external_key="a", document={}, created_by="system:test"
    )
    for workspace in (kept, gone, Workspace.objects.get(slug="system")):
        staff.post(f"/admin/workspaces/workspace/{workspace.pk}/delete/", {"post": "yes"})
    assert set(Workspace.objects.values_list("slug", flat=True)) == {kept.slug, "system"}


def test_the_systems_workspace_keeps_its_slug(staff: Client) -> None:
    system = Workspace.objects.get(slug="system")
    _save_workspace(staff, f"{system.pk}/change", slug="mine", name="Ours")
    system.refresh_from_db()
    assert (system.slug, system.name) == ("system", "Ours")


def test_revisions_are_looked_at_alone(staff: Client) -> None:
    workspace = WorkspaceFactory.create()
    record_revision(
        workspace_id=workspace.pk, kind="a", external_key="a", document={}, created_by="system:test"
    )
    revision = workspace.revisions.get()
    base = "/admin/workspaces/revision/"
    assert staff.get(base).status_code == 200
    assert staff.get(f"{base}{revision.pk}/change/").status_code == 200
    for path in ("add/", f"{revision.pk}/delete/"):
        assert staff.post(f"{base}{path}").status_code == 403


def test_plans_are_edited(staff: Client) -> None:
    body = {"slug": "basic", "name": "Basic", "max_scheduled_triggers": 3}
    staff.post("/admin/workspaces/plan/basic/change/", body)
    plan = Plan.objects.get(slug="basic")
    assert (plan.max_scheduled_triggers, plan.max_webhook_triggers) == (3, None)

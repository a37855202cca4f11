"""The admin of actions: to look and to switch; secrets are never shown."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.factories import ActionFactory, WorkspaceFactory
from tests.staff import confirm, find_verb, select, sign_in
from workspaces.models import Revision
from workspaces.services import encrypt_secret

pytestmark = pytest.mark.django_db
URL = "/admin/actions/action/"


@pytest.fixture
def root() -> Client:
    return sign_in(is_superuser=True)


def test_the_list_and_a_page_show_no_secret(root: Client) -> None:
    action = ActionFactory.create(
        name="Call Ada", secret_config=encrypt_secret('{"token": "hunter2"}')
    )
    listed = root.get(URL, {"q": "Ada"})
    page = root.get(f"{URL}{action.pk}/change/")
    assert (listed.status_code, page.status_code) == (200, 200)
    assert b"Call Ada" in page.content
    for content in (listed.content, page.content):
        assert b"hunter2" not in content
        assert bytes(action.secret_config or b"") not in content
        assert b"secret_config" not in content


def test_actions_are_neither_added_nor_deleted_here(root: Client) -> None:
    action = ActionFactory.create()
    assert root.get(f"{URL}add/").status_code == 403
    assert root.post(f"{URL}{action.pk}/delete/", {"post": "yes"}).status_code == 403
    assert root.post(f"{URL}{action.pk}/change/", {"name": "Mine"}).status_code == 403
    action.refresh_from_db()
    assert action.name != "Mine"


def test_switching_goes_through_the_service(root: Client) -> None:
    action = ActionFactory.create()
    for verb, is_enabled in (("disable", False), ("enable", True)):
        assert f"1 {verb}d." in confirm(root, verb, action)
        action.refresh_from_db()
        assert action.enabled is is_enabled
    revisions = Revision.objects.filter(workspace=action.workspace)
    assert revisions.count() == 2
    assert {revision.created_by.partition(":")[0] for revision in revisions} == {"user"}


def test_staff_without_the_permission_cannot_switch() -> None:
    action = ActionFactory.create()
    assert sign_in("view_run").get(URL).status_code == 403
    viewer = sign_in("view_action")
    assert viewer.get(URL).status_code == 200
    select(viewer, "disable", action, confirmed="yes")
    assert viewer.post(find_verb(action, "disable")).status_code == 403
    action.refresh_from_db()
    assert action.enabled is True


def test_actions_are_found_by_name_key_id_and_workspace(root: Client) -> None:
    clinic = WorkspaceFactory.create(slug="clinic")
    wanted = ActionFactory.create(workspace=clinic, name="Call Ada", external_key="call-ada")
    other = ActionFactory.create(name="Mail Bob")
    searches = ({"q": "ada"}, {"q": "call-ada"}, {"q": str(wanted.pk)}, {"workspace": "clinic"})
    for parameters in searches:
        page = root.get(URL, parameters).content.decode()
        assert str(wanted.pk) in page
        assert str(other.pk) not in page


def test_the_list_takes_the_same_number_of_queries_for_any_number_of_rows(root: Client) -> None:
    counts = []
    for _ in range(2):
        ActionFactory.create_batch(4)
        with CaptureQueriesContext(connection) as queries:
            root.get(URL)
        counts.append(len(queries))
    assert counts[0] == counts[1]

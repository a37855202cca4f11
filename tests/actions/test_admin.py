"""The admin of actions: to look and to switch; secrets are never shown."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.factories import ActionFactory
from workspaces.models import Revision
from workspaces.services import encrypt_secret

pytestmark = pytest.mark.django_db
URL = "/admin/actions/action/"


@pytest.fixture
def root() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


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
        root.post(URL, {"action": verb, "_selected_action": [str(action.pk)]})
        action.refresh_from_db()
        assert action.enabled is is_enabled
    revisions = Revision.objects.filter(workspace=action.workspace)
    assert revisions.count() == 2
    assert {revision.created_by.partition(":")[0] for revision in revisions} == {"user"}


def test_staff_without_permission_cannot_switch() -> None:
    user = User.objects.create_user("staff", is_staff=True)
    client = Client()
    client.force_login(user)
    action = ActionFactory.create()
    assert (
        client.post(URL, {"action": "disable", "_selected_action": [str(action.pk)]}).status_code
        == 403
    )
    action.refresh_from_db()
    assert action.enabled is True

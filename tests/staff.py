"""Members of staff in their browsers, and what they do on the admin's pages."""

from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from tests.workspaces.factories import StaffFactory


def sign_in(*permissions: str, is_superuser: bool = False) -> Client:
    """A member of staff with these permissions (``change_run``) and no others."""
    user = StaffFactory.create(is_superuser=is_superuser)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def find_list(model: type[Model] | Model) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def find_page(row: Model) -> str:
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    return reverse(name, args=[row.pk])


def select(client: Client, verb: str, *rows: Model, **fields: Any) -> Any:
    """Choose a verb in the list: the answer asks."""
    body = {"action": verb, "_selected_action": [str(row.pk) for row in rows], **fields}
    return client.post(find_list(rows[0]), body, follow=True)


def confirm(client: Client, verb: str, *rows: Model) -> str:
    """Choose a verb in the list and say yes; the page that follows."""
    asked = select(client, verb, *rows).content.decode()
    assert 'name="confirmed"' in asked
    page: str = select(client, verb, *rows, confirmed="yes").content.decode()
    return page


def find_verb(row: Model, verb: str) -> str:
    """The address of a verb of one row."""
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_verb"
    return reverse(name, args=[row.pk, verb])

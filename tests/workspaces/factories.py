"""Keys, clients and staff for tests of doors."""

from typing import Any

import factory
from django.contrib.auth.models import User
from django.test import Client

from workspaces.models import Plan, Workspace
from workspaces.services import mint_api_key


class PlanFactory(factory.django.DjangoModelFactory[Plan]):
    """Unlimited unless told otherwise."""

    class Meta:
        model = Plan

    slug = factory.Sequence(lambda n: f"plan-{n}")
    name = factory.Sequence(lambda n: f"Plan {n}")


class StaffFactory(factory.django.DjangoModelFactory[User]):
    class Meta:
        model = User

    username = factory.Sequence(lambda n: f"staff-{n}")
    is_staff = True


def make_key(workspace: Workspace | None, *scopes: str, **options: Any) -> str:
    """The plain text of a new key."""
    _, plain = mint_api_key(
        workspace_id=workspace.pk if workspace else None,
        name="test",
        scopes=scopes,
        created_by="system:test",
        **options,
    )
    return plain


def make_client(key: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {key}"}, raise_request_exception=False)

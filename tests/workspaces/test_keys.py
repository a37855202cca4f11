"""Keys and the workspaces they open: the verbs below the doors."""

import datetime as dt
import uuid

import pytest
from django.db import IntegrityError, transaction

from tests.factories import WorkspaceFactory
from tests.workspaces.factories import make_key
from workspaces.models import ApiKey, Workspace
from workspaces.rules.problems import NotFound, Unprocessable
from workspaces.services import (
    authenticate_key,
    create_workspace,
    delete_workspace,
    find_workspace,
    mint_api_key,
    new_id,
    read_now,
    revoke_api_key,
)

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)


def _mint(workspace: Workspace) -> ApiKey:
    key, _ = mint_api_key(
        workspace_id=workspace.pk, name="a", scopes=["*"], created_by="system:test"
    )
    return key


def test_a_key_carries_its_scopes_once_and_no_more() -> None:
    workspace = WorkspaceFactory.create()
    key, plain = mint_api_key(
        workspace_id=workspace.pk,
        name="a",
        scopes=["runs:read", "runs:read"],
        created_by="user:1",
    )
    assert key.scopes == ["runs:read"]
    caller = authenticate_key(plain, now=NOW)
    assert caller is not None
    assert str(caller) == f"key:{key.pk}"
    assert caller.workspace_id == workspace.pk
    assert caller.has_scope("runs:read")
    assert not caller.has_scope("runs:write")
    assert not caller.has_scope("operator")


@pytest.mark.parametrize("scopes", [[], ["*"], ["operator", "*"], ["runs:read"]])
def test_an_operators_key_has_one_scope_alone(scopes: list[str]) -> None:
    with pytest.raises(Unprocessable):
        mint_api_key(workspace_id=None, name="a", scopes=scopes, created_by="system:test")


def test_the_database_knows_what_an_operators_key_is() -> None:
    workspace = WorkspaceFactory.create()
    for workspace_id, scopes in ((None, ["*"]), (workspace.pk, ["operator", "*"])):
        with pytest.raises(IntegrityError), transaction.atomic():
            ApiKey.objects.create(
                workspace_id=workspace_id, name="a", key_hash="x", hint="x", scopes=scopes
            )


def test_a_key_is_revoked_only_through_its_own_workspace() -> None:
    key = _mint(WorkspaceFactory.create())
    for workspace_id in (WorkspaceFactory.create().pk, None):
        with pytest.raises(NotFound):
            revoke_api_key(workspace_id=workspace_id, key_id=key.pk, now=NOW)


def test_an_operators_key_is_revoked() -> None:
    plain = make_key(None, "operator")
    key = ApiKey.objects.get(workspace=None)
    assert plain.startswith("cho_")
    revoked = revoke_api_key(workspace_id=None, key_id=key.pk, now=NOW)
    assert revoked.revoked_at == NOW
    assert authenticate_key(plain, now=NOW) is None


def test_a_workspace_is_found_by_its_id_in_either_form() -> None:
    workspace = WorkspaceFactory.create()
    assert find_workspace(workspace.pk) == find_workspace(str(workspace.pk)) == workspace
    for unknown in (uuid.uuid4(), str(uuid.uuid4()), "garbage", ""):
        with pytest.raises(NotFound):
            find_workspace(unknown)


def test_deleting_a_workspace_ends_its_keys() -> None:
    workspace = WorkspaceFactory.create()
    plain = make_key(workspace, "*")
    delete_workspace(workspace_id=workspace.pk)
    assert authenticate_key(plain, now=NOW) is None


def test_now_is_the_databases_and_aware() -> None:
    now = read_now()
    assert now.tzinfo is not None
    assert abs(now - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)


def test_what_the_database_refuses_for_another_reason_is_no_slug_that_is_taken() -> None:
    with pytest.raises(IntegrityError):
        create_workspace(name=None)  # type: ignore[arg-type]


def test_ids_are_ordered_by_time() -> None:
    ids = [new_id() for _ in range(100)]
    assert ids == sorted(ids)
    assert {key.version for key in ids} == {7}

"""Secrets, revisions, limits, keys: the verbs below the doors."""

import datetime as dt
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import IntegrityError, connection, transaction
from pytest_django import Settings

from tests.factories import WorkspaceFactory
from tests.workspaces.factories import PlanFactory, make_key
from workspaces.apps import check_encryption_keys
from workspaces.models import ApiKey, Revision, Workspace
from workspaces.rules.problems import NotFound, ServiceError, Unprocessable
from workspaces.services import (
    SecretUnreadable,
    TriggerLimitExceeded,
    authenticate_key,
    decrypt_secret,
    delete_workspace,
    encrypt_secret,
    find_workspace,
    lock_limits,
    mint_api_key,
    new_id,
    read_now,
    read_plan,
    record_revision,
    refuse_over_limit,
    revoke_api_key,
)

NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)


def _record(workspace_id: uuid.UUID, external_key: str = "a", **document: object) -> int:
    return record_revision(
        workspace_id=workspace_id,
        kind="trigger",
        external_key=external_key,
        document=document,
        created_by="key:1",
    )


def _run_at_once(count: int, work: Callable[[int], Any]) -> list[Any]:
    """What ``work`` returned or raised, in threads that start together."""
    barrier = threading.Barrier(count)

    def run(number: int) -> Any:
        barrier.wait(10)
        try:
            return work(number)
        except ServiceError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_a_secret_is_encrypted_and_decrypted() -> None:
    cipher = encrypt_secret("geheim")
    assert b"geheim" not in cipher
    assert decrypt_secret(memoryview(cipher)) == b"geheim"
    assert decrypt_secret(encrypt_secret(b"\x00\xff")) == b"\x00\xff"


def test_a_secret_survives_the_rotation_of_keys(settings: Settings) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.CLOCKHOOK_ENCRYPTION_KEYS = [old]
    cipher = encrypt_secret("geheim")
    settings.CLOCKHOOK_ENCRYPTION_KEYS = [new, old]
    assert decrypt_secret(cipher) == b"geheim"
    fresh = encrypt_secret("geheim")
    settings.CLOCKHOOK_ENCRYPTION_KEYS = [new]
    assert decrypt_secret(fresh) == b"geheim"
    with pytest.raises(SecretUnreadable):
        decrypt_secret(cipher)


def test_a_secret_that_was_altered_is_not_read() -> None:
    cipher = bytearray(encrypt_secret("geheim"))
    cipher[20] ^= 1
    with pytest.raises(SecretUnreadable):
        decrypt_secret(bytes(cipher))


@pytest.mark.parametrize("keys", [[], ["short"], [Fernet.generate_key().decode(), "é"]])
def test_bad_encryption_keys_are_an_error_with_a_hint(settings: Settings, keys: list[str]) -> None:
    settings.CLOCKHOOK_ENCRYPTION_KEYS = keys
    errors = check_encryption_keys()
    assert [error.id for error in errors] == ["workspaces.E001"]
    assert "openssl" in (errors[0].hint or "")


def test_good_encryption_keys_are_no_error() -> None:
    assert check_encryption_keys() == []


@pytest.mark.django_db
def test_revisions_are_numbered_per_workspace() -> None:
    one, other = WorkspaceFactory(), WorkspaceFactory()
    assert [_record(one.pk), _record(one.pk), _record(other.pk)] == [1, 2, 1]
    one.refresh_from_db()
    assert one.revision_number == 2


@pytest.mark.django_db
def test_a_revision_keeps_the_document_and_null_is_a_deletion() -> None:
    workspace = WorkspaceFactory()
    _record(workspace.pk, id=workspace.pk, at=NOW, name="é")
    record_revision(
        workspace_id=workspace.pk,
        kind="trigger",
        external_key="a",
        document=None,
        created_by="user:1",
    )
    kept, deleted = Revision.objects.filter(workspace=workspace).order_by("number")
    assert kept.document == {"id": str(workspace.pk), "at": "2026-11-24T12:00:00Z", "name": "é"}
    assert deleted.document is None
    assert deleted.created_by == "user:1"
    assert deleted.created_at is not None


@pytest.mark.django_db
def test_a_revision_of_no_workspace_is_refused() -> None:
    with pytest.raises(LookupError):
        _record(uuid.uuid4())


@pytest.mark.django_db(transaction=True)
def test_revisions_written_at_once_have_neither_gaps_nor_twins() -> None:
    workspace = WorkspaceFactory()

    def record(number: int) -> list[int]:
        with transaction.atomic():
            return [_record(workspace.pk, f"{number}.{step}") for step in range(5)]

    numbers = [number for written in _run_at_once(6, record) for number in written]
    assert sorted(numbers) == list(range(1, 31))
    workspace.refresh_from_db()
    assert workspace.revision_number == 30


@pytest.mark.django_db(transaction=True)
def test_a_revision_that_is_rolled_back_leaves_no_gap() -> None:
    workspace = WorkspaceFactory()
    with transaction.atomic():
        _record(workspace.pk)
        transaction.set_rollback(True)
    assert _record(workspace.pk) == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("plan", "scheduled", "webhook"),
    [("free", 0, 0), ("basic", 2, 5), ("pro", 10, 20), ("enterprise", None, None)],
)
def test_the_plans_that_come_with_the_product(
    plan: str, scheduled: int | None, webhook: int | None
) -> None:
    workspace = WorkspaceFactory(plan_id=plan)
    limits = lock_limits(workspace.pk)
    assert limits == read_plan(workspace.pk)
    assert limits.tier_name == plan.capitalize()
    assert limits.read_limit("scheduled") == scheduled
    assert limits.read_limit("webhook") == webhook


@pytest.mark.django_db
def test_limits_of_no_workspace_are_not_found() -> None:
    for read in (lock_limits, read_plan):
        with pytest.raises(NotFound):
            read(uuid.uuid4())


@pytest.mark.django_db
def test_one_over_the_limit_is_402_with_all_that_a_client_needs() -> None:
    workspace = WorkspaceFactory(plan_id="basic")
    limits = lock_limits(workspace.pk)
    refuse_over_limit(limits=limits, trigger_type="webhook", current_count=4)
    with pytest.raises(TriggerLimitExceeded) as refusal:
        refuse_over_limit(limits=limits, trigger_type="webhook", current_count=5)
    assert (refusal.value.status, refusal.value.code) == (402, "payment_required")
    assert refusal.value.members == {
        "current_count": 5,
        "limit": 5,
        "tier_name": "Basic",
        "trigger_type": "webhook",
        "error_code": "TRIGGER_LIMIT_EXCEEDED",
    }


@pytest.mark.django_db
def test_no_limit_refuses_nothing() -> None:
    limits = lock_limits(WorkspaceFactory().pk)
    refuse_over_limit(limits=limits, trigger_type="scheduled", current_count=10**9)


@pytest.mark.django_db(transaction=True)
def test_of_many_creations_at_once_only_as_many_pass_as_the_plan_allows() -> None:
    plan = PlanFactory(max_scheduled_triggers=2)
    workspace = WorkspaceFactory(plan=plan)

    def create(number: int) -> str:
        # Revisions stand in for triggers: rows that refer to the workspace.
        with transaction.atomic():
            limits = lock_limits(workspace.pk)
            count = Revision.objects.filter(workspace=workspace).count()
            refuse_over_limit(limits=limits, trigger_type="scheduled", current_count=count)
            _record(workspace.pk, str(number))
        return "created"

    outcomes = _run_at_once(6, create)
    assert outcomes.count("created") == 2
    assert sum(isinstance(outcome, TriggerLimitExceeded) for outcome in outcomes) == 4


@pytest.mark.django_db(transaction=True)
def test_the_lock_of_limits_holds_back_no_row_that_refers_to_the_workspace() -> None:
    workspace = WorkspaceFactory()
    with transaction.atomic():
        lock_limits(workspace.pk)

        def insert(_: int) -> int:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '2s'")
            return ApiKey.objects.filter(pk=_mint(workspace).pk).count()

        assert _run_at_once(1, insert) == [1]


def _mint(workspace: Workspace) -> ApiKey:
    key, _ = mint_api_key(
        workspace_id=workspace.pk, name="a", scopes=["*"], created_by="system:test"
    )
    return key


@pytest.mark.django_db
def test_a_key_carries_its_scopes_once_and_no_more() -> None:
    workspace = WorkspaceFactory()
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


@pytest.mark.django_db
@pytest.mark.parametrize("scopes", [[], ["*"], ["operator", "*"], ["runs:read"]])
def test_an_operators_key_has_one_scope_alone(scopes: list[str]) -> None:
    with pytest.raises(Unprocessable):
        mint_api_key(workspace_id=None, name="a", scopes=scopes, created_by="system:test")


@pytest.mark.django_db
def test_the_database_knows_what_an_operators_key_is() -> None:
    workspace = WorkspaceFactory()
    for workspace_id, scopes in ((None, ["*"]), (workspace.pk, ["operator", "*"])):
        with pytest.raises(IntegrityError), transaction.atomic():
            ApiKey.objects.create(
                workspace_id=workspace_id, name="a", key_hash="x", hint="x", scopes=scopes
            )


@pytest.mark.django_db
def test_a_key_is_revoked_only_through_its_own_workspace() -> None:
    key = _mint(WorkspaceFactory())
    for workspace_id in (WorkspaceFactory().pk, None):
        with pytest.raises(NotFound):
            revoke_api_key(workspace_id=workspace_id, key_id=key.pk, now=NOW)


@pytest.mark.django_db
def test_an_operators_key_is_revoked() -> None:
    plain = make_key(None, "operator")
    key = ApiKey.objects.get(workspace=None)
    assert plain.startswith("cho_")
    revoked = revoke_api_key(workspace_id=None, key_id=key.pk, now=NOW)
    assert revoked.revoked_at == NOW
    assert authenticate_key(plain, now=NOW) is None


@pytest.mark.django_db
def test_a_workspace_is_found_by_its_id_in_either_form() -> None:
    workspace = WorkspaceFactory()
    assert find_workspace(workspace.pk) == find_workspace(str(workspace.pk)) == workspace
    for unknown in (uuid.uuid4(), str(uuid.uuid4()), "garbage", ""):
        with pytest.raises(NotFound):
            find_workspace(unknown)


@pytest.mark.django_db
def test_deleting_a_workspace_ends_its_keys() -> None:
    workspace = WorkspaceFactory()
    plain = make_key(workspace, "*")
    delete_workspace(workspace_id=workspace.pk)
    assert authenticate_key(plain, now=NOW) is None


@pytest.mark.django_db
def test_now_is_the_databases_and_aware() -> None:
    now = read_now()
    assert now.tzinfo is not None
    assert abs(now - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)


@pytest.mark.django_db
def test_rows_are_inserted_at_once_and_conflicts_are_left_out() -> None:
    workspace = WorkspaceFactory()
    assert new_id().version == 7
    assert new_id() < new_id()
    assert workspace.pk.version == 7

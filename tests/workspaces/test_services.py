"""Secrets, revisions, limits, keys: the verbs below the doors."""

import datetime as dt
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import connection, transaction
from pytest_django import Settings

from tests.factories import WorkspaceFactory
from tests.workspaces.factories import PlanFactory, make_key
from workspaces.apps import check_encryption_keys
from workspaces.models import ApiKey, Revision
from workspaces.rules.problems import NotFound, ServiceError
from workspaces.services import (
    SecretUnreadable,
    TriggerLimitExceeded,
    decrypt_secret,
    encrypt_secret,
    lock_limits,
    read_plan,
    record_revision,
    refuse_over_limit,
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
    one, other = WorkspaceFactory.create(), WorkspaceFactory.create()
    assert [_record(one.pk), _record(one.pk), _record(other.pk)] == [1, 2, 1]
    one.refresh_from_db()
    assert one.revision_number == 2


@pytest.mark.django_db
def test_a_revision_keeps_the_document_and_null_is_a_deletion() -> None:
    workspace = WorkspaceFactory.create()
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
    with pytest.raises(NotFound):
        _record(uuid.uuid4())


@pytest.mark.django_db(transaction=True)
def test_revisions_written_at_once_have_neither_gaps_nor_twins() -> None:
    workspace = WorkspaceFactory.create()

    def record(number: int) -> list[int]:
        with transaction.atomic():
            return [_record(workspace.pk, f"{number}.{step}") for step in range(5)]

    numbers = [number for written in _run_at_once(6, record) for number in written]
    assert sorted(numbers) == list(range(1, 31))
    workspace.refresh_from_db()
    assert workspace.revision_number == 30


@pytest.mark.django_db(transaction=True)
def test_a_revision_that_is_rolled_back_leaves_no_gap() -> None:
    workspace = WorkspaceFactory.create()
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
    workspace = WorkspaceFactory.create(plan_id=plan)
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
    workspace = WorkspaceFactory.create(plan_id="basic")
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
    limits = lock_limits(WorkspaceFactory.create().pk)
    refuse_over_limit(limits=limits, trigger_type="scheduled", current_count=10**9)


@pytest.mark.django_db(transaction=True)
def test_of_many_creations_at_once_only_as_many_pass_as_the_plan_allows() -> None:
    plan = PlanFactory.create(max_scheduled_triggers=2)
    workspace = WorkspaceFactory.create(plan=plan)

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
    workspace = WorkspaceFactory.create()
    with transaction.atomic():
        lock_limits(workspace.pk)

        def insert(_: int) -> int:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '2s'")
            make_key(workspace, "*")
            return ApiKey.objects.filter(workspace=workspace).count()

        assert _run_at_once(1, insert) == [1]

"""Encryption keys change: everything is brought under the new one, and the old one can go."""

import io
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection

from actions.models import Action
from tests.factories import ActionFactory
from tests.webhooks.conftest import Sender
from tests.webhooks.factories import SECRET, DestinationFactory, add_secret
from webhooks.models import Delivery, Destination, DestinationSecret
from webhooks.services.ledger import read_request
from workspaces.services import SealedColumn, decrypt_secret, encrypt_secret, reencrypt_column
from workspaces.services.encryption import list_key_ids, read_key_id

pytestmark = pytest.mark.django_db

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture(autouse=True)
def silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runs.services.ring", lambda _queue, count=1: None)


@pytest.fixture(autouse=True)
def keys(settings: Any) -> Any:
    settings.CLOCKHOOK_ENCRYPTION_KEYS = [OLD]
    return settings


@pytest.fixture
def destination(keys: Any) -> Destination:
    """With a secret, an action's secret and a kept request, all under the old key."""
    made = DestinationFactory.create()
    ActionFactory.create(secret_config=encrypt_secret('{"token": "hunter2"}'))
    assert Sender().post(made, key="lead-1").status_code == 200
    return made


def run(*options: str) -> str:
    out = io.StringIO()
    call_command("reencrypt_secrets", *options, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def list_stored() -> list[bytes]:
    return [
        bytes(Action.objects.get(secret_config__isnull=False).secret_config or b""),
        *(bytes(secret.ciphertext) for secret in DestinationSecret.objects.order_by("id")),
        *(bytes(row.body) for row in Delivery.objects.order_by("id") if row.body is not None),
    ]


def test_the_id_of_the_key_stands_beside_what_it_encrypted(keys: Any) -> None:
    cipher = encrypt_secret("geheim")
    assert read_key_id(cipher) == list_key_ids()[0]
    assert OLD.encode() not in cipher
    keys.CLOCKHOOK_ENCRYPTION_KEYS = [NEW, OLD]
    assert read_key_id(encrypt_secret("geheim")) == list_key_ids()[0] != read_key_id(cipher)
    assert decrypt_secret(cipher) == b"geheim"


def test_what_has_no_id_of_a_key_is_read_as_before(keys: Any) -> None:
    bare = Fernet(OLD).encrypt(b"geheim")
    assert read_key_id(bare) is None
    keys.CLOCKHOOK_ENCRYPTION_KEYS = [NEW, OLD]
    assert decrypt_secret(bare) == b"geheim"


def test_everything_comes_under_the_first_key_and_the_old_one_can_go(
    keys: Any, destination: Destination
) -> None:
    DestinationSecret.objects.create(
        destination=destination, ciphertext=Fernet(OLD).encrypt(b"of before"), hint="fore"
    )
    keys.CLOCKHOOK_ENCRYPTION_KEYS = [NEW, OLD]
    answer = run()
    assert "actions: 1 re-encrypted, 0 unreadable" in answer
    assert "destination secrets: 2 re-encrypted, 0 unreadable" in answer
    assert "deliveries: 1 re-encrypted, 0 unreadable" in answer
    assert "the others may be removed" in answer
    keys.CLOCKHOOK_ENCRYPTION_KEYS = [NEW]
    opened = [decrypt_secret(cipher) for cipher in list_stored()]
    assert opened[:3] == [b'{"token": "hunter2"}', SECRET.encode(), b"of before"]
    request = read_request(Delivery.objects.get())
    assert request is not None
    assert request.headers["x-amigo-idempotent-key"] == "lead-1"
    assert Sender().post(destination, key="lead-2").status_code == 200


def test_a_second_run_touches_nothing(keys: Any, destination: Destination) -> None:
    keys.CLOCKHOOK_ENCRYPTION_KEYS = [NEW, OLD]
    run("--batch-size", "1")
    before = list_stored()
    assert "destination secrets: 0 re-encrypted" in run()
    assert list_stored() == before


def test_a_dry_run_counts_by_key_and_changes_nothing(keys: Any, destination: Destination) -> None:
    old_id = list_key_ids()[0]
    keys.CLOCKHOOK_ENCRYPTION_KEYS = [NEW, OLD]
    before = list_stored()
    answer = run("--dry-run")
    assert f"destination secrets: 1 under {old_id}; 1 to do" in answer
    assert list_stored() == before
    run()
    assert f"deliveries: 1 under {list_key_ids()[0]}; 0 to do" in run("--dry-run")


def test_what_no_key_reads_is_left_and_counted(keys: Any, destination: Destination) -> None:
    keys.CLOCKHOOK_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    add_secret(destination, "whsec_a-secret-under-a-lost-key")
    keys.CLOCKHOOK_ENCRYPTION_KEYS = [NEW, OLD]
    out = io.StringIO()
    with pytest.raises(CommandError, match="No configured key reads 1"):
        call_command("reencrypt_secrets", stdout=out, stderr=io.StringIO())
    assert "destination secrets: 1 re-encrypted, 1 unreadable" in out.getvalue()


def test_a_run_that_was_stopped_goes_on_where_it_was(keys: Any, destination: Destination) -> None:
    for number in range(5):
        add_secret(destination, f"whsec_the-secret-with-number-{number}")
    keys.CLOCKHOOK_ENCRYPTION_KEYS = [NEW, OLD]
    sealed = SealedColumn("secrets", DestinationSecret.objects.all(), "ciphertext")

    def stop(_done: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reencrypt_column(sealed, batch_size=2, report=stop)
    assert reencrypt_column(sealed, batch_size=2).reencrypted == 4


def test_a_secret_that_is_written_meanwhile_is_left_as_it_was_written(
    keys: Any, destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.CLOCKHOOK_ENCRYPTION_KEYS = [NEW, OLD]
    fresh = encrypt_secret("whsec_of-somebody-who-was-quicker")

    def decrypt_late(cipher: bytes) -> bytes:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE webhooks_destinationsecret SET ciphertext = %s", [fresh])
        return decrypt_secret(cipher)

    monkeypatch.setattr("workspaces.services.reencryption.decrypt_secret", decrypt_late)
    sealed = SealedColumn("secrets", DestinationSecret.objects.all(), "ciphertext")
    assert reencrypt_column(sealed, batch_size=10).reencrypted == 0
    assert bytes(DestinationSecret.objects.get().ciphertext) == fresh


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(CommandError):
        run("--batch-size", "0")

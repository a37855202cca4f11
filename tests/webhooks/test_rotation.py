"""A new secret beside the old one, and the end of the old one."""

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from tests.webhooks.conftest import Person, Sender
from tests.webhooks.factories import SECRET
from webhooks.models import Delivery, Destination, DestinationSecret
from workspaces.rules.times import parse_time

pytestmark = pytest.mark.django_db

GIVEN = "whsec_a-secret-that-the-vendor-chose"


def rotate(alice: Person, destination: Destination, body: Any = None) -> Any:
    return alice.send("post", f"webhook-destinations/{destination.pk}/rotate-secret", body or {})


def end_overlap() -> None:
    DestinationSecret.objects.filter(expires_at__isnull=False).update(expires_at=timezone.now())


@pytest.mark.parametrize(("body", "seconds"), [({}, 1800), ({"overlap_seconds": 604_800}, 604_800)])
def test_both_secrets_verify_until_the_overlap_ends(
    alice: Person, destination: Destination, sender: Sender, body: dict[str, Any], seconds: int
) -> None:
    answer = rotate(alice, destination, body)
    assert answer.status_code == 200, answer.json()
    rotated = answer.json()
    assert set(rotated) == {"secret", "rotation_expires_at"}
    ends_in = parse_time(rotated["rotation_expires_at"]) - timezone.now()
    assert abs(ends_in - dt.timedelta(seconds=seconds)) < dt.timedelta(minutes=1)
    assert rotated["secret"].startswith("whsec_")
    assert rotated["secret"] != SECRET
    assert sender.post(destination, secret=SECRET).status_code == 200
    assert sender.post(destination, secret=rotated["secret"]).status_code == 200
    end_overlap()
    assert sender.post(destination, secret=SECRET).status_code == 401
    assert sender.post(destination, secret=rotated["secret"]).status_code == 200
    assert Delivery.objects.get(status="rejected").cause == "secret_expired"


def test_without_an_overlap_the_old_secret_is_gone_at_once(
    alice: Person, destination: Destination, sender: Sender
) -> None:
    rotated = rotate(alice, destination, {"overlap_seconds": 0}).json()
    assert sender.post(destination, secret=SECRET).status_code == 401
    assert sender.post(destination, secret=rotated["secret"]).status_code == 200
    assert DestinationSecret.objects.count() == 1
    assert rotate(alice, destination, {"overlap_seconds": 0}).status_code == 200


def test_a_second_rotation_waits_for_the_first_ones_end(
    alice: Person, destination: Destination, sender: Sender
) -> None:
    first = rotate(alice, destination).json()
    for body in ({}, {"overlap_seconds": 0}, {"secret": GIVEN}):
        answer = rotate(alice, destination, body)
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
        assert answer.json()["rotation_expires_at"] == first["rotation_expires_at"]
    end_overlap()
    second = rotate(alice, destination).json()
    for secret, status in ((SECRET, 401), (first["secret"], 200), (second["secret"], 200)):
        assert sender.post(destination, secret=secret).status_code == status
    # The first secret went with the second rotation.
    assert DestinationSecret.objects.count() == 2


def test_the_vendors_secret_may_be_given(
    alice: Person, destination: Destination, sender: Sender
) -> None:
    assert rotate(alice, destination, {"secret": GIVEN}).json()["secret"] == GIVEN
    assert sender.post(destination, secret=GIVEN).status_code == 200
    shown = alice.get(f"webhook-destinations/{destination.pk}").json()
    assert (shown["secret_hint"], shown["secret_present"]) == (GIVEN[-4:], True)
    assert GIVEN not in str(shown)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"overlap_seconds": -1}, "/overlap_seconds"),
        ({"overlap_seconds": 604_801}, "/overlap_seconds"),
        ({"overlap_seconds": "1800"}, "/overlap_seconds"),
        ({"overlap_seconds": None}, "/overlap_seconds"),
        ({"secret": "short"}, "/secret"),
        ({"secret": 5}, "/secret"),
        ({"overlap": 5}, "/overlap"),
    ],
)
def test_a_wrong_field_is_named(
    alice: Person, destination: Destination, body: dict[str, Any], pointer: str
) -> None:
    answer = rotate(alice, destination, body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert DestinationSecret.objects.count() == 1


@pytest.mark.parametrize("preset", ["github", "jira", "bitbucket", "meta"])
def test_a_short_secret_that_its_user_chose_long_ago_is_taken_with_a_warning(
    alice: Person, destination: Destination, preset: str
) -> None:
    body = {
        "name": "d",
        "trigger_id": str(destination.trigger_id),
        "verification": {"preset": preset},
        "secret": "hunter2",
    }
    answer = alice.send("post", "webhook-destinations", body)
    assert answer.status_code == 201, answer.content
    [warning] = answer.json()["warnings"]
    assert warning.startswith("The secret has 7 bytes")
    path = f"webhook-destinations/{answer.json()['id']}/rotate-secret"
    given = {"secret": "letmein", "overlap_seconds": 0}
    assert alice.send("post", path, given).json()["warnings"] == [warning]
    assert "warnings" not in alice.send("post", path, {"overlap_seconds": 0}).json()


def test_a_body_is_optional(alice: Person, destination: Destination) -> None:
    path = alice.path(f"webhook-destinations/{destination.pk}/rotate-secret")
    answer = alice.client.post(path, b"", content_type="application/json")
    assert answer.status_code == 200


def test_a_lost_secret_can_be_replaced(alice: Person, destination: Destination) -> None:
    destination.secrets.all().delete()
    shown = alice.get(f"webhook-destinations/{destination.pk}").json()
    assert (shown["secret_present"], shown["secret_hint"]) == (False, None)
    assert rotate(alice, destination).status_code == 200


def test_a_rotation_logs_who_and_not_what(
    alice: Person, destination: Destination, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    secret = rotate(alice, destination).json()["secret"]
    assert "secret_rotated" in caplog.text
    assert str(destination.pk) in caplog.text
    assert secret not in caplog.text

"""The signature doctor at a destination: one sentence that helps, and nothing that forges."""

import base64
import datetime as dt
import hashlib
import hmac
import json
import time
from typing import Any
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet
from django.conf import settings as django_settings
from django.test import Client

from runs.models import Run
from tests.staff import find_page, sign_in
from tests.webhooks.conftest import (
    LEAD,
    Person,
    Sender,
    build_path,
    make_person,
    read_only_delivery,
)
from tests.webhooks.factories import SECRET, DestinationFactory, add_secret
from tests.webhooks.signing import build_headers, sign_body, sign_stamped
from webhooks.models import DedupeKey, Delivery, Destination, DestinationSecret
from webhooks.services import diagnose

pytestmark = pytest.mark.django_db

RIGHT = "whsec_what-the-sender-really-uses-here"
MEMBERS = {
    "valid",
    "cause",
    "step",
    "detail",
    "challenge_response",
    "event_type",
    "delivery_id",
    "recorded_status",
    "recorded_cause",
}
BODY = json.dumps(LEAD).encode()


def ask(person: Person, delivery: Delivery) -> dict[str, Any]:
    answer = person.get(f"deliveries/{delivery.id}/diagnosis")
    assert answer.status_code == 200, answer.json()
    diagnosis: dict[str, Any] = answer.json()
    assert set(diagnosis) == MEMBERS
    return diagnosis


def test_a_wrong_secret_is_named_mended_and_replayed_once(
    alice: Person, destination: Destination, sender: Sender
) -> None:
    refused = sender.post(destination, secret=RIGHT, key="lead-7")
    assert refused.status_code == 401
    assert "secret" not in refused.content.decode()
    listed = alice.get(f"webhook-destinations/{destination.pk}/deliveries").json()["items"]
    [delivery_id] = [item["delivery_id"] for item in listed]
    before = alice.get(f"deliveries/{delivery_id}/diagnosis").json()
    assert (before["valid"], before["cause"], before["step"]) == (
        False,
        "signature_mismatch",
        "signature",
    )
    assert before["detail"].count(".") == 1
    assert "signs with another secret" in before["detail"]
    assert (before["event_type"], before["delivery_id"]) == ("lead.created", "lead-7")
    # Mended by the door, too.
    path = f"webhook-destinations/{destination.pk}/rotate-secret"
    assert alice.send("post", path, {"secret": RIGHT}).status_code == 200
    after = alice.get(f"deliveries/{delivery_id}/diagnosis").json()
    assert (after["valid"], after["cause"], after["recorded_cause"]) == (
        True,
        None,
        "signature_mismatch",
    )
    replays = [
        alice.send("post", f"deliveries/{delivery_id}/replay").json()["status"] for _ in range(2)
    ]
    assert replays == ["fired", "duplicate"]
    assert Run.objects.count() == 1


def test_the_doctor_leaves_no_trace(
    alice: Person, destination: Destination, sender: Sender
) -> None:
    sender.post(destination, secret=RIGHT)
    stored = list(Delivery.objects.values())
    ask(alice, read_only_delivery(destination))
    assert list(Delivery.objects.values()) == stored
    assert not Run.objects.exists()
    assert not DedupeKey.objects.exists()
    assert DestinationSecret.objects.get().last_used_at is None


def test_neither_the_secret_nor_the_expected_signature_is_told(
    alice: Person, destination: Destination, sender: Sender
) -> None:
    stamp = str(int(time.time() * 1000))
    sender.post(destination, secret=RIGHT, timestamp=stamp)
    page = sign_in(is_superuser=True).get(find_page(read_only_delivery(destination)))
    trial = alice.send(
        "post",
        f"webhook-destinations/{destination.pk}/test",
        {"body": BODY.decode(), "headers": build_headers(RIGHT, BODY, timestamp=stamp)},
    )
    told = [
        json.dumps(ask(alice, read_only_delivery(destination))),
        page.content.decode(),
        trial.content.decode(),
    ]
    for text in told:
        assert SECRET not in text
        assert sign_stamped(SECRET, BODY, stamp) not in text
        assert sign_body(SECRET, BODY) not in text


@pytest.mark.parametrize(
    ("headers", "indent", "expected"),
    [
        ({}, None, ("signature_missing", "There is no header x-amigo-request-signature")),
        (
            {"x-amigo-request-signature": sign_body(SECRET, BODY).upper()},
            None,
            ("signature_mismatch", "It matches in lower case."),
        ),
        (
            {"x-amigo-request-signature": sign_body(SECRET.removeprefix("whsec_"), BODY)},
            None,
            ("signature_mismatch", "It matches when the secret is taken without whsec_."),
        ),
        (
            {"x-amigo-request-signature": sign_body(SECRET, BODY)},
            2,
            ("signature_mismatch", "It matches a body with blanks between its values"),
        ),
        (
            {"X-Hub-Signature-256": "sha256=" + sign_body(SECRET, BODY)},
            None,
            ("signature_missing", "It matches the preset github."),
        ),
        (
            {
                "x-amigo-request-timestamp": "1700000000",
                "x-amigo-request-signature": sign_stamped(SECRET, BODY, "1700000000"),
            },
            None,
            ("timestamp_stale", "300 s are allowed."),
        ),
    ],
)
def test_the_usual_mistakes_are_named(
    alice: Person,
    destination: Destination,
    headers: dict[str, str],
    indent: int | None,
    expected: tuple[str, str],
) -> None:
    body = json.dumps(LEAD, indent=indent).encode()
    assert Sender().post(destination, body, headers=headers).status_code == 401
    diagnosis = ask(alice, read_only_delivery(destination))
    cause, sentence = expected
    assert (diagnosis["valid"], diagnosis["cause"]) == (False, cause)
    assert sentence in diagnosis["detail"]


def test_an_old_secret_is_recognised(
    alice: Person, destination: Destination, sender: Sender
) -> None:
    DestinationSecret.objects.update(expires_at=dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1))
    add_secret(destination, RIGHT)
    sender.post(destination)
    diagnosis = ask(alice, read_only_delivery(destination))
    assert (diagnosis["cause"], diagnosis["step"]) == ("secret_expired", "secret")
    assert "a secret that has been replaced" in diagnosis["detail"]


def test_of_what_was_taken_the_doctor_says_what_became_of_it(
    alice: Person, destination: Destination, sender: Sender
) -> None:
    sender.post(destination)
    delivery = read_only_delivery(destination)
    assert ask(alice, delivery)["detail"] == "The signature is good."
    destination.trigger.is_active = False
    destination.trigger.save()
    sender.post(destination)
    paused = ask(alice, Delivery.objects.latest("id"))
    assert (paused["valid"], paused["recorded_status"]) == (True, "filtered")
    assert paused["detail"].endswith("it was filtered after that: trigger_paused.")
    DestinationSecret.objects.all().delete()
    add_secret(destination, RIGHT)
    assert ask(alice, delivery)["detail"].startswith("It was genuine when it came; by now: ")


def test_a_signed_address_is_the_one_that_is_configured(
    alice: Person, destination: Destination, settings: Any
) -> None:
    made = DestinationFactory.create(
        trigger=destination.trigger, verification={"preset": "square"}, secret=RIGHT
    )
    url = f"{django_settings.CLOCKHOOK_PUBLIC_URL}{build_path(made)}"
    digest = hmac.new(SECRET.encode(), url.encode() + BODY, hashlib.sha256).digest()
    headers = {"x-square-hmacsha256-signature": base64.b64encode(digest).decode()}
    path = build_path(made)
    assert Client().post(path, BODY, "application/json", headers=headers).status_code == 401
    add_secret(made, SECRET)
    delivery = read_only_delivery(made)
    assert ask(alice, delivery)["valid"] is True
    assert alice.send("post", f"deliveries/{delivery.id}/replay").json()["status"] == "fired"
    trial = {"body": BODY.decode(), "headers": headers}
    tried = alice.send("post", f"webhook-destinations/{made.pk}/test", trial).json()
    assert tried["diagnosis"]["valid"] is True
    queried = alice.send(
        "post", f"webhook-destinations/{made.pk}/test", {**trial, "query": "a=1"}
    ).json()
    assert "It matches our address without its query" in queried["diagnosis"]["detail"]
    settings.CLOCKHOOK_PUBLIC_URL = url.removesuffix(path).replace("http://", "https://")
    elsewhere = ask(alice, delivery)
    assert elsewhere["valid"] is False
    assert "It matches our address with http" in elsewhere["detail"]


@pytest.mark.parametrize("way", ["not_kept", "destination_deleted", "unreadable"])
def test_where_nothing_can_be_examined_the_doctor_says_why(
    alice: Person, destination: Destination, sender: Sender, settings: Any, way: str
) -> None:
    sender.post(destination)
    delivery = read_only_delivery(destination)
    if way == "not_kept":
        Delivery.objects.update(body=None)
    elif way == "unreadable":
        settings.CLOCKHOOK_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    else:
        destination.delete()
    diagnosis = ask(alice, delivery)
    assert (diagnosis["valid"], diagnosis["cause"]) == (None, way)
    assert diagnosis["detail"].startswith("Nothing can be said: ")


def test_a_secret_that_no_key_opens_is_a_bad_configuration(
    alice: Person, destination: Destination, sender: Sender, settings: Any
) -> None:
    sender.post(destination)
    own, other = settings.CLOCKHOOK_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    settings.CLOCKHOOK_ENCRYPTION_KEYS = [other]
    DestinationSecret.objects.all().delete()
    add_secret(destination, RIGHT)
    settings.CLOCKHOOK_ENCRYPTION_KEYS = [own]
    diagnosis = ask(alice, read_only_delivery(destination))
    assert (diagnosis["valid"], diagnosis["cause"]) == (False, "config_invalid")
    Destination.objects.update(verification={"preset": "of-tomorrow"})
    assert ask(alice, read_only_delivery(destination))["cause"] == "config_invalid"


def test_a_pasted_request_is_examined_as_of_when_it_was_captured(
    alice: Person, destination: Destination
) -> None:
    headers = build_headers(SECRET, BODY, timestamp="1700000000")
    path = f"webhook-destinations/{destination.pk}/test"
    body = {"body": BODY.decode(), "headers": headers}
    stale = alice.send("post", path, body).json()
    assert (stale["cause"], stale["diagnosis"]["step"]) == ("timestamp_stale", "freshness")
    assert stale["steps"][0]["detail"] == stale["diagnosis"]["detail"]
    then = alice.send("post", path, {**body, "received_at": "2023-11-14T22:13:25Z"}).json()
    assert (then["status"], then["diagnosis"]["valid"]) == ("fired", True)
    assert not Delivery.objects.exists()
    wrong = alice.send("post", path, {**body, "received_at": "yesterday"})
    assert wrong.json()["errors"][0]["pointer"] == "/received_at"


def test_a_pasted_challenge_is_answered_only_when_it_is_signed(
    alice: Person, destination: Destination
) -> None:
    made = DestinationFactory.create(
        trigger=destination.trigger, verification={"preset": "slack"}, secret=SECRET
    )
    path = f"webhook-destinations/{made.pk}/test"
    body = json.dumps({"type": "url_verification", "challenge": "3eZbrw1a"})
    stamp = str(int(time.time()))
    signed = hmac.new(SECRET.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    headers = {"X-Slack-Signature": f"v0={signed}", "X-Slack-Request-Timestamp": stamp}
    good = alice.send("post", path, {"body": body, "headers": headers}).json()
    assert (good["status"], good["diagnosis"]["challenge_response"]) == ("challenge", "3eZbrw1a")
    bad = alice.send("post", path, {"body": body + " ", "headers": headers}).json()
    assert (bad["status"], bad["diagnosis"]["challenge_response"]) == ("rejected", None)


def test_strangers_learn_nothing(charlie: Person, destination: Destination, sender: Sender) -> None:
    sender.post(destination)
    delivery = read_only_delivery(destination)
    assert charlie.get(f"deliveries/{delivery.id}/diagnosis").status_code == 404
    blind = make_person(destination.workspace, "runs:read")
    assert blind.get(f"deliveries/{delivery.id}/diagnosis").status_code == 403
    reader = make_person(destination.workspace, "destinations:read")
    assert reader.get(f"deliveries/{delivery.id}/diagnosis").status_code == 200
    for unknown in (uuid4(), "x"):
        assert reader.get(f"deliveries/{unknown}/diagnosis").status_code == 404


def test_a_deliverys_page_shows_the_diagnosis(destination: Destination, sender: Sender) -> None:
    sender.post(destination, secret=RIGHT)
    delivery = read_only_delivery(destination)
    page = sign_in(is_superuser=True).get(find_page(delivery)).content.decode()
    assert "most likely signs with another secret" in page
    assert diagnose(delivery).cause is None

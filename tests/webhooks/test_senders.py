"""Senders' own deliveries at the public door, end to end."""

import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from django.test import Client

from tests.webhooks.conftest import Person, build_path
from webhooks.models import Delivery, Destination, DestinationSecret
from webhooks.services.secrets import read_secret

LIST = "webhook-destinations"
SECRET = "a secret of the sender's own"


def make(alice: Person, destination: Destination, **fields: Any) -> Destination:
    body = {"name": "S", "trigger_id": str(destination.trigger_id), "secret": SECRET, **fields}
    answer = alice.send("post", LIST, body)
    assert answer.status_code == 201, answer.content
    return Destination.objects.get(pk=answer.json()["id"])


def sign(text: str) -> str:
    return hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()


def post(destination: Destination, body: str, headers: dict[str, str]) -> Any:
    return Client().post(
        build_path(destination), body, content_type="application/json", headers=headers
    )


def test_a_github_delivery_fires_with_its_type_and_its_key(
    alice: Person, destination: Destination
) -> None:
    made = make(
        alice,
        destination,
        verification={"preset": "github"},
        accepted_event_types=["issues.*"],
    )
    body = json.dumps({"action": "opened", "issue": {"number": 1}})
    headers = {
        "X-Hub-Signature-256": "sha256=" + sign(body),
        "X-GitHub-Event": "issues",
        "X-GitHub-Delivery": "d-1",
    }
    assert post(made, body, headers).json()["status"] == "fired"
    assert post(made, body, headers).json()["status"] == "duplicate"
    assert post(made, body + " ", headers).status_code == 401
    kept = [row.payload_event_type for row in _list(made)]
    assert kept == ["issues.opened", "issues.opened", None]


def _list(destination: Destination) -> list[Delivery]:
    return list(Delivery.objects.filter(destination_id=destination.pk).order_by("id"))


def test_slacks_challenge_is_answered_only_when_it_is_signed(
    alice: Person, destination: Destination
) -> None:
    made = make(alice, destination, verification={"preset": "slack"})
    body = json.dumps({"type": "url_verification", "challenge": "3eZbrw1a"})
    stamp = str(int(time.time()))
    headers = {"X-Slack-Signature": "v0=" + sign(f"v0:{stamp}:{body}")}
    assert post(made, body, headers).status_code == 401
    answer = post(made, body, {**headers, "X-Slack-Request-Timestamp": stamp})
    assert (answer.status_code, answer.content) == (200, b"3eZbrw1a")
    assert [row.status for row in _list(made)] == ["rejected", "challenge"]
    assert _list(made)[1].event_id is None


def test_metas_challenge_needs_the_verify_token(alice: Person, destination: Destination) -> None:
    made = make(alice, destination, verification={"preset": "meta", "verify_token": "mine"})
    query = {"hub.mode": "subscribe", "hub.challenge": "42", "hub.verify_token": "mine"}
    answer = Client().get(build_path(made), query)
    assert (answer.status_code, answer.content) == (200, b"42")
    assert answer["Content-Type"].startswith("text/plain")
    assert Client().get(build_path(made), {**query, "hub.verify_token": "x"}).status_code == 401
    assert Client().get(build_path(destination), query).status_code == 405


def test_of_a_token_only_the_digest_is_kept(alice: Person, destination: Destination) -> None:
    made = make(alice, destination, verification={"preset": "kortix"})
    body = json.dumps({"event": "ticket.created"})
    assert post(made, body, {"X-Trigger-Secret": SECRET}).status_code == 200
    assert post(made, body, {"X-Trigger-Secret": SECRET + "x"}).status_code == 401
    stored = DestinationSecret.objects.get(destination=made)
    kept = read_secret(bytes(stored.ciphertext))
    assert SECRET.encode() not in kept
    assert hashlib.sha256(SECRET.encode()).hexdigest().encode() in kept


@pytest.mark.parametrize(
    ("verification", "secret", "pointer"),
    [
        ({"preset": "discord"}, SECRET, "/secret"),
        ({"preset": "svix"}, "whsec_not base64 at all!", "/secret"),
        ({"preset": "slack"}, "short", "/secret"),
        (
            {"preset": "custom", "signature": "header:x", "signed": "x"},
            SECRET,
            "/verification/signed",
        ),
        (
            {
                "preset": "custom",
                "signature": "header:x",
                "timestamp": {"from": "header:y", "format": "unix"},
            },
            SECRET,
            "/verification/timestamp",
        ),
        (
            {
                "preset": "custom",
                "signature": "header:x",
                "signed": "{id}{body}",
                "delivery_id": {"from": "header:i"},
            },
            SECRET,
            "/verification/signed",
        ),
        (
            {"preset": "custom", "signature": "header:x", "algorithm": "sha1"},
            SECRET,
            "/verification/algorithm",
        ),
        ({"preset": "aws_sns"}, SECRET, "/verification/topic_arns"),
        (
            {"preset": "google_pubsub", "audience": "x"},
            SECRET,
            "/verification/service_account_email",
        ),
    ],
)
def test_what_would_verify_too_little_is_not_saved(
    alice: Person,
    destination: Destination,
    verification: dict[str, Any],
    secret: str,
    pointer: str,
) -> None:
    body = {"name": "S", "trigger_id": str(destination.trigger_id)}
    answer = alice.send("post", LIST, {**body, "verification": verification, "secret": secret})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_a_secret_of_another_kind_is_never_kept_silently(
    alice: Person, destination: Destination
) -> None:
    change = {"verification": {"preset": "kortix"}}
    answer = alice.send("patch", f"{LIST}/{destination.pk}", change)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "secret_of_another_kind"
    assert (
        alice.send(
            "patch", f"{LIST}/{destination.pk}", {"verification": {"preset": "github"}}
        ).status_code
        == 200
    )


def test_values_of_authentication_are_kept_as_digests(
    alice: Person, destination: Destination
) -> None:
    headers = [{"name": "X-Team", "value": "the-team-value"}]
    made = make(alice, destination, verification={"authentication": {"headers": headers}})
    assert "the-team-value" not in json.dumps(made.verification)
    assert post(made, "{}", {"X-Team": "the-team-value"}).status_code == 200
    assert post(made, "{}", {"X-Team": "another"}).status_code == 401

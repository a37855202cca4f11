"""Subscriptions of Amazon SNS: a job confirms them, once, and only what Amazon signed."""

import base64
import datetime as dt
import json
from functools import cache
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from django.test import Client

from events.models import Event
from runs.models import Run
from tests.webhooks.conftest import build_path, read_only_delivery
from tests.webhooks.factories import DestinationFactory
from webhooks.models import Delivery, Destination, SubscriptionConfirmation
from webhooks.rules.certificates import SNS_FIELDS
from webhooks.rules.challenges import find_subscribe_url
from webhooks.services import confirm_due_subscriptions, diagnose, subscriptions
from webhooks.services.subscriptions import MAX_ATTEMPTS, VisitFailed, visit_amazon
from webhooks.tasks import confirm_subscriptions

pytestmark = pytest.mark.django_db

ARN = "arn:aws:sns:eu-central-1:123456789012:leads"
CERTIFICATE_URL = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem"
URL = f"https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={ARN}&Token=t"
BEGIN = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


@cache
def make_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def make_certificate(_url: str) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
    builder = builder.not_valid_before(BEGIN).not_valid_after(BEGIN + dt.timedelta(days=9000))
    made = builder.public_key(make_key().public_key()).sign(make_key(), hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM)


def build_message(**changes: Any) -> dict[str, Any]:
    message = {
        "Type": "SubscriptionConfirmation",
        "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
        "Token": "t",
        "TopicArn": ARN,
        "Message": "You have chosen to subscribe.",
        "SubscribeURL": URL,
        "Timestamp": "2026-11-24T00:00:00.000Z",
        "SignatureVersion": "2",
        "SigningCertURL": CERTIFICATE_URL,
        **changes,
    }
    fields = SNS_FIELDS[message["Type"]]
    text = "".join(f"{name}\n{message[name]}\n" for name in fields if name in message)
    signed = make_key().sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return {**message, "Signature": base64.b64encode(signed).decode()}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Amazon's certificate is at hand, and whoever asks for more has failed."""
    monkeypatch.setattr("webhooks.services.proving.fetch_certificate", make_certificate)
    monkeypatch.setattr("webhooks.services.diagnosis.fetch_certificate", make_certificate)

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a request thread visits nobody")

    monkeypatch.setattr("httpx.Client.stream", refuse)


@pytest.fixture
def topic(db: None) -> Destination:
    return DestinationFactory.create(
        verification={"preset": "aws_sns", "topic_arns": [ARN]}, secret=""
    )


def post(destination: Destination, message: Any) -> Any:
    return Client().post(build_path(destination), json.dumps(message), content_type="text/plain")


class Amazon:
    """Notes the visits, and answers them."""

    def __init__(self, *failures: VisitFailed) -> None:
        self.visits: list[str] = []
        self.failures = list(failures)

    def __call__(self, url: str) -> None:
        self.visits.append(url)
        if self.failures:
            raise self.failures.pop(0)


def list_outcomes() -> list[tuple[str, dict[str, Any]]]:
    found = Event.objects.filter(event_type__startswith="webhook.subscription").order_by("id")
    return [(event.event_type, event.data) for event in found]


def test_a_confirmation_is_a_challenge_that_a_job_answers(topic: Destination) -> None:
    answer = post(topic, build_message())
    assert (answer.status_code, answer.content) == (200, b"")
    delivery = read_only_delivery(topic)
    assert delivery.status == "challenge"
    assert not Run.objects.exists()
    amazon = Amazon()
    assert confirm_due_subscriptions(now=dt.datetime.now(dt.UTC), visit=amazon) == 1
    assert amazon.visits == [URL]
    [(event_type, data)] = list_outcomes()
    assert event_type == "webhook.subscription_confirmed"
    assert (data["topic_arn"], data["attempts"], data["delivery_id"]) == (ARN, 1, str(delivery.id))
    delivery.refresh_from_db()
    assert delivery.notes == [f"The subscription to {ARN} was confirmed."]
    assert confirm_due_subscriptions(now=dt.datetime.now(dt.UTC), visit=amazon) == 0


def test_the_same_message_again_is_confirmed_once(topic: Destination) -> None:
    amazon = Amazon()
    for _ in range(3):
        assert post(topic, build_message()).status_code == 200
        confirm_due_subscriptions(now=dt.datetime.now(dt.UTC), visit=amazon)
    assert len(amazon.visits) == len(list_outcomes()) == 1
    assert Delivery.objects.count() == 3


def test_one_call_makes_only_so_many_visits(
    topic: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "MAX_VISITS", 2)
    for number in range(3):
        post(topic, build_message(MessageId=f"m-{number}"))
    now = dt.datetime.now(dt.UTC)
    done = [confirm_due_subscriptions(now=now, visit=Amazon()) for _ in range(3)]
    assert done == [2, 1, 0]


def test_what_passes_is_tried_again_later_and_later(topic: Destination) -> None:
    post(topic, build_message())
    amazon = Amazon(*(VisitFailed("Amazon SNS answered 503.", permanent=False) for _ in range(3)))
    now = dt.datetime.now(dt.UTC)
    assert confirm_due_subscriptions(now=now, visit=amazon) == 1
    assert confirm_due_subscriptions(now=now, visit=amazon) == 0
    row = SubscriptionConfirmation.objects.get()
    assert (row.status, row.error) == ("pending", "Amazon SNS answered 503.")
    pauses = []
    while row.next_attempt_at is not None:
        pauses.append((row.next_attempt_at - now).total_seconds())
        now = row.next_attempt_at
        confirm_due_subscriptions(now=now, visit=amazon)
        row.refresh_from_db()
    assert pauses == [30, 60, 120]
    assert (row.status, row.attempt, row.error) == ("confirmed", 4, None)
    assert [event_type for event_type, _ in list_outcomes()] == ["webhook.subscription_confirmed"]


def test_at_last_it_is_given_up(topic: Destination) -> None:
    post(topic, build_message())
    failures = (VisitFailed("Amazon SNS answered 500.", permanent=False) for _ in range(99))
    amazon, now = Amazon(*failures), dt.datetime.now(dt.UTC)
    for _ in range(MAX_ATTEMPTS + 2):
        confirm_due_subscriptions(now=now, visit=amazon)
        now += dt.timedelta(hours=1)
    assert len(amazon.visits) == MAX_ATTEMPTS
    [(event_type, data)] = list_outcomes()
    assert event_type == "webhook.subscription_failed"
    assert data["error"] == "Amazon SNS answered 500."
    assert "was not confirmed: Amazon SNS answered 500." in read_only_delivery(topic).notes[0]


def test_what_stays_refused_is_not_tried_again(topic: Destination) -> None:
    post(topic, build_message())
    amazon = Amazon(VisitFailed("Amazon SNS answered 403.", permanent=True))
    confirm_due_subscriptions(now=dt.datetime.now(dt.UTC), visit=amazon)
    assert (
        confirm_due_subscriptions(now=dt.datetime.now(dt.UTC) + dt.timedelta(days=1), visit=amazon)
        == 0
    )
    assert [event_type for event_type, _ in list_outcomes()] == ["webhook.subscription_failed"]


def test_a_visitor_that_dies_leaves_the_visit_to_the_next_one(topic: Destination) -> None:
    post(topic, build_message())

    def die(_url: str) -> None:
        raise KeyboardInterrupt

    now = dt.datetime.now(dt.UTC)
    with pytest.raises(KeyboardInterrupt):
        confirm_due_subscriptions(now=now, visit=die)
    amazon = Amazon()
    assert confirm_due_subscriptions(now=now, visit=amazon) == 0
    assert confirm_due_subscriptions(now=now + dt.timedelta(seconds=31), visit=amazon) == 1


def test_a_visitor_that_was_overtaken_writes_nothing(topic: Destination) -> None:
    post(topic, build_message())
    now = dt.datetime.now(dt.UTC)

    def overtake(_url: str) -> None:
        confirm_due_subscriptions(now=now + dt.timedelta(minutes=1), visit=Amazon())

    confirm_due_subscriptions(now=now, visit=overtake)
    assert len(list_outcomes()) == 1
    assert SubscriptionConfirmation.objects.get().attempt == 2


@pytest.mark.parametrize(
    "change",
    [
        {"Message": "altered"},
        {"SubscribeURL": "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription"},
        {"TopicArn": ARN + "x"},
    ],
)
def test_what_is_not_as_amazon_signed_it_is_never_visited(
    topic: Destination, change: dict[str, str]
) -> None:
    assert post(topic, {**build_message(), **change}).status_code == 401
    assert not SubscriptionConfirmation.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"TopicArn": ARN + "-of-somebody-else"},
        {"SubscribeURL": "https://sns.eu-central-1.amazonaws.com.evil.example/?Token=t"},
        {"SubscribeURL": URL.replace("https", "http")},
        {"SigningCertURL": "https://evil.example/SimpleNotificationService-1.pem"},
    ],
)
def test_other_topics_and_other_hosts_are_refused_although_signed(
    topic: Destination, change: dict[str, str]
) -> None:
    assert post(topic, build_message(**change)).status_code == 401
    assert not SubscriptionConfirmation.objects.exists()


@pytest.mark.parametrize(
    "url",
    [
        "https://sns.eu-central-1.amazonaws.com/?Action=Publish&Token=t",
        "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&Token=",
        URL.replace(ARN, ARN + "x"),
        "https://sns.eu-central-1.amazonaws.com/",
        "https://sns.eu-central-1.amazonaws.com/?junk",
    ],
)
def test_an_address_that_does_something_else_is_not_visited(topic: Destination, url: str) -> None:
    post(topic, build_message(SubscribeURL=url))
    amazon = Amazon()
    confirm_due_subscriptions(now=dt.datetime.now(dt.UTC), visit=amazon)
    assert amazon.visits == []
    [(_, data)] = list_outcomes()
    assert data["error"] == "The message has no address of Amazon SNS."


@pytest.mark.parametrize(
    "change", ["inactive", "other topic", "no body", "other preset", "lost key"]
)
def test_the_destination_is_asked_again_before_the_visit(
    topic: Destination, change: str, settings: Any
) -> None:
    post(topic, build_message())
    if change == "lost key":
        settings.CLOCKHOOK_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    if change == "inactive":
        Destination.objects.update(is_active=False)
    elif change == "other topic":
        other = {"preset": "aws_sns", "topic_arns": [ARN + "x"]}
        Destination.objects.update(verification=other)
    elif change == "other preset":
        Destination.objects.update(verification={"preset": "clockhook"})
    elif change == "no body":
        Delivery.objects.update(body=None)
    amazon = Amazon()
    confirm_due_subscriptions(now=dt.datetime.now(dt.UTC), visit=amazon)
    assert amazon.visits == []
    assert [event_type for event_type, _ in list_outcomes()] == ["webhook.subscription_failed"]


def test_notifications_fire_and_the_end_of_a_subscription_does_not(topic: Destination) -> None:
    ended = build_message(Type="UnsubscribeConfirmation", MessageId="m-2")
    assert post(topic, ended).content == b""
    note = build_message(Type="Notification", MessageId="m-3")
    assert post(topic, note).json()["status"] == "fired"
    assert not SubscriptionConfirmation.objects.exists()
    assert Run.objects.count() == 1


def test_the_doctor_knows_a_confirmation(topic: Destination) -> None:
    post(topic, build_message())
    diagnosis = sorted(
        (name, value)
        for name, value in diagnose(read_only_delivery(topic)).as_json().items()
        if name in {"valid", "event_type", "delivery_id"}
    )
    assert diagnosis == [
        ("delivery_id", "165545c9-2a5c-472c-8df2-7ff2be2b3b1b"),
        ("event_type", "SubscriptionConfirmation"),
        ("valid", True),
    ]


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(200, None), (302, True), (400, True), (403, True), (408, False), (429, False), (500, False)],
)
def test_a_visit_follows_nothing_and_believes_only_200(
    monkeypatch: pytest.MonkeyPatch, status: int, permanent: bool | None
) -> None:
    monkeypatch.undo()
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(status, headers={"location": "https://evil.example/"})

    transport = httpx.MockTransport(answer)
    if permanent is None:
        visit_amazon(URL, transport=transport)
    else:
        with pytest.raises(VisitFailed, match=str(status)) as caught:
            visit_amazon(URL, transport=transport)
        assert caught.value.permanent is permanent
    assert len(seen) == 1


def test_a_broken_line_may_be_better_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    def answer(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("no answer")

    with pytest.raises(VisitFailed, match="ConnectTimeout") as caught:
        visit_amazon(URL, transport=httpx.MockTransport(answer))
    assert not caught.value.permanent


@pytest.mark.parametrize("body", [b"", b"[]", b'{"SubscribeURL": 5}', b"\xff"])
def test_junk_has_no_address(body: bytes) -> None:
    assert find_subscribe_url(body) is None


def test_the_task_does_what_is_due(topic: Destination) -> None:
    confirm_subscriptions(unknown="ignored")
    assert not SubscriptionConfirmation.objects.exists()

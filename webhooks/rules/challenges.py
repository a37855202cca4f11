"""What a sender asks before it delivers: to prove that this is the address it was told.

Signed challenges are answered only after verification: an answer to anybody would sign for anybody.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from actions.rules.paths import MISSING, find_path
from webhooks.rules.certificates import is_sns_url
from webhooks.rules.received import ReceivedRequest
from webhooks.rules.sources import QUERY, Parts, Source, read_payload
from webhooks.rules.verdicts import Secret, Verdict
from webhooks.rules.verification import SECRETLESS_SCHEMES, VerificationConfig

TEXT, JSON = "text/plain; charset=utf-8", "application/json"
_MAX_CHALLENGE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What Amazon SNS waits for: a visit to the address in its message."""

    topic_arn: str
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is sent back instead of a receipt; ``body`` is empty, a text, or a JSON value.

    ``subscription`` is still to be confirmed, by a job and not by the answer.
    """

    status: int = 200
    content_type: str = TEXT
    body: Any = ""
    subscription: Subscription | None = None

    def render(self) -> bytes:
        """The bytes of the body."""
        if self.content_type == JSON:
            return json.dumps(self.body).encode()
        return str(self.body).encode("utf-8", "replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A challenge that is not answered, and why."""

    cause: str


SignedChallenge = Callable[[Any, bytes], Answer | None]
UnsignedChallenge = Callable[[ReceivedRequest, VerificationConfig], Answer | Refusal | None]


def answer_zoom(payload: Any, secret: bytes) -> Answer | None:
    """``endpoint.url_validation``: the plain token, and what the secret makes of it."""
    token = find_path(payload, "payload.plainToken")
    if find_path(payload, "event") != "endpoint.url_validation" or not isinstance(token, str):
        return None
    signed = token[:_MAX_CHALLENGE].encode("utf-8", "replace")
    encrypted = hmac.new(secret, signed, hashlib.sha256).hexdigest()
    return Answer(content_type=JSON, body={"plainToken": token, "encryptedToken": encrypted})


def answer_slack(payload: Any, _secret: bytes) -> Answer | None:
    """``url_verification``: the challenge itself."""
    challenge = find_path(payload, "challenge")
    if find_path(payload, "type") != "url_verification" or not isinstance(challenge, str):
        return None
    return Answer(body=challenge[:_MAX_CHALLENGE])


def answer_discord(payload: Any, _secret: bytes) -> Answer | None:
    """PING: of webhook events (type 0) an empty 204, of interactions (type 1) a PONG."""
    kind = find_path(payload, "type")
    if isinstance(kind, bool) or find_path(payload, "event") is not MISSING:
        return None
    if kind == 0:
        return Answer(status=204)
    return Answer(content_type=JSON, body={"type": 1}) if kind == 1 else None


def answer_sns(payload: Any, _secret: bytes) -> Answer | None:
    """``SubscriptionConfirmation``, whose visit is a job's, and the news of an end."""
    kind = find_path(payload, "Type")
    if kind == "UnsubscribeConfirmation":
        return Answer()
    if kind != "SubscriptionConfirmation":
        return None
    topic, message = str(payload["TopicArn"]), str(payload["MessageId"])
    return Answer(subscription=Subscription(topic_arn=topic, message_id=message))


def find_subscribe_url(body: bytes) -> str | None:
    """Where a subscription is confirmed, in a message that was verified; None unless Amazon SNS
    itself answers there and it confirms just that topic.
    """
    payload = read_payload(body, "json")
    url, topic = find_path(payload, "SubscribeURL"), find_path(payload, "TopicArn")
    if not isinstance(url, str) or not is_sns_url(url):
        return None
    try:
        asked = dict(parse_qsl(urlsplit(url).query, strict_parsing=True, max_num_fields=20))
    except ValueError:
        return None
    is_confirmation = asked.get("Action") == "ConfirmSubscription" and bool(asked.get("Token"))
    return url if is_confirmation and asked.get("TopicArn", topic) == topic else None


def answer_signed(
    challenge: SignedChallenge | None,
    payload: Any,
    *,
    verdict: Verdict,
    secrets: Sequence[Secret],
    scheme: str,
) -> Answer | None:
    """The answer to a challenge that was verified; None for a delivery. ``scheme`` is the preset's:
    where it has no secret, none is needed to answer.
    """
    if challenge is None or not verdict.valid:
        return None
    if scheme in SECRETLESS_SCHEMES:
        return challenge(payload, b"")
    signer = next((secret for secret in secrets if secret.id == verdict.secret_id), None)
    return None if signer is None else challenge(payload, signer.value)


def answer_meta(request: ReceivedRequest, config: VerificationConfig) -> Answer | Refusal | None:
    """GET with ``hub.challenge``, when ``hub.verify_token`` is the destination's."""
    if request.method != "GET":
        return None
    parts = Parts(request)
    mode, token, challenge = (
        parts.read(Source(QUERY, (name,)))
        for name in ("hub.mode", "hub.verify_token", "hub.challenge")
    )
    if mode != "subscribe" or challenge is None:
        return Refusal(cause="signature_missing")
    if not config.verify_token:
        return Refusal(cause="config_invalid")
    if not _is_equal(config.verify_token, token or ""):
        return Refusal(cause="token_mismatch")
    return Answer(body=challenge[:_MAX_CHALLENGE])


def answer_head(request: ReceivedRequest, _config: VerificationConfig) -> Answer | None:
    """HEAD: an empty 200."""
    return Answer() if request.method == "HEAD" else None


def answer_salesforce(request: ReceivedRequest, config: VerificationConfig) -> Answer | None:
    """The set-up request: it carries a key for the operator, and nothing of it is echoed."""
    if request.method != "POST" or Parts(request).read(config.signature) is not None:
        return None
    return None if read_verification_key(request) is None else Answer()


def read_verification_key(request: ReceivedRequest) -> str | None:
    """The key that Salesforce's set-up request brings, which its operator enters there."""
    payload = Parts(request).payload
    key, callback = find_path(payload, "verificationKey"), find_path(payload, "callbackId")
    is_setup = isinstance(key, str) and isinstance(callback, str) and len(payload) <= 4
    return key if is_setup and isinstance(key, str) else None


def _is_equal(expected: str, given: str) -> bool:
    return hmac.compare_digest(
        expected.encode("utf-8", "surrogatepass"), given.encode("utf-8", "surrogatepass")
    )

"""Both directions: what a vendor's SDK signs passes here, and what we sign passes there."""

import base64
import datetime as dt
import hmac
import json
import time
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actions.rules.signatures import decode_signing_secret, sign_message
from tests.oracles.conftest import Oracles
from webhooks.providers import PROVIDERS, build_config
from webhooks.rules.certificates import GOOGLE_CERTIFICATES_URL
from webhooks.rules.keys import decode_secret
from webhooks.rules.received import ReceivedRequest
from webhooks.rules.signature import Secret, verify
from webhooks.rules.templates import render_messages
from webhooks.rules.verification import VerificationConfig

URL = "https://hooks.example.com/v1/hooks/0192f0c1-0000-7000-8000-000000000001?a=1&b=2"
SECRETS = {
    "stripe": "whsec_test_secret_of_stripe",
    "slack": "8f742231b10e8888abcd99yyyzzz85a5",
    "standard_webhooks": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "svix": "whsec_plJ3nmyCDGBKInavdOK15jsl",
    "hubspot": "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
    "twilio": "12345678901234567890123456789012",
    "square": "asdf1234asdf1234asdf1234",
}
BOTH_WAYS = ("stripe", "slack", "standard_webhooks", "svix", "hubspot", "twilio")
# Stamps that a vendor sends beside its signature, and in which unit.
STAMPS = {
    "slack": ("x-slack-request-timestamp", 1),
    "standard_webhooks": ("webhook-timestamp", 1),
    "svix": ("svix-timestamp", 1),
    "hubspot": ("x-hubspot-request-timestamp", 1000),
}
IDS = {"standard_webhooks": "webhook-id", "svix": "svix-id"}
FEW = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
texts = st.builds(
    json.dumps, json_values, ensure_ascii=st.booleans(), indent=st.sampled_from([None, 2])
)
bodies = st.text(min_size=1, max_size=300) | texts
forms = st.dictionaries(st.text(min_size=1, max_size=12), st.text(max_size=30), max_size=6).map(
    urlencode
)


def draw_body(data: st.DataObject, vendor: str) -> str:
    return data.draw(forms if vendor == "twilio" else bodies)


def is_genuine(
    vendor: str,
    *,
    body: str,
    headers: dict[str, str],
    now: int,
    url: str = URL,
    secret: str | None = None,
    expect: dict[str, Any] | None = None,
    certificates: dict[str, str] | None = None,
) -> bool:
    """Our own verdict."""
    config = build_config({"preset": vendor, **(expect or {})})
    raw = body.encode()
    request = ReceivedRequest(
        method="POST", path="/", url=url, headers=headers, body=raw, size=len(raw)
    )
    stored = [] if secret is None else [Secret(UUID(int=1), secret.encode())]

    def fetch(wanted: str) -> bytes:
        assert wanted == GOOGLE_CERTIFICATES_URL
        return json.dumps(certificates).encode()

    moment = dt.datetime.fromtimestamp(now, dt.UTC)
    return verify(request, config, stored, moment, fetch=fetch).valid


def sign(vendor: str, *, body: str, now: int) -> dict[str, str]:
    """As our own engine reads the vendor's scheme: its template, its key, its way to write it."""
    config = PROVIDERS[vendor].verification
    header, unit = STAMPS.get(vendor, ("", 1))
    stamp = str(now * unit)
    raw = body.encode()
    request = ReceivedRequest(method="POST", path="/", url=URL, headers={}, body=raw, size=len(raw))
    message = render_messages(
        config.signed, request, timestamp=stamp, delivery_id="msg_1", url_form=config.url_form
    )[0]
    assert config.signature is not None
    headers = {config.signature.names[0]: write(config, _digest(config, vendor, message), stamp)}
    if header:
        headers[header] = stamp
    if vendor in IDS:
        headers[IDS[vendor]] = "msg_1"
    return headers


def _digest(config: VerificationConfig, vendor: str, message: bytes) -> bytes:
    key = decode_secret(
        SECRETS[vendor].encode(), encoding=config.secret_encoding, prefix=config.secret_prefix
    )
    assert key is not None
    return hmac.digest(key, message, config.algorithm)


def write(config: VerificationConfig, digest: bytes, stamp: str) -> str:
    text = digest.hex() if config.encoding == "hex" else base64.b64encode(digest).decode()
    signed = f"{config.key}{config.key_separator}{text}" if config.key_separator else text
    is_stamped = config.timestamp is not None and config.timestamp.kind == "signature"
    return f"t={stamp}{config.item_separator}{signed}" if is_stamped else signed


def tamper(body: str) -> str:
    return f"{body}&z=1" if body else "z=1"


def spoil(headers: dict[str, str], vendor: str) -> dict[str, str]:
    """One character of the signature is another one."""
    config = PROVIDERS[vendor].verification
    assert config.signature is not None
    [name] = [name for name in headers if name in config.signature.names]
    value = headers[name]
    at = -5
    other = "0" if value[at] != "0" else "1"
    return {**headers, name: value[:at] + other + value[at + 1 :]}


@FEW
@given(data=st.data())
@pytest.mark.parametrize("vendor", BOTH_WAYS)
def test_what_the_vendor_signs_passes_here(
    oracles: Oracles, vendor: str, data: st.DataObject
) -> None:
    body, now, secret = draw_body(data, vendor), int(time.time()), SECRETS[vendor]
    headers = oracles.sign(vendor, body=body, secret=secret, now=now, url=URL)
    good: dict[str, Any] = {"body": body, "headers": headers, "now": now, "secret": secret}
    assert is_genuine(vendor, **good)
    assert not is_genuine(vendor, **{**good, "body": tamper(body)})
    assert not is_genuine(vendor, **{**good, "headers": spoil(headers, vendor)})
    assert not is_genuine(vendor, **{**good, "secret": SECRETS[vendor][:-2] + "AA"})
    if PROVIDERS[vendor].verification.timestamp is not None:
        assert not is_genuine(vendor, **{**good, "now": now + 301})
        assert not is_genuine(vendor, **{**good, "now": now - 301})


@FEW
@given(data=st.data())
@pytest.mark.parametrize("vendor", [*BOTH_WAYS, "square"])
def test_what_we_sign_passes_at_the_vendors(
    oracles: Oracles, vendor: str, data: st.DataObject
) -> None:
    body, now, secret = draw_body(data, vendor), int(time.time()), SECRETS[vendor]
    headers = sign(vendor, body=body, now=now)
    good: dict[str, Any] = {"body": body, "headers": headers, "secret": secret, "url": URL}
    assert oracles.accept(vendor, **good)
    assert is_genuine(vendor, body=body, headers=headers, now=now, secret=secret)
    for change in ({"body": tamper(body)}, {"headers": spoil(headers, vendor)}):
        bad = {**good, **change}
        assert not oracles.accept(vendor, **bad)
        assert not is_genuine(
            vendor, body=bad["body"], headers=bad["headers"], now=now, secret=secret
        )


@FEW
@given(body=bodies)
@pytest.mark.parametrize("vendor", ["standard_webhooks", "svix"])
def test_what_our_own_requests_carry_passes_at_the_vendors(
    oracles: Oracles, vendor: str, body: str
) -> None:
    secret = SECRETS["standard_webhooks"]
    key = decode_signing_secret(secret)
    headers = sign_message(key, message_id="run", timestamp=int(time.time()), body=body.encode())
    assert oracles.accept(vendor, body=body, headers=headers, secret=secret)
    assert not oracles.accept(vendor, body=body + " ", headers=headers, secret=secret)


@FEW
@given(body=bodies)
def test_an_ecdsa_signature_passes_here_and_at_sendgrid(oracles: Oracles, body: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    secret, now = base64.b64encode(public).decode(), int(time.time())
    signed = key.sign(f"{now}{body}".encode(), ec.ECDSA(hashes.SHA256()))
    headers = {
        "x-twilio-email-event-webhook-signature": base64.b64encode(signed).decode(),
        "x-twilio-email-event-webhook-timestamp": str(now),
    }
    for sent, is_good in ((body, True), (body + " ", False)):
        case: dict[str, Any] = {"body": sent, "headers": headers, "secret": secret}
        assert oracles.accept("sendgrid", **case) is is_good
        assert is_genuine("sendgrid", now=now, **case) is is_good


@pytest.fixture(scope="module")
def google() -> tuple[str, str]:
    """A private key, and the certificate that belongs to it."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "accounts.google.com")])
    begin = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=9000))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    return private.decode(), made.public_bytes(serialization.Encoding.PEM).decode()


AUDIENCE, EMAIL = "https://hooks.example.com", "push@project.iam.gserviceaccount.com"


@pytest.mark.parametrize("is_signed_by_vendor", [True, False])
@pytest.mark.parametrize(
    ("change", "is_good"),
    [
        ({}, True),
        ({"iss": "accounts.google.com"}, True),
        ({"aud": "https://elsewhere.example"}, False),
        ({"iss": "https://evil.example"}, False),
        ({"exp": 1}, False),
    ],
)
def test_googles_tokens_pass_here_and_there(
    oracles: Oracles,
    google: tuple[str, str],
    is_signed_by_vendor: bool,
    change: dict[str, Any],
    is_good: bool,
) -> None:
    private, certificate = google
    now = int(time.time())
    claims = {
        "iss": "https://accounts.google.com",
        "aud": AUDIENCE,
        "email": EMAIL,
        "email_verified": True,
        "iat": now - 10,
        "exp": now + 3590,
        **change,
    }
    if is_signed_by_vendor:
        headers = oracles.sign("google_pubsub", secret=private, claims=claims)
    else:
        made = jwt.encode(claims, private, algorithm="RS256", headers={"kid": "kid-1"})
        headers = {"authorization": f"Bearer {made}"}
    certificates = {"kid-1": certificate}
    expect = {"audience": AUDIENCE, "service_account_email": EMAIL}
    case: dict[str, Any] = {"body": "{}", "headers": headers, "certificates": certificates}
    assert is_genuine("google_pubsub", now=now, expect=expect, **case) is is_good
    assert oracles.accept("google_pubsub", audience=AUDIENCE, **case) is is_good


def test_an_altered_token_passes_nowhere(oracles: Oracles, google: tuple[str, str]) -> None:
    private, certificate = google
    claims = {"iss": "https://accounts.google.com", "aud": AUDIENCE, "iat": 1, "exp": 2**33}
    token = oracles.sign("google_pubsub", secret=private, claims=claims)["authorization"]
    altered = token[:-9] + ("A" if token[-9] != "A" else "B") + token[-8:]
    case: dict[str, Any] = {
        "body": "{}",
        "headers": {"authorization": altered},
        "certificates": {"kid-1": certificate},
    }
    assert not oracles.accept("google_pubsub", audience=AUDIENCE, **case)
    expect = {"audience": AUDIENCE, "service_account_email": EMAIL}
    assert not is_genuine("google_pubsub", now=int(time.time()), expect=expect, **case)

"""Vectors that the vendors publish, and the corners of each scheme that they are known for."""

import base64
import datetime as dt
import hashlib
import hmac
import io
import json
import subprocess
import sys
from typing import Any

import pytest
from django.core.management import call_command

from webhooks.management.commands.verify_webhook import examine_line
from webhooks.rules.verdicts import Unfetched
from webhooks.services.examination import examine_case

NOW = 1795500000
SECRET = "0123456789abcdef0123"


def refuse(url: str) -> bytes:
    raise Unfetched(url)


def examine(**case: Any) -> dict[str, Any]:
    return examine_case(
        {"now": NOW, **case}, now=dt.datetime.fromtimestamp(NOW, dt.UTC), fetch=refuse
    ).as_json()


def sign(message: str, secret: str = SECRET, algorithm: str = "sha256") -> bytes:
    return hmac.digest(secret.encode(), message.encode(), algorithm)


def encode(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


SLACK_BODY = (
    "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    "&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    "&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F"
    "96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
PUBLISHED: dict[str, dict[str, Any]] = {
    "github": {
        "preset": "github",
        "secret": "It's a Secret to Everybody",
        "headers": {
            "X-Hub-Signature-256": "sha256="
            "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        },
        "body": "Hello, World!",
    },
    "slack": {
        "preset": "slack",
        "secret": "8f742231b10e8888abcd99yyyzzz85a5",
        "headers": {
            "X-Slack-Signature": "v0="
            "a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
            "X-Slack-Request-Timestamp": "1531420618",
        },
        "body": SLACK_BODY,
        "now": 1531420618,
    },
    "standard webhooks": {
        "preset": "standard_webhooks",
        "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "headers": {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        "body": '{"test": 2432232314}',
        "now": 1614265330,
    },
    "twilio": {
        "preset": "twilio",
        "secret": "12345",
        "url": "https://mycompany.com/myapp.php?foo=1&bar=2",
        "headers": {"X-Twilio-Signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8="},
        "body": "Digits=1234&To=%2B18005551212&From=%2B14158675309&Caller=%2B14158675309"
        "&CallSid=CA1234567890ABCDE",
    },
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_vectors_verify(name: str) -> None:
    answer = examine(**PUBLISHED[name])
    assert answer["valid"] is True
    assert answer["cause"] is None
    assert examine(**{**PUBLISHED[name], "secret": SECRET})["cause"] == "signature_mismatch"


def test_hubspot_decodes_only_what_it_lists() -> None:
    encoded = "https://x.example/a?u=https%3A%2F%2fb%3Fc%40d%21%24%27%28%29%2A%2C%3B%20%23"
    decoded = "https://x.example/a?u=https://b?c@d!$'()*,;%20%23"
    body, milliseconds = '[{"eventId":1}]', f"{NOW}000"
    headers = {
        "X-HubSpot-Signature-v3": encode(sign(f"POST{decoded}{body}{milliseconds}")),
        "X-HubSpot-Request-Timestamp": milliseconds,
    }
    case = {"preset": "hubspot", "secret": SECRET, "headers": headers, "body": body}
    assert examine(**case, url=encoded)["valid"] is True
    assert examine(**case, url=encoded + "1")["valid"] is False
    assert examine(**case, url=encoded, method="GET")["valid"] is False


def test_agh_signs_seconds_whatever_its_header_holds() -> None:
    signature = "sha256=" + sign(f"{NOW}.{{}}").hex()
    moment = dt.datetime.fromtimestamp(NOW, dt.UTC)
    for text in (
        str(NOW),
        moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        moment.strftime("%Y-%m-%dT%H:%M:%S.999Z"),
        moment.astimezone(dt.timezone(dt.timedelta(hours=2))).isoformat(),
    ):
        headers = {"X-AGH-Webhook-Signature": signature, "X-AGH-Webhook-Timestamp": text}
        assert examine(preset="agh", secret=SECRET, headers=headers, body="{}")["valid"], text
    headers = {"X-AGH-Webhook-Signature": signature, "X-AGH-Webhook-Timestamp": "yesterday"}
    answer = examine(preset="agh", secret=SECRET, headers=headers, body="{}")
    assert answer["cause"] == "timestamp_malformed"


@pytest.mark.parametrize(
    ("body", "other"),
    [
        ("A=B", "A&B"),
        ("A=1&B=2", "A=1&B=2&"),
        ("A=1&B=2", "A=1&&B=2"),
        ("A=1", '{"A":1}'),
        ("", "{}"),
    ],
)
def test_a_form_that_spells_the_same_text_is_not_the_same_form(body: str, other: str) -> None:
    text = "".join(sorted(body.replace("=", "").split("&")))
    url = "https://x.example/a"
    headers = {"X-Twilio-Signature": encode(sign(url + text, algorithm="sha1"))}
    case = {"preset": "twilio", "secret": SECRET, "url": url, "headers": headers}
    assert examine(**case, body=body)["valid"] is True
    assert examine(**case, body=other)["valid"] is False


def test_a_body_digest_in_the_address_cannot_be_left_aside() -> None:
    digest = hashlib.sha256(b'{"a":1}').hexdigest()
    url = f"https://x.example/a?bodySHA256={digest}"
    headers = {"X-Twilio-Signature": encode(sign(url, algorithm="sha1"))}
    case = {"preset": "twilio", "secret": SECRET, "url": url, "headers": headers}
    assert examine(**case, body='{"a":1}')["valid"] is True
    for body in ("", '{"a":2}', "&", "a=1"):
        assert examine(**case, body=body)["valid"] is False


def test_an_unknown_algorithm_of_a_shared_key_is_refused() -> None:
    url = "https://x.example/a"
    for name, is_valid in (("HMAC_SHA1", True), ("HMAC_SHA512", False), ("none", False)):
        headers = {
            "X-Twilio-Signature": encode(sign(url, algorithm="sha1")),
            "X-Twilio-Webhooks-Signature-Settings": f"key=k,algorithm={name}",
        }
        answer = examine(preset="twilio", secret=SECRET, url=url, headers=headers)
        assert answer["valid"] is is_valid


def test_several_signatures_are_candidates_up_to_eight() -> None:
    good = sign(f"{NOW}.x").hex()
    for count, is_valid in ((0, True), (7, True), (8, False)):
        items = [f"t={NOW}", *[f"v1={'0' * 64}"] * count, f"v1={good}"]
        headers = {"Stripe-Signature": ",".join(items)}
        answer = examine(preset="stripe", secret=SECRET, headers=headers, body="x")
        assert answer["valid"] is is_valid
    twice = {"Stripe-Signature": f"t={NOW},t={NOW - 1},v1={good}"}
    answer = examine(preset="stripe", secret=SECRET, headers=twice, body="x")
    assert answer["cause"] == "timestamp_malformed"


def test_an_id_with_a_dot_cannot_swallow_the_timestamp() -> None:
    secret = "whsec_" + encode(b"k" * 24)
    old = NOW - 86400
    message = f"msg_1.{old}.{NOW}.body"
    digest = encode(hmac.digest(b"k" * 24, message.encode(), "sha256"))
    headers = {"webhook-signature": f"v1,{digest}"}
    honest = {**headers, "webhook-id": "msg_1", "webhook-timestamp": str(old)}
    forged = {**headers, "webhook-id": f"msg_1.{old}", "webhook-timestamp": str(NOW)}
    case = {"preset": "standard_webhooks", "secret": secret}
    assert examine(**case, headers=honest, body=f"{NOW}.body", now=old)["valid"] is True
    assert examine(**case, headers=forged, body="body")["cause"] == "signature_mismatch"


def test_headers_may_be_pairs_of_any_case_and_now_a_time() -> None:
    case = PUBLISHED["slack"]
    pairs = [[name.upper(), value] for name, value in case["headers"].items()]
    raw = base64.b64encode(SLACK_BODY.encode()).decode()
    for now in (1531420618, 1531420618.5, "1531420618", "2018-07-12T18:36:58Z"):
        answer = examine(
            preset="slack", secrets=[case["secret"]], headers=pairs, body_base64=raw, now=now
        )
        assert answer["valid"] is True, now
    assert examine(**{**case, "now": None})["cause"] == "timestamp_stale"
    assert examine(**{**case, "now": 1531420618 + 900, "tolerance_seconds": 1000})["valid"] is True


@pytest.mark.parametrize(
    "case",
    [
        {"preset": "nothing"},
        {"preset": ["github"]},
        {"verification": {"scheme": "none"}},
        {"verification": {"preset": "custom"}},
        {"verification": "github"},
        {"preset": "github", "secret": 5},
        {"preset": "github", "secret": SECRET, "body": {}},
        {"preset": "github", "secret": SECRET, "body_base64": "%"},
        {"preset": "github", "secret": SECRET, "now": "soon"},
        {"preset": "github", "secret": SECRET, "headers": "x"},
        {"preset": "slack", "secret": SECRET, "tolerance_seconds": 0},
        {"preset": "svix", "secret": "whsec_not base64!"},
        {"preset": "discord", "secret": "zz"},
        {"preset": "sendgrid", "secret": "AAAA"},
        {"preset": "google_pubsub", "headers": {"Authorization": "Bearer a.b.c"}},
    ],
)
def test_what_cannot_be_examined_is_an_invalid_configuration(case: dict[str, Any]) -> None:
    answer = examine(**case)
    assert answer["valid"] is False
    assert (answer["cause"], answer["step"]) == ("config_invalid", "config")
    assert answer["detail"]


def test_the_command_answers_each_line_and_never_fails() -> None:
    lines = [
        json.dumps(PUBLISHED["github"]),
        "",
        "{",
        "[" * 100_000,
        "\x00",
        '{"preset":"x"}',
        "null",
    ]
    result = subprocess.run(
        [sys.executable, "manage.py", "verify_webhook"],
        input="\n".join(lines).encode() + b"\n\xff\xfe\n",
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (result.returncode, result.stderr) == (0, b"")
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [answer["valid"] for answer in answers] == [True] + [False] * 6
    assert {tuple(answer) for answer in answers} == {
        ("valid", "cause", "step", "detail", "challenge_response", "event_type", "delivery_id")
    }


def test_the_command_reads_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = io.TextIOWrapper(io.BytesIO(json.dumps(PUBLISHED["github"]).encode()))
    monkeypatch.setattr("sys.stdin", text)
    call_command("verify_webhook")
    assert json.loads(capsys.readouterr().out)["valid"] is True
    assert examine_line(b"[]")["cause"] == "config_invalid"

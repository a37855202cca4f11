"""HTTP requests as a real server receives them: shape, signature, secrets."""

import base64
import datetime as dt
import hashlib
import hmac
import json
from typing import Any

import pytest

from actions.kinds.http_request import HttpRequest
from tests.actions.factories import build_call
from tests.actions.requests import build, send, send_well
from tests.actions.sink import Sink

KEY = b"0123456789abcdef0123456789abcdef"
SIGNING_SECRET = f"whsec_{base64.b64encode(KEY).decode()}"

pytestmark = pytest.mark.usefixtures("private_targets")


class TestSending:
    def test_a_request_arrives_as_configured(self, sink: Sink) -> None:
        call = build(
            sink,
            path="/contacts/7?a=1",
            config={
                "method": "PUT",
                "headers": {"X-Source": "crm", "X-Count": 3, "X-None": None},
                "query": {"tag": ["a b", "ü"], "n": 5, "none": None},
                "body": {"name": "Adä", "n": [1, None]},
            },
        )
        send_well(call)
        (received,) = sink.received
        assert received.method == "PUT"
        assert received.path == "/contacts/7?a=1&tag=a+b&tag=%C3%BC&n=5"
        assert received.headers["X-Source"] == "crm"
        assert received.headers["X-Count"] == "3"
        assert "X-None" not in received.headers
        assert received.headers["Content-Type"] == "application/json"
        assert received.headers["Host"] == f"127.0.0.1:{sink.port}"
        assert received.headers["Idempotency-Key"] == str(call.run_id)
        assert received.headers["User-Agent"] == "Clockhook"
        assert json.loads(received.body) == {"name": "Adä", "n": [1, None]}

    def test_a_url_without_query_is_sent_as_it_is(self, sink: Sink) -> None:
        send_well(build(sink, path="/a%20b?x=%20&y", config={"query": {"none": None}}))
        assert sink.received[0].path == "/a%20b?x=%20&y"

    def test_text_is_sent_as_it_is(self, sink: Sink) -> None:
        send_well(build(sink, config={"body": '{"already": "json"}'}))
        assert sink.received[0].body == b'{"already": "json"}'
        assert sink.received[0].headers["Content-Type"] == "text/plain; charset=utf-8"

    def test_a_content_type_of_ones_own_wins(self, sink: Sink) -> None:
        send_well(build(sink, config={"body": "<a/>", "headers": {"content-type": "text/xml"}}))
        assert sink.received[0].headers["content-type"] == "text/xml"

    def test_the_default_method_is_post_and_an_empty_body_has_a_length(self, sink: Sink) -> None:
        send_well(build(sink))
        assert sink.received[0].method == "POST"
        assert sink.received[0].headers["Content-Length"] == "0"

    def test_head_and_get_send_no_body(self, sink: Sink) -> None:
        assert send_well(build(sink, config={"method": "HEAD"}))["body"] is None
        send_well(build(sink, config={"method": "GET"}))
        assert all("Content-Length" not in received.headers for received in sink.received)

    def test_the_idempotency_key_cannot_be_overridden(self, sink: Sink) -> None:
        call = build(sink, config={"headers": {"idempotency-key": "mine"}})
        send_well(call)
        assert sink.received[0].headers["Idempotency-Key"] == str(call.run_id)
        assert "idempotency-key" not in sink.received[0].headers

    def test_connections_are_reused_and_cookies_are_not(self, sink: Sink) -> None:
        sink.headers = {"Set-Cookie": "session=of-another-tenant", "Content-Type": "text/plain"}
        for _ in range(3):
            send_well(build(sink))
        assert sink.connections == 1
        assert all("Cookie" not in received.headers for received in sink.received)

    def test_proxies_of_the_environment_are_ignored(
        self, sink: Sink, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        send_well(build(sink))
        assert len(sink.received) == 1


class TestSecrets:
    def test_a_signed_request_verifies_at_its_receiver(self, sink: Sink) -> None:
        now = dt.datetime(2026, 11, 24, 9, 30, tzinfo=dt.UTC)
        call = build(
            sink, config={"body": {"a": 1}}, secrets={"signing_secret": SIGNING_SECRET}, now=now
        )
        send_well(call)
        (received,) = sink.received
        signed = f"{call.run_id}.{int(now.timestamp())}.".encode() + received.body
        digest = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
        assert received.headers["webhook-id"] == str(call.run_id)
        assert received.headers["webhook-timestamp"] == str(int(now.timestamp()))
        assert received.headers["webhook-signature"] == f"v1,{digest}"

    def test_without_a_secret_nothing_is_signed(self, sink: Sink) -> None:
        send_well(build(sink))
        assert not any(name.startswith("webhook-") for name in sink.received[0].headers)

    def test_secret_headers_are_merged_over_the_configs(self, sink: Sink) -> None:
        call = build(
            sink,
            config={"headers": {"authorization": "none", "X-Kept": "1"}},
            secrets={"headers": {"Authorization": "Bearer t0ken-of-alice"}},
        )
        send_well(call)
        assert sink.received[0].headers["Authorization"] == "Bearer t0ken-of-alice"
        assert sink.received[0].headers["X-Kept"] == "1"

    @pytest.mark.parametrize("status", [200, 500])
    def test_a_secret_that_is_echoed_is_masked(self, sink: Sink, status: int) -> None:
        sink.status, sink.echoes_header = status, "Authorization"
        call = build(sink, secrets={"headers": {"Authorization": "Bearer t0ken-of-alice"}})
        assert "t0ken" not in repr(send(call))
        assert "***" in repr(send(call))

    def test_a_description_shows_all_but_the_secrets(self, sink: Sink) -> None:
        call = build(
            sink,
            config={"body": {"a": 1}, "query": {"q": "x"}},
            secrets={
                "signing_secret": SIGNING_SECRET,
                "headers": {"Authorization": "Bearer t0ken-of-alice"},
            },
        )
        plan = HttpRequest().describe(call)
        assert plan["method"] == "POST"
        assert plan["url"] == f"{sink.url}/hook?q=x"
        assert plan["body"] == '{"a":1}'
        assert plan["headers"]["Authorization"] == "***"
        assert plan["headers"]["webhook-signature"] == "***"
        assert plan["headers"]["Idempotency-Key"] == str(call.run_id)
        assert sink.received == []

    def test_a_description_of_what_cannot_be_sent_says_why(self) -> None:
        plan = HttpRequest().describe(build_call(config={"url": "gopher://x"}))
        assert plan == {"problem": "Only http and https URLs can be sent to."}

    @pytest.mark.parametrize(
        ("secrets", "pointer"),
        [
            ({"signing_secret": "hunter2"}, "/signing_secret"),
            ({"signing_secret": 5}, "/signing_secret"),
            ({"password": "x"}, "/password"),
            ({"headers": ["x"]}, "/headers"),
            ({"headers": {"Host": "x"}}, "/headers/Host"),
            ({"headers": {"X-A": "a\r\nb"}}, "/headers/X-A"),
            ({"headers": {"X-A": {"a": 1}}}, "/headers/X-A"),
        ],
    )
    def test_bad_secrets_are_refused_without_repeating_them(
        self, secrets: dict[str, Any], pointer: str
    ) -> None:
        errors = HttpRequest().check_secrets(secrets)
        assert [error.pointer for error in errors] == [pointer]
        assert "hunter2" not in errors[0].detail

    def test_good_secrets_pass(self) -> None:
        good = {"signing_secret": SIGNING_SECRET, "headers": {"Authorization": "Bearer x"}}
        assert HttpRequest().check_secrets(good) == []
        assert HttpRequest().check_secrets({"signing_secret": None}) == []

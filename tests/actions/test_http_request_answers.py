"""What comes back from a target, what does not, and whether it is worth a retry."""

import datetime as dt
import gzip
import threading
import time
from typing import Any

import httpx
import pytest

from actions.kinds.guarded_http import MAX_BODY_BYTES, send_request
from actions.kinds.guarded_network import RequestImpossible
from actions.kinds.http_request import HttpRequest
from tests.actions.factories import build_call
from tests.actions.requests import build, send_badly, send_well
from tests.actions.sink import Sink, serve_bytes

pytestmark = pytest.mark.usefixtures("private_targets")


class TestAnswers:
    def test_a_json_answer_is_kept_parsed(self, sink: Sink) -> None:
        sink.headers = {
            "Content-Type": "application/json",
            "X-Request-Id": "r1",
            "Set-Cookie": "a=b",
        }
        output = send_well(build(sink))
        assert output["status"] == 200
        assert output["body"] == {"ok": True}
        assert output["truncated"] is False
        assert output["headers"]["x-request-id"] == "r1"
        assert "set-cookie" not in output["headers"]
        assert 0 <= output["duration_ms"] < 5000

    def test_a_long_answer_is_cut_at_64_kib(self, sink: Sink) -> None:
        sink.body = b"x" * (MAX_BODY_BYTES * 20)
        output = send_well(build(sink))
        assert output["truncated"] is True
        assert output["body"] == "x" * MAX_BODY_BYTES
        # The rest was never read, and the connection is not used again.
        sink.body = b"short"
        assert send_well(build(sink))["body"] == "short"

    def test_an_answer_of_exactly_64_kib_is_whole(self, sink: Sink) -> None:
        sink.body = b"x" * MAX_BODY_BYTES
        assert send_well(build(sink))["truncated"] is False

    def test_a_packed_answer_is_unpacked(self, sink: Sink) -> None:
        sink.headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        sink.body = gzip.compress(b'{"packed": true}')
        assert send_well(build(sink))["body"] == {"packed": True}

    @pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
    def test_busy_or_broken_targets_are_worth_a_retry(self, sink: Sink, status: int) -> None:
        sink.status = status
        failure = send_badly(build(sink))
        assert (failure.code, failure.retryable) == (f"http_{status}", True)
        assert failure.retry_after_seconds is None

    @pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 410, 422])
    def test_refusals_and_redirects_are_not(self, sink: Sink, status: int) -> None:
        sink.status = status
        sink.headers = {"Location": f"{sink.url}/elsewhere"}
        failure = send_badly(build(sink))
        assert (failure.code, failure.retryable) == (f"http_{status}", False)
        assert len(sink.received) == 1

    def test_listed_statuses_are_success_and_others_are_not(self, sink: Sink) -> None:
        sink.status = 302
        assert send_well(build(sink, config={"success_statuses": ["3xx", 404]}))["status"] == 302
        sink.status = 200
        assert send_badly(build(sink, config={"success_statuses": ["3xx", 404]})).code == "http_200"

    def test_retry_after_is_handed_on(self, sink: Sink) -> None:
        sink.status, sink.headers = 503, {"Retry-After": "17"}
        assert send_badly(build(sink)).retry_after_seconds == 17
        sink.headers = {"Retry-After": "Tue, 24 Nov 2026 09:31:00 GMT"}
        now = dt.datetime(2026, 11, 24, 9, 30, tzinfo=dt.UTC)
        assert send_badly(build(sink, now=now)).retry_after_seconds == 60

    def test_a_failure_shows_the_answers_beginning_and_never_the_query(self, sink: Sink) -> None:
        sink.status, sink.body = 400, b'{"error": "no such contact"}'
        failure = send_badly(build(sink, path="/contacts?token=hunter2"))
        assert "POST http://127.0.0.1" in failure.message
        assert "no such contact" in failure.message
        assert "hunter2" not in failure.message


class TestTrouble:
    def test_a_refused_connection_is_worth_a_retry(self) -> None:
        failure = send_badly(build_call(config={"url": "http://127.0.0.1:1/"}))
        assert (failure.code, failure.retryable) == ("connection_failed", True)

    def test_a_name_that_does_not_resolve_is_worth_a_retry(self) -> None:
        failure = send_badly(build_call(config={"url": "http://nothing.invalid/"}))
        assert (failure.code, failure.retryable) == ("connection_failed", True)
        assert "nothing.invalid" in failure.message

    def test_a_name_with_a_label_too_long_does_not_resolve(self) -> None:
        failure = send_badly(build_call(config={"url": f"http://{'a' * 70}.example/"}))
        assert failure.code == "connection_failed"

    def test_a_target_that_does_not_speak_http_is_a_failed_connection(self) -> None:
        with serve_bytes(b"SSH-2.0-OpenSSH\r\n") as port:
            failure = send_badly(build_call(config={"url": f"http://127.0.0.1:{port}/"}))
        assert (failure.code, failure.retryable) == ("connection_failed", True)

    def test_a_target_that_hangs_up_is_a_failed_connection(self) -> None:
        with serve_bytes(b"") as port:
            failure = send_badly(build_call(config={"url": f"http://127.0.0.1:{port}/"}))
        assert (failure.code, failure.retryable) == ("connection_failed", True)

    def test_a_target_that_crashes_in_mid_answer_is_a_failed_connection(self) -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\nhalf"
        with serve_bytes(answer, resets=True) as port:
            failure = send_badly(build_call(config={"url": f"http://127.0.0.1:{port}/"}))
        assert (failure.code, failure.retryable) == ("connection_failed", True)

    def test_a_target_that_crashes_while_it_is_sent_to_is_a_failed_connection(self) -> None:
        with serve_bytes(b"", resets=True) as port:
            config = {"url": f"http://127.0.0.1:{port}/", "body": "x" * 20_000_000}
            failure = send_badly(build_call(config=config))
        assert (failure.code, failure.retryable) == ("connection_failed", True)

    def test_what_http_cannot_say_fails_for_good(self, sink: Sink) -> None:
        with pytest.raises(RequestImpossible) as refusal:
            send_request(
                method="GET",
                url=httpx.URL(sink.url),
                headers=[(b"not a name", b"1")],
                body=None,
                timeout_seconds=1,
                cancelled=threading.Event(),
            )
        assert not refusal.value.is_retryable

    def test_tls_to_a_plain_target_is_a_failed_connection(self, sink: Sink) -> None:
        failure = send_badly(build_call(config={"url": f"https://127.0.0.1:{sink.port}/"}))
        assert (failure.code, failure.retryable) == ("connection_failed", True)

    @pytest.mark.parametrize("trouble", ["wait", "drip"])
    def test_the_deadline_holds_however_slowly_the_answer_comes(
        self, sink: Sink, trouble: str
    ) -> None:
        sink.wait_seconds = 3.0 if trouble == "wait" else 0.0
        sink.drip_seconds = 0.1 if trouble == "drip" else 0.0
        sink.body = b"x" * 100
        started = time.monotonic()
        failure = send_badly(build(sink, timeout_seconds=0.5))
        assert time.monotonic() - started < 1.2
        assert (failure.code, failure.retryable) == ("timeout", True)

    def test_dripping_headers_end_with_the_deadline_too(self) -> None:
        with serve_bytes(b"HTTP/1.1 200 OK\r\n" + b"X-Slow: 1\r\n" * 100, pause=0.05) as port:
            started = time.monotonic()
            call = build_call(config={"url": f"http://127.0.0.1:{port}/"}, timeout_seconds=0.5)
            assert send_badly(call).code == "timeout"
        assert time.monotonic() - started < 1.5

    def test_a_target_that_does_not_read_ends_with_the_deadline(self) -> None:
        with serve_bytes(b"", is_deaf=True) as port:
            started = time.monotonic()
            config = {"url": f"http://127.0.0.1:{port}/", "body": "x" * 20_000_000}
            assert send_badly(build_call(config=config, timeout_seconds=0.5)).code == "timeout"
        assert time.monotonic() - started < 2

    def test_a_cancelled_call_stops_waiting(self, sink: Sink) -> None:
        sink.wait_seconds = 5
        cancelled = threading.Event()
        threading.Timer(0.2, cancelled.set).start()
        started = time.monotonic()
        failure = send_badly(build(sink, cancelled=cancelled, timeout_seconds=30))
        assert time.monotonic() - started < 2
        assert failure.code == "cancelled"

    @pytest.mark.parametrize(
        "url",
        [
            "", "/relative", "ftp://example.com/", "file:///etc/passwd", "gopher://127.0.0.1/", "http://",
            "http:///path", "http://user:password@127.0.0.1/", "http://user@127.0.0.1/", "http://[::1",
            "http://127.0.0.1:99999/", "http://a b/", "http://127.0.0.1/\r\nX: 1", "http://\ud800/",
            "http://127.0.0.1/{{ x }}\x00", "javascript:alert(1)", "http://evil\\@127.0.0.1/",
        ],
    )  # fmt: skip
    def test_what_renders_to_no_url_fails_for_good(self, url: str) -> None:
        failure = send_badly(build_call(config={"url": url}))
        assert (failure.code, failure.retryable) == ("invalid_url", False)

    @pytest.mark.parametrize(
        ("config", "code"),
        [
            ({"headers": {"X-Note": "a\r\nX-Evil: 1"}}, "invalid_header"),
            ({"headers": {"X-Note\r\nX-Evil": "1"}}, "invalid_header"),
            ({"headers": {"X-Note": {"a": 1}}}, "invalid_header"),
            ({"headers": "X: 1"}, "invalid_headers"),
            ({"query": "a=1"}, "invalid_query"),
            ({"query": {"a": {"b": 1}}}, "invalid_query"),
            ({"query": {"a": "\ud800"}}, "invalid_query"),
        ],
    )
    def test_what_renders_to_no_request_fails_for_good(
        self, sink: Sink, config: dict[str, Any], code: str
    ) -> None:
        failure = send_badly(build(sink, config=config))
        assert (failure.code, failure.retryable) == (code, False)
        assert sink.received == []
        assert "X-Evil: 1" not in failure.message


class TestConfig:
    @pytest.mark.parametrize(
        "url",
        ["https://api.example.com/x", "{{ input.url }}", "https://{{ input.host }}/a",
         "{{ input.scheme }}://x"],
    )  # fmt: skip
    def test_urls_and_templates_of_urls_can_be_saved(self, url: str) -> None:
        assert HttpRequest().check_config({"url": url}) == []

    @pytest.mark.parametrize(
        "url",
        ["ftp://{{ input.host }}/", "example.com/x", "http://u:p@example.com/", "http://a b/"],
    )
    def test_what_can_never_be_a_url_is_refused_at_save(self, url: str) -> None:
        assert [error.pointer for error in HttpRequest().check_config({"url": url})] == ["/url"]

    @pytest.mark.parametrize("name", ["Host", "content-length", "Bad Name", "X\n"])
    def test_headers_that_cannot_be_sent_are_refused_at_save(self, name: str) -> None:
        errors = HttpRequest().check_config(
            {"url": "http://x/", "headers": {name: "{{ input.a }}"}}
        )
        assert [error.pointer for error in errors] == [f"/headers/{name}"]

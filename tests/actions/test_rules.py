"""The small rules: what can be stored, which addresses lead inwards, signatures, answers, headers."""

import base64
import datetime as dt
import gzip
import hashlib
import hmac
import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.rules.addresses import find_address_refusal
from actions.rules.http_answers import is_retryable, is_success, parse_retry_after
from actions.rules.http_messages import (
    InvalidHeader,
    build_body,
    build_headers,
    mask_secrets,
    pick_headers,
    read_body,
)
from actions.rules.json_values import find_bad_text, find_storage_problem
from actions.rules.signatures import decode_signing_secret, sign_message
from tests.actions.factories import NOW


class TestStorage:
    @pytest.mark.parametrize(
        "value", [None, {}, {"a": ["ü", 1, 1.5, True]}, "\\u0000", {"a": "\\u0000 in words"}, "\x01"]
    )
    def test_json_can_be_stored(self, value: Any) -> None:
        assert find_storage_problem(value, max_bytes=1000) is None

    @pytest.mark.parametrize(
        ("value", "word"),
        [
            ({"a": "\x00"}, "NUL"),
            ({"a\x00": 1}, "NUL"),
            ("\ud800", "surrogate"),
            (["x" * 1001], "KiB"),
            (float("nan"), "JSON"),
            (float("inf"), "JSON"),
            (b"bytes", "JSON"),
            ({1, 2}, "JSON"),
        ],
    )
    def test_what_cannot_be_stored_is_told(self, value: Any, word: str) -> None:
        assert word in (find_storage_problem(value, max_bytes=1000) or "")

    def test_what_nests_too_deeply_is_told(self) -> None:
        deep: Any = 1
        for _ in range(100_000):
            deep = [deep]
        assert "deep" in (find_storage_problem(deep, max_bytes=10**9) or "")

    @pytest.mark.parametrize(
        ("value", "pointer"),
        [
            ({"a": ["ok", {"b/c": "\x00"}]}, "/a/1/b~1c"),
            ({"a": {"\x00": 1}}, "/a"),
            ("\ud800", ""),
            ({"a": 1}, None),
            (("ok", "\x00"), "/1"),
            (5, None),
        ],
    )
    def test_bad_text_is_pointed_at(self, value: Any, pointer: str | None) -> None:
        assert find_bad_text(value) == pointer


class TestAddresses:
    @pytest.mark.parametrize(
        "address",
        [
            "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.255", "169.254.169.254",
            "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.168.0.1", "198.18.0.1",
            "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
            "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1",
            "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::",
            "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "4000::1",
        ],
    )  # fmt: skip
    def test_inward_addresses_are_refused(self, address: str) -> None:
        assert find_address_refusal(ipaddress.ip_address(address))

    @pytest.mark.parametrize(
        "address",
        ["8.8.8.8", "1.1.1.1", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00::1"],
    )
    def test_public_addresses_pass(self, address: str) -> None:
        assert find_address_refusal(ipaddress.ip_address(address)) is None

    @given(st.ip_addresses())
    def test_nothing_passes_that_python_holds_to_be_private(self, address: Any) -> None:
        if find_address_refusal(address) is None:
            assert address.is_global
            assert not address.is_multicast


class TestSignatures:
    SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()

    def test_the_specifications_example_verifies(self) -> None:
        # The example of the Standard Webhooks reference implementation.
        key = decode_signing_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        headers = sign_message(
            key,
            message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp=1614265330,
            body=b'{"test": 2432232314}',
        )
        assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

    @given(st.binary(max_size=64))
    def test_a_receiver_can_recompute_it(self, body: bytes) -> None:
        headers = sign_message(decode_signing_secret(self.SECRET), message_id="m", timestamp=7, body=body)
        digest = hmac.new(b"k" * 32, b"m.7." + body, hashlib.sha256).digest()
        assert headers == {
            "webhook-id": "m",
            "webhook-timestamp": "7",
            "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
        }

    @pytest.mark.parametrize(
        "secret",
        ["", "whsec_", "whsec_!!", "whsec_" + base64.b64encode(b"k" * 23).decode(), SECRET[6:],
         "whsec_" + base64.b64encode(b"k" * 65).decode(), "whsec_ü"],
    )  # fmt: skip
    def test_what_is_no_secret_is_refused_without_repeating_it(self, secret: str) -> None:
        with pytest.raises(ValueError, match="24 to 64") as refusal:
            decode_signing_secret(secret)
        assert not secret or secret not in str(refusal.value).replace('"whsec_"', "")


class TestAnswers:
    def test_2xx_is_success_by_default_names(self) -> None:
        assert is_success(204, success_statuses=["2xx"])
        assert not is_success(302, success_statuses=["2xx"])
        assert is_success(404, success_statuses=[200, 404])
        assert is_success(302, success_statuses=["3XX"])
        assert is_success(418, success_statuses=["418"])

    @pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
    def test_busy_or_broken_targets_are_worth_a_retry(self, status: int) -> None:
        assert is_retryable(status)

    @pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 404, 409, 410, 422])
    def test_refusals_are_not(self, status: int) -> None:
        assert not is_retryable(status)

    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("120", 120),
            (" 5 ", 5),
            ("0", 0),
            ("99999999", 86_400),
            ("Tue, 24 Nov 2026 09:31:00 GMT", 60),
            ("Tue, 24 Nov 2026 09:31:00", 60),
            ("Tue, 24 Nov 2020 09:31:00 GMT", 0),
            ("Tue, 24 Nov 2030 09:31:00 GMT", 86_400),
            (None, None),
            ("", None),
            ("soon", None),
            ("-5", None),
            ("1.5", None),
            ("Tue, 99 Nov 2026 99:99:99 GMT", None),
        ],
    )
    def test_retry_after_is_read_in_both_forms(self, text: str | None, seconds: float | None) -> None:
        assert parse_retry_after(text, now=NOW) == seconds

    @given(st.text())
    def test_any_retry_after_is_bounded_or_nothing(self, text: str) -> None:
        seconds = parse_retry_after(text, now=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        assert seconds is None or 0 <= seconds <= 86_400


class TestMessages:
    def test_later_layers_win_whatever_the_case(self) -> None:
        headers = build_headers({"A": "1", "B": "2"}, {"a": "3", "b": None}, {"C": 4, "D": True})
        assert headers == {"a": "3", "C": "4", "D": "true"}

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("X-Note", "a\r\nEvil: 1"),
            ("X-Note", "a\nb"),
            ("X-Note", "a\x00b"),
            ("X-Note", "\ud800"),
            ("X-Note", {"a": 1}),
            ("X-Note", [1]),
            ("X Note", "a"),
            ("", "a"),
            ("X\r\nEvil", "a"),
            ("Host", "internal"),
            ("content-length", "5"),
            ("Transfer-Encoding", "chunked"),
        ],
    )
    def test_a_header_that_cannot_be_sent_is_refused_by_name(self, name: str, value: Any) -> None:
        with pytest.raises(InvalidHeader) as refusal:
            build_headers({name: value})
        assert "Evil: 1" not in str(refusal.value)

    @given(st.text(), st.text() | st.integers() | st.none())
    def test_headers_that_are_built_are_one_line(self, name: str, value: Any) -> None:
        try:
            headers = build_headers({name: value})
        except InvalidHeader:
            return
        for text in (*headers, *headers.values()):
            assert not {"\r", "\n", "\x00"} & set(text)
            text.encode()

    def test_bodies_are_text_json_or_nothing(self) -> None:
        assert build_body(None) == (None, None)
        assert build_body("ü") == ("ü".encode(), "text/plain; charset=utf-8")
        assert build_body({"a": ["ü", 1]}) == ('{"a":["ü",1]}'.encode(), "application/json")
        assert build_body(False) == (b"false", "application/json")

    @pytest.mark.parametrize(
        ("raw", "headers", "body"),
        [
            (b"", {}, None),
            (b'{"a": 1}', {"content-type": "application/json"}, {"a": 1}),
            (b'{"a": 1}', {"content-type": "text/plain"}, {"a": 1}),
            (b"5", {"content-type": "application/problem+json"}, 5),
            (b"5", {"content-type": "text/plain"}, "5"),
            (b"{broken", {"content-type": "application/json"}, "{broken"),
            (b'{"a": "\\u0000"}', {"content-type": "application/json"}, '{"a": "\\u0000"}'),
            (b"a\x00b\xff", {}, "a\ufffdb\ufffd"),
            ("ü".encode("latin-1"), {"content-type": "text/html; charset=ISO-8859-1"}, "ü"),
            ("ü".encode(), {"content-type": "text/html; charset=nonsense"}, "ü"),
            (gzip.compress(b'{"a": 1}'), {"content-encoding": "gzip"}, {"a": 1}),
            (b"not gzip", {"content-encoding": "gzip"}, "not gzip"),
        ],
    )
    def test_answers_are_kept_as_json_or_text(
        self, raw: bytes, headers: dict[str, str], body: Any
    ) -> None:
        kept, is_cut = read_body(raw, headers=headers, is_truncated=False, max_bytes=1000, secrets=[])
        assert (kept, is_cut) == (body, False)

    def test_half_of_an_answer_is_text(self) -> None:
        kept = read_body(b"[1,2", headers={}, is_truncated=True, max_bytes=1000, secrets=[])
        assert kept == ("[1,2", True)

    def test_a_packed_bomb_is_cut(self) -> None:
        bomb = gzip.compress(b"0" * 10_000_000)
        kept, is_cut = read_body(
            bomb, headers={"content-encoding": "gzip"}, is_truncated=False, max_bytes=1000, secrets=[]
        )
        assert (len(kept), is_cut) == (1000, True)

    @given(st.binary(max_size=200), st.sampled_from(["", "application/json", "text/plain"]))
    def test_whatever_comes_back_can_be_stored(self, raw: bytes, content_type: str) -> None:
        kept, _ = read_body(
            raw, headers={"content-type": content_type}, is_truncated=False, max_bytes=200, secrets=[]
        )
        assert find_storage_problem(kept, max_bytes=10_000) is None

    def test_secrets_are_masked_but_very_short_ones_are_not_worth_it(self) -> None:
        assert mask_secrets("token s3cret!", secrets=["s3cret", "", "e"]) == "token ***!"
        kept, _ = read_body(
            b'{"auth": "Bearer s3cret"}', headers={}, is_truncated=False, max_bytes=99, secrets=["s3cret"]
        )
        assert kept == {"auth": "Bearer ***"}

    def test_only_telling_headers_are_kept(self) -> None:
        headers = {"content-type": "text/plain", "set-cookie": "a=b", "x-request-id": "s3cret" + "x" * 9000}
        kept = pick_headers(headers, secrets=["s3cret"])
        assert set(kept) == {"content-type", "x-request-id"}
        assert kept["x-request-id"].startswith("***x")
        assert len(kept["x-request-id"]) == 1024

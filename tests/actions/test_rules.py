"""The small rules: what can be stored, what leads inwards, what a signature proves."""

import base64
import hashlib
import hmac
import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.rules.addresses import find_address_refusal
from actions.rules.json_values import find_bad_text, find_storage_problem
from actions.rules.signatures import decode_signing_secret, sign_message


class TestStorage:
    @pytest.mark.parametrize(
        "value",
        [None, {}, {"a": ["ü", 1, 1.5, True]}, "\\u0000", {"a": "\\u0000 in words"}, "\x01"],
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
            "0.0.0.0",  # noqa: S104 - as a target
            "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.255", "169.254.169.254",
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
        [
            "8.8.8.8",
            "1.1.1.1",
            "93.184.216.34",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "2a00::1",
        ],
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
        headers = sign_message(
            decode_signing_secret(self.SECRET), message_id="m", timestamp=7, body=body
        )
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

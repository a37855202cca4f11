"""What an HTTP answer means, which headers can be sent, what of an answer can be kept."""

import datetime as dt
import gzip
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.rules.http_answers import is_retryable, is_success, parse_retry_after
from actions.rules.http_messages import (
    InvalidHeader,
    build_body,
    build_headers,
    mask_secrets,
    pick_headers,
    read_body,
)
from actions.rules.json_values import find_storage_problem
from tests.actions.factories import NOW


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
    def test_retry_after_is_read_in_both_forms(
        self, text: str | None, seconds: float | None
    ) -> None:
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
        kept, is_cut = read_body(
            raw, headers=headers, is_truncated=False, max_bytes=1000, secrets=[]
        )
        assert (kept, is_cut) == (body, False)

    def test_half_of_an_answer_is_text(self) -> None:
        kept = read_body(b"[1,2", headers={}, is_truncated=True, max_bytes=1000, secrets=[])
        assert kept == ("[1,2", True)

    def test_a_packed_bomb_is_cut(self) -> None:
        bomb = gzip.compress(b"0" * 10_000_000)
        kept, is_cut = read_body(
            bomb,
            headers={"content-encoding": "gzip"},
            is_truncated=False,
            max_bytes=1000,
            secrets=[],
        )
        assert (len(kept), is_cut) == (1000, True)

    @given(st.binary(max_size=200), st.sampled_from(["", "application/json", "text/plain"]))
    def test_whatever_comes_back_can_be_stored(self, raw: bytes, content_type: str) -> None:
        kept, _ = read_body(
            raw,
            headers={"content-type": content_type},
            is_truncated=False,
            max_bytes=200,
            secrets=[],
        )
        assert find_storage_problem(kept, max_bytes=10_000) is None

    def test_secrets_are_masked_but_very_short_ones_are_not_worth_it(self) -> None:
        assert mask_secrets("token s3cret!", secrets=["s3cret", "", "e"]) == "token ***!"
        kept, _ = read_body(
            b'{"auth": "Bearer s3cret"}',
            headers={},
            is_truncated=False,
            max_bytes=99,
            secrets=["s3cret"],
        )
        assert kept == {"auth": "Bearer ***"}

    def test_only_telling_headers_are_kept(self) -> None:
        headers = {
            "content-type": "text/plain",
            "set-cookie": "a=b",
            "x-request-id": "s3cret" + "x" * 9000,
        }
        kept = pick_headers(headers, secrets=["s3cret"])
        assert set(kept) == {"content-type", "x-request-id"}
        assert kept["x-request-id"].startswith("***x")
        assert len(kept["x-request-id"]) == 1024

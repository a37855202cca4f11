"""R6 in the rules: what is not signed exactly as it should be is refused, with its cause."""

import datetime as dt
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.webhooks.signing import build_headers, sign_body, sign_stamped
from webhooks.providers import build_config
from webhooks.rules.received import ReceivedRequest
from webhooks.rules.signature import Secret, verify

NOW = dt.datetime(2026, 11, 24, 5, 30, 0, 123456, tzinfo=dt.UTC)
SECONDS = int(NOW.timestamp())
MILLISECONDS = str(SECONDS * 1000 + 123)
TEXT = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_another-secret-of-some-length"
BODY = b'{"type": "lead.created", "id": "42", "name": "J\xc3\xb6rg"}'
CONFIG = build_config({})
STRICT = build_config({"require_timestamp": True})
SIGNATURE, TIMESTAMP = "x-amigo-request-signature", "x-amigo-request-timestamp"


def make_secret(text: str = TEXT, *, number: int = 1, expires_in: float | None = None) -> Secret:
    expires_at = None if expires_in is None else NOW + dt.timedelta(seconds=expires_in)
    return Secret(UUID(int=number), text.encode(), expires_at)


def make_request(headers: dict[str, str], body: bytes = BODY) -> ReceivedRequest:
    return ReceivedRequest(
        method="POST", path="/v1/hooks/x", headers=headers, body=body, size=len(body)
    )


def find_cause(
    headers: dict[str, str],
    body: bytes = BODY,
    *,
    secrets: list[Secret] | None = None,
    require_timestamp: bool = False,
) -> str | None:
    """The cause of the refusal; None for a request that is valid."""
    config = STRICT if require_timestamp else CONFIG
    verdict = verify(
        make_request(headers, body), config, [make_secret()] if secrets is None else secrets, NOW
    )
    assert verdict.valid is (verdict.cause is None)
    assert verdict.valid is (verdict.secret_id is not None)
    return verdict.cause


def test_known_vectors_verify() -> None:
    """Digests computed by ``openssl dgst -sha256 -hmac``, not by Python."""
    secret = Secret(UUID(int=1), b"0123456789abcdef")
    body = b'{"type":"ping"}'
    for headers in (
        {SIGNATURE: "4dd6a68427e5c9a2da414ae9de1fd9e148b9f31c737ceaa4156bb7fc79650f04"},
        {
            SIGNATURE: "e57d06fce07d3c56e3e694f5f56c3a23505d1467415aa8503d1b10099f87641f",
            TIMESTAMP: "1795498200000",
        },
    ):
        assert verify(make_request(headers, body), CONFIG, [secret], NOW).valid


@pytest.mark.parametrize("name", ["clockhook", "amigo"])
def test_both_names_of_the_native_scheme_verify(name: str) -> None:
    config = build_config({"preset": name})
    headers = build_headers(TEXT, BODY, timestamp=MILLISECONDS)
    verdict = verify(make_request(headers), config, [make_secret()], NOW)
    assert verdict.valid
    assert verdict.secret_id == UUID(int=1)
    assert verdict.timestamp == NOW.replace(microsecond=123000)


@pytest.mark.parametrize("timestamp", [None, MILLISECONDS, str(SECONDS)])
@pytest.mark.parametrize("prefix", ["", "sha256="])
def test_good_signatures_pass(timestamp: str | None, prefix: str) -> None:
    headers = build_headers(TEXT, BODY, timestamp=timestamp)
    headers[SIGNATURE] = prefix + headers[SIGNATURE]
    assert find_cause(headers) is None


@pytest.mark.parametrize("body", [b"", b"\x00\xff", b"x" * 1_000_000, b"not json"])
def test_any_body_can_be_signed(body: bytes) -> None:
    assert find_cause(build_headers(TEXT, body), body) is None
    assert find_cause(build_headers(TEXT, body, timestamp=MILLISECONDS), body) is None


@pytest.mark.parametrize("timestamp", [None, MILLISECONDS])
def test_one_flipped_bit_anywhere_in_what_is_signed_refuses(timestamp: str | None) -> None:
    headers = build_headers(TEXT, BODY, timestamp=timestamp)
    for position in range(len(BODY)):
        for bit in range(8):
            flipped = bytearray(BODY)
            flipped[position] ^= 1 << bit
            assert find_cause(headers, bytes(flipped)) == "signature_mismatch"


def test_one_changed_digit_of_the_timestamp_refuses() -> None:
    headers = build_headers(TEXT, BODY, timestamp=MILLISECONDS)
    for position, digit in enumerate(MILLISECONDS):
        other = str((int(digit) + 1) % 10)
        changed = MILLISECONDS[:position] + other + MILLISECONDS[position + 1 :]
        assert find_cause({**headers, TIMESTAMP: changed}) == "signature_mismatch"


def test_one_changed_digit_of_the_signature_refuses() -> None:
    good = sign_body(TEXT, BODY)
    for position, digit in enumerate(good):
        changed = good[:position] + format(int(digit, 16) ^ 1, "x") + good[position + 1 :]
        assert find_cause({SIGNATURE: changed}) == "signature_mismatch"


@pytest.mark.parametrize(
    ("seconds", "cause"),
    [
        (0, None),
        (-300, None),
        (300, None),
        (-301, "timestamp_stale"),
        (301, "timestamp_stale"),
        (-86400, "timestamp_stale"),
        (10**9, "timestamp_stale"),
    ],
)
@pytest.mark.parametrize("unit", [1, 1000])
def test_the_window_is_symmetric_and_holds_its_edges(
    seconds: int, cause: str | None, unit: int
) -> None:
    base = SECONDS if unit == 1 else int(MILLISECONDS)
    timestamp = str(base + seconds * unit)
    assert find_cause(build_headers(TEXT, BODY, timestamp=timestamp)) == cause


def test_a_millisecond_past_the_window_is_stale() -> None:
    for edge in (-300_001, 300_001):
        headers = build_headers(TEXT, BODY, timestamp=str(int(MILLISECONDS) + edge))
        assert find_cause(headers) == "timestamp_stale"


def test_the_tolerance_can_be_narrowed() -> None:
    config = build_config({"tolerance_seconds": 10})
    for seconds, is_valid in ((10, True), (11, False), (-10, True), (-11, False)):
        headers = build_headers(TEXT, BODY, timestamp=str(SECONDS + seconds))
        assert verify(make_request(headers), config, [make_secret()], NOW).valid is is_valid


@pytest.mark.parametrize(
    "timestamp",
    [
        "",
        " ",
        "now",
        "-1",
        "+1795498200",
        "1795498200.5",
        "1e9",
        "0x6B",
        " 1795498200",
        "1795498200\n",
        "\uff11\uff17\uff19\uff15",
        "1" * 17,
        "2026-11-24T05:30:00Z",
    ],
)
def test_junk_timestamps_are_malformed_even_when_signed(timestamp: str) -> None:
    headers = build_headers(TEXT, BODY, timestamp=timestamp)
    assert find_cause(headers) == "timestamp_malformed"


def test_a_timestamp_cannot_be_taken_away_or_added() -> None:
    stamped = build_headers(TEXT, BODY, timestamp=MILLISECONDS)
    assert find_cause({SIGNATURE: stamped[SIGNATURE]}) == "signature_mismatch"
    bare = build_headers(TEXT, BODY)
    assert find_cause({**bare, TIMESTAMP: MILLISECONDS}) == "signature_mismatch"


def test_an_old_request_cannot_return_as_a_body_without_a_timestamp() -> None:
    """The same signed bytes: only the place of the timestamp differs."""
    old = str(SECONDS - 86400)
    signature = sign_stamped(TEXT, BODY, old)
    replayed = b"v1:" + old.encode() + b":" + BODY
    assert signature == sign_body(TEXT, replayed)
    assert find_cause({SIGNATURE: signature}, replayed) == "signature_mismatch"


def test_require_timestamp_refuses_signatures_of_the_body_alone() -> None:
    cause = find_cause(build_headers(TEXT, BODY), require_timestamp=True)
    assert cause == "timestamp_malformed"
    stamped = build_headers(TEXT, BODY, timestamp=MILLISECONDS)
    assert find_cause(stamped, require_timestamp=True) is None


def _spoil(good: str) -> dict[str, str]:
    return {
        "upper case": good.upper(),
        "another prefix": f"sha1={good}",
        "prefix in upper case": f"SHA256={good}",
        "prefix twice": f"sha256=sha256={good}",
        "prefix alone": "sha256=",
        "a digit short": good[:-1],
        "a digit long": f"{good}0",
        "a byte short": good[:-2],
        "space before": f" {good}",
        "space after": f"{good} ",
        "newline after": f"{good}\n",
        "twice": f"{good},{good}",
        "quoted": f'"{good}"',
        "versioned": f"v1={good}",
        "not hex": "g" * 64,
        "wide digits": "\uff10" * 64,
        "zeros": "0" * 64,
        "base64": "TWFuIGlzIGRpc3Rpbmd1aXNoZWQsIG5vdCBvbmx5IGJ5IGhpcyByZWFzb24s",
    }


@pytest.mark.parametrize("spoilt", _spoil(sign_body(TEXT, BODY)).items(), ids=lambda item: item[0])
def test_only_lowercase_hex_of_the_exact_length_passes(spoilt: tuple[str, str]) -> None:
    assert find_cause({SIGNATURE: spoilt[1]}) == "signature_mismatch"


def test_a_missing_signature_is_named_so() -> None:
    assert find_cause({}) == "signature_missing"
    assert find_cause({SIGNATURE: ""}) == "signature_missing"
    assert find_cause({TIMESTAMP: MILLISECONDS}) == "signature_missing"
    assert find_cause({"x-hub-signature-256": sign_body(TEXT, BODY)}) == "signature_missing"


def test_without_any_secret_nothing_verifies() -> None:
    """Also not what is signed with an empty key, or with the key of the empty slots."""
    assert find_cause(build_headers(TEXT, BODY), secrets=[]) == "config_invalid"
    assert find_cause(build_headers("", BODY), secrets=[]) == "config_invalid"
    assert find_cause(build_headers("none", BODY), secrets=[]) == "config_invalid"
    assert find_cause(build_headers("none", BODY)) == "signature_mismatch"


def test_a_foreign_secret_does_not_verify() -> None:
    assert find_cause(build_headers(OTHER, BODY)) == "signature_mismatch"
    assert find_cause(build_headers(TEXT.removeprefix("whsec_"), BODY)) == "signature_mismatch"


def test_both_secrets_verify_while_a_rotation_overlaps() -> None:
    secrets = [make_secret(OTHER, number=2), make_secret(number=1, expires_in=1)]
    for text, number in ((OTHER, 2), (TEXT, 1)):
        verdict = verify(make_request(build_headers(text, BODY)), CONFIG, secrets, NOW)
        assert verdict.valid
        assert verdict.secret_id == UUID(int=number)


@pytest.mark.parametrize("expires_in", [0, -1, -86400])
def test_the_old_secret_ends_with_the_overlap(expires_in: float) -> None:
    secrets = [make_secret(OTHER, number=2), make_secret(number=1, expires_in=expires_in)]
    assert find_cause(build_headers(TEXT, BODY), secrets=secrets) == "secret_expired"
    assert find_cause(build_headers(OTHER, BODY), secrets=secrets) is None


def test_expired_secrets_never_crowd_out_a_valid_one() -> None:
    expired = [make_secret(f"expired-secret-{n}", number=n, expires_in=-n) for n in range(2, 9)]
    secrets = [*expired, make_secret()]
    assert find_cause(build_headers(TEXT, BODY), secrets=secrets) is None


def test_secrets_are_not_in_the_repr() -> None:
    assert TEXT not in repr(make_secret())
    assert "lead" not in repr(make_request(build_headers(TEXT, BODY)))


def test_presets_that_demand_a_timestamp_refuse_requests_without() -> None:
    config = replace(CONFIG, signed_without_timestamp=None)
    verdict = verify(make_request(build_headers(TEXT, BODY)), config, [make_secret()], NOW)
    assert verdict.cause == "timestamp_malformed"


_texts = st.text(max_size=80) | st.sampled_from(
    ["sha256=", sign_body(TEXT, BODY), MILLISECONDS, str(SECONDS), "9" * 16, "\ud800", "\x00"]
)


@given(
    st.dictionaries(
        st.sampled_from([SIGNATURE, TIMESTAMP, "x-amigo-idempotent-key"]) | st.text(max_size=20),
        _texts,
        max_size=5,
    ),
    st.binary(max_size=100),
    st.booleans(),
)
def test_junk_never_raises_and_never_passes(
    headers: dict[str, str], body: bytes, require_timestamp: bool
) -> None:
    cause = find_cause(headers, body + b"!", require_timestamp=require_timestamp)
    assert cause in {"signature_missing", "signature_mismatch", "timestamp_malformed"}


@given(st.binary(max_size=99), st.text(min_size=1, max_size=60), st.none() | st.integers(-300, 300))
def test_whatever_is_signed_in_time_passes(body: bytes, secret: str, seconds: int | None) -> None:
    encodable = secret.encode("utf-8", "replace").decode()
    timestamp = None if seconds is None else str(SECONDS + seconds)
    request_body = b"{" + body
    headers = build_headers(encodable, request_body, timestamp=timestamp)
    assert find_cause(headers, request_body, secrets=[make_secret(encodable)]) is None

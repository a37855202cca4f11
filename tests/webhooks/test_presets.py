"""Every preset against real payloads of its sender, signed by the vendors' own libraries where
there are any. A preset without fixtures fails here.

A fixture is a case of ``manage.py verify_webhook`` with what it must come to as ``want``; its file
is ``fixtures/<preset>/<event>__<case>.json``.
"""

import copy
import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webhooks.providers import PROVIDERS
from webhooks.rules.event_types import is_event_path, reads_header
from webhooks.rules.sources import HEADER
from webhooks.rules.verdicts import Unfetched
from webhooks.services.examination import examine_case

FIXTURES = Path(__file__).parent / "fixtures"
ROOT = Path(__file__).parents[2]
NOW = dt.datetime(2026, 11, 24, 5, 20, tzinfo=dt.UTC)
ALL = sorted(FIXTURES.glob("*/*.json"))
WORDS = (
    *("preset", "verification", "secret", "secrets", "headers", "body", "now", "url", "scheme"),
    *("signature", "signed", "timestamp", "from", "authentication", "fetched", "expect"),
    *("signature_verification", "signed_components", "source"),
)
CAUSES = {
    "config_invalid",
    "signature_missing",
    "signature_mismatch",
    "token_mismatch",
    "timestamp_malformed",
    "timestamp_stale",
    "internal",
}


def load(path: Path) -> dict[str, Any]:
    case: dict[str, Any] = json.loads(path.read_text())
    return case


def refuse(url: str) -> bytes:
    raise Unfetched(url)


def examine(case: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return examine_case({**case, **changes}, now=NOW, fetch=refuse).as_json()


def is_kind(path: Path, *kinds: str) -> bool:
    provider = PROVIDERS[path.parent.name]
    return provider.verification.scheme in kinds


def is_signed(path: Path) -> bool:
    """Is the whole body what is signed?"""
    return is_kind(path, "hmac", "ed25519", "ecdsa_p256") and not (
        path.parent.name == "mailgun" or path.stem.endswith("__challenge")
    )


def name_case(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


SIGNED = [path for path in ALL if is_signed(path)]
VERIFIED = [path for path in ALL if not path.stem.endswith("__challenge")]
STAMPED = [
    path
    for path in SIGNED
    if PROVIDERS[path.parent.name].verification.tolerance_seconds is not None
    and PROVIDERS[path.parent.name].verification.timestamp is not None
    and not path.stem.endswith("__body_only")
]


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_preset_has_fixtures_and_a_guide(name: str) -> None:
    assert list((FIXTURES / name).glob("*__*.json"))
    provider = PROVIDERS[name]
    guide = (ROOT / "docs/senders" / f"{provider.guide}.md").read_text()
    assert guide.startswith(f"# {provider.name}")
    assert len(guide) > 200
    assert name == name.lower()
    assert provider.description.endswith(".")


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_preset_is_complete(name: str) -> None:
    provider = PROVIDERS[name]
    config = provider.verification
    if config.scheme == "hmac":
        is_body_signed = "{body}" in config.signed or "{form_sorted}" in config.signed
        assert is_body_signed is not config.body_unsigned
    assert config.tolerance_seconds is None or 1 <= config.tolerance_seconds <= 3600
    assert all(is_event_path(path) for path in provider.event_type_paths)
    if any(reads_header(path) for path in provider.event_type_paths):
        assert provider.allow_unsigned_event_header
        assert provider.is_digest_deduped or name == "shopify"
    assert provider.on_unaccepted_event in {"reject", "ignore"}
    assert provider.body_format in {"json", "form"}


def test_equal_bodies_are_duplicates_where_nothing_signed_tells_deliveries_apart() -> None:
    assert {name for name, provider in PROVIDERS.items() if provider.is_digest_deduped} == {
        "github",
        "shopify",
        "bitbucket",
        "jira",
        "meta",
        "square",
        "salesforce_ens",
    }


def test_those_who_deliver_lists_have_batches() -> None:
    lists = {name for name, provider in PROVIDERS.items() if provider.batch}
    assert lists == {"hubspot", "sendgrid", "salesforce_ens"}
    for name in lists:
        # Of an element of its own, and of a list's first.
        paths = PROVIDERS[name].event_type_paths
        assert paths == (f"[].{paths[-1]}", paths[-1])


@pytest.mark.parametrize("path", ALL, ids=name_case)
def test_a_genuine_delivery_passes_and_is_read(path: Path) -> None:
    case = load(path)
    answer = examine(case)
    assert answer["cause"] is None, answer
    assert answer["valid"] is True
    expected = {"challenge_response": None, **case["want"]}
    assert {name: answer[name] for name in expected} == expected


@pytest.mark.parametrize("path", ALL, ids=name_case)
def test_the_same_delivery_twice_has_the_same_key(path: Path) -> None:
    case = load(path)
    later = {**case["headers"], "X-Retry": "1"}
    assert examine(case)["delivery_id"] == examine(case, headers=later)["delivery_id"]


@pytest.mark.parametrize("path", SIGNED, ids=name_case)
def test_each_flipped_byte_of_the_body_refuses(path: Path) -> None:
    case = load(path)
    for position, letter in enumerate(case["body"]):
        changed = case["body"][:position] + chr(ord(letter) ^ 1) + case["body"][position + 1 :]
        assert examine(case, body=changed)["valid"] is False, position
    assert examine(case, body=case["body"] + " ")["valid"] is False
    assert examine(case, body=case["body"][:-1])["valid"] is False


@pytest.mark.parametrize("path", VERIFIED, ids=name_case)
def test_each_flipped_letter_of_a_header_that_proves_it_refuses(path: Path) -> None:
    case = load(path)
    config = PROVIDERS[path.parent.name].verification
    source = config.signature
    if "verification" in case:
        names = {"x-shop-signature"}
    elif source is None or source.kind != HEADER:
        return
    else:
        names = set(source.names)
    for name, value in case["headers"].items():
        if name.lower() in names:
            for position in _choose_positions(value, case):
                changed = value[:position] + _swap(value[position]) + value[position + 1 :]
                answer = examine(case, headers={**case["headers"], name: changed})
                assert answer["valid"] is False, (name, position)


def _choose_positions(value: str, case: dict[str, Any]) -> Iterator[int]:
    """All of them, without what names other signatures or is read in any case."""
    end = value.find(",v0=") if case["preset"] == "stripe" else len(value)
    start = len(value.split(" ", 1)[0]) + 1 if value.startswith(("Basic ", "Bearer ")) else 0
    return iter(range(start, end))


def _swap(letter: str) -> str:
    return "B" if letter == "A" else "A"


@pytest.mark.parametrize("path", STAMPED, ids=name_case)
def test_stale_and_future_deliveries_are_refused(path: Path) -> None:
    case = load(path)
    tolerance = PROVIDERS[path.parent.name].verification.tolerance_seconds or 0
    for seconds, is_valid in (
        (-tolerance, True),
        (tolerance, True),
        (-tolerance - 1, False),
        (tolerance + 1, False),
        (86400 * 365, False),
    ):
        answer = examine(case, now=case["now"] + seconds)
        assert answer["valid"] is is_valid, seconds
        assert answer["cause"] == (None if is_valid else "timestamp_stale")


@pytest.mark.parametrize("path", VERIFIED, ids=name_case)
def test_without_or_with_another_secret_nothing_passes(path: Path) -> None:
    case = load(path)
    if "secret" not in case:
        assert examine(case, fetched={})["cause"] == "internal"
        return
    others: tuple[Any, ...] = (None, "", [], "another secret of some length")
    for secret in others:
        assert examine(case, secret=secret)["valid"] is False, secret
    assert examine(case, secret=None)["cause"] == "config_invalid"


@pytest.mark.parametrize("path", VERIFIED, ids=name_case)
def test_an_old_secret_passes_until_it_ends(path: Path) -> None:
    case = load(path)
    if "secret" not in case:
        return
    other = "whsec_" + "QUFB" * 11
    for seconds, is_valid in ((1, True), (0, False), (-1, False)):
        old = {"secret": case["secret"], "expires_at": case["now"] + seconds}
        answer = examine(case, secret=None, secrets=[other, old])
        assert answer["valid"] is is_valid
        assert answer["cause"] == (None if is_valid else "secret_expired")


@pytest.mark.parametrize("path", VERIFIED, ids=name_case)
def test_without_its_headers_nothing_passes(path: Path) -> None:
    case = load(path)
    if not any(name.lower() != "content-type" for name in case["headers"]):
        return
    if path.parent.name == "aws_sns":
        return
    assert examine(case, headers={})["valid"] is False


def _reencode(value: str) -> list[str]:
    return [value.upper(), value.lower(), f" {value}", f"{value} ", f"{value}\n", f'"{value}"', "="]


@pytest.mark.parametrize("path", SIGNED, ids=name_case)
def test_signatures_written_otherwise_are_refused(path: Path) -> None:
    case = load(path)
    config = PROVIDERS[path.parent.name].verification
    names = config.signature.names if config.signature else ("x-shop-signature",)
    for name, value in case["headers"].items():
        if name.lower() not in names:
            continue
        for changed in _reencode(value):
            if changed != value and not (case["preset"] == "stripe" and "v0=" in changed):
                answer = examine(case, headers={**case["headers"], name: changed})
                if not (path.parent.name in {"svix", "composio"} or "webhook-signature" in names):
                    assert answer["valid"] is False, changed


_junk = st.text(max_size=60) | st.sampled_from(
    [
        "",
        "\x00",
        "\ud800",
        "=",
        ",",
        "v1,",
        "t=1,v1=",
        "sha256=",
        "9" * 400,
        "Basic =",
        "Bearer a.b.c",
    ]
)


@settings(max_examples=150)
@given(st.sampled_from(VERIFIED), st.data())
def test_junk_never_raises_and_never_passes(path: Path, data: st.DataObject) -> None:
    case = copy.deepcopy(load(path))
    names = [*case["headers"], "webhook-id", "authorization"]
    for name in data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=4)):
        case["headers"][name] = data.draw(_junk)
    case["body"] = data.draw(_junk | st.just('{"Type":"Notification","Signature":[]}'))
    case["url"] = data.draw(_junk | st.just("https://[::1:99999/?bodySHA256="))
    answer = examine(case)
    # A token vouches for no body: junk beside it passes.
    assert answer["valid"] is False or path not in SIGNED
    assert answer["valid"] or (answer["cause"] in CAUSES and answer["detail"])


@settings(max_examples=150)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(WORDS),
                inner | st.sampled_from(["custom", "header:x", "hmac", "{body}"]),
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_a_case_that_gets_a_verdict(stated: Any) -> None:
    answer = examine_case(stated, now=NOW, fetch=refuse).as_json()
    assert answer["valid"] is False or answer["challenge_response"] is not None
    assert answer["valid"] or answer["cause"] in CAUSES

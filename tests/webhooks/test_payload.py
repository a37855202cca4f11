"""Event types, whitelists, field mappings, and what of the headers is kept."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks.providers import CONFIGS
from webhooks.rules.event_types import read_event_type
from webhooks.rules.payload import check_mapping, is_accepted, map_fields
from webhooks.rules.redaction import REDACTED, redact_headers
from webhooks.rules.verification_checks import check_secret, check_verification

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("payload", "event_type"),
    [
        ({"type": "a", "event_type": "b", "event": "c", "action": "d"}, "a"),
        ({"event_type": "b", "event": "c", "action": "d"}, "b"),
        ({"event": "c", "action": "d"}, "c"),
        ({"action": "d"}, "d"),
        ({"type": "", "event_type": "b"}, "b"),
        ({"type": 7, "event": {"type": "x"}, "action": "d"}, "d"),
        ({"type": None, "event": ["c"], "action": True}, None),
        ({"Type": "a"}, None),
        ({}, None),
        ([{"type": "a"}], None),
        ("type", None),
        (None, None),
        ({"type": "lead created!"}, "lead created!"),
    ],
)
def test_the_event_type_is_the_first_text_of_four_members(
    payload: Any, event_type: str | None
) -> None:
    assert read_event_type(payload) == event_type


@pytest.mark.parametrize(
    ("event_type", "accepted", "is_good"),
    [
        ("lead.created", None, True),
        (None, None, True),
        ("not a type!", None, True),
        ("lead.created", ["lead.created"], True),
        ("lead.created", ["deal.won", "lead.*"], True),
        ("lead.created", ["*"], True),
        ("lead.created", ["lead"], False),
        ("lead.created", ["LEAD.CREATED"], False),
        ("lead.created", [], False),
        (None, ["*"], False),
        ("not a type!", ["*"], False),
        ("x" * 128, ["*"], True),
        ("x" * 129, ["*"], False),
        ("lead.created\n", ["*"], False),
        ("a" * 128, ["*a" * 60 + "b"], False),
    ],
)
def test_a_whitelist_accepts_only_what_it_names(
    event_type: str | None, accepted: list[str] | None, is_good: bool
) -> None:
    assert is_accepted(event_type, accepted) is is_good


PAYLOAD = {"data": {"phone": "+15550100", "tags": ["a", "b"], "none": None}, "n": 0}


@pytest.mark.parametrize(
    ("mapping", "values", "notes"),
    [
        (None, {}, 0),
        ({}, {}, 0),
        ({"phone_to": "data.phone"}, {"phone_to": "+15550100"}, 0),
        ({"phone_to": "$.data.phone"}, {"phone_to": "+15550100"}, 0),
        ({"a.b": "data.tags.1", "a.c": "n"}, {"a": {"b": "b", "c": 0}}, 0),
        ({"all": "$"}, {"all": PAYLOAD}, 0),
        ({"none": "data.none"}, {"none": None}, 0),
        ({"x": "data.missing", "n": "n"}, {"n": 0}, 1),
        ({"x": "data.tags.7"}, {}, 1),
        ({"x": "n.deeper"}, {}, 1),
        ({"a": "n", "a.b": "n"}, {"a": 0}, 1),
        ({"x": "[]"}, {}, 1),
    ],
)
def test_mapped_values_are_copied_and_missing_ones_noted(
    mapping: dict[str, str] | None, values: dict[str, Any], notes: int
) -> None:
    mapped = map_fields(PAYLOAD, mapping)
    assert mapped.values == values
    assert len(mapped.notes) == notes


def test_placeholders_of_a_sender_stay_text() -> None:
    assert map_fields({"x": "{{ trigger.id }}"}, {"y": "x"}).values == {"y": "{{ trigger.id }}"}


@given(_json, st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4))
def test_mapping_never_raises(payload: Any, mapping: dict[str, str]) -> None:
    check_mapping(mapping)
    mapped = map_fields(payload, mapping)
    assert len(mapped.notes) <= len(mapping)


@pytest.mark.parametrize(
    ("mapping", "pointers"),
    [
        ({"phone_to": "data.phone", "a.b": "x", "a.c": "y"}, []),
        ({"": "a"}, ["/field_mapping/"]),
        ({"$": "a"}, ["/field_mapping/$"]),
        ({"a": ""}, ["/field_mapping/a"]),
        ({"a": "b..c"}, ["/field_mapping/a"]),
        ({"a[0]": "b"}, ["/field_mapping/a[0]"]),
        ({"a": "x", "a.b": "y"}, ["/field_mapping/a.b"]),
        ({"a.b": "x", "a": "y"}, ["/field_mapping/a"]),
        ({"a": "x", "$.a": "y"}, ["/field_mapping/$.a"]),
        ({"a/b~c": "x["}, ["/field_mapping/a~1b~0c"]),
        ({f"f{n}": "x" for n in range(101)}, ["/field_mapping"]),
    ],
)
def test_a_bad_mapping_is_named_when_it_is_saved(
    mapping: dict[str, str], pointers: list[str]
) -> None:
    assert [error.pointer for error in check_mapping(mapping)] == pointers


def test_headers_that_let_somebody_in_are_blanked() -> None:
    secret = {
        "authorization": "Bearer abc",
        "proxy-authorization": "Basic abc",
        "cookie": "sessionid=abc",
        "x-api-key": "abc",
        "x-auth-token": "abc",
        "x-trigger-secret": "abc",
        "x-amigo-request-signature": "abc",
        "x-hub-signature-256": "sha256=abc",
        "x-shopify-hmac-sha256": "abc",
        "x-password": "abc",
        "x-session": "abc",
    }
    public = {
        "user-agent": "crm/1.0",
        "content-type": "application/json",
        "x-amigo-request-timestamp": "1795498200000",
        "x-amigo-idempotent-key": "evt-42",
        "x-author": "jo",
    }
    assert redact_headers({**secret, **public}) == {**dict.fromkeys(secret, REDACTED), **public}


def test_headers_are_bounded_and_storable() -> None:
    many = {f"x-{n}": "v" for n in range(500)}
    assert len(redact_headers(many)) == 100
    kept = redact_headers({"x-long": "v" * 5000, "x-nul": "a\x00b", "x-lone": "\ud800"})
    assert len(kept["x-long"]) == 1024
    assert kept["x-nul"] == "a\ufffdb"
    assert kept["x-lone"] == "?"


@pytest.mark.parametrize(
    ("document", "pointers"),
    [
        ({}, []),
        ({"preset": "clockhook"}, []),
        ({"preset": "amigo", "require_timestamp": True, "tolerance_seconds": 3600}, []),
        ({"preset": "none"}, ["/verification/preset"]),
        ({"preset": None}, ["/verification/preset"]),
        ({"preset": ["clockhook"]}, ["/verification/preset"]),
        ({"require_timestamp": "yes"}, ["/verification/require_timestamp"]),
        ({"require_timestamp": 1}, ["/verification/require_timestamp"]),
        ({"tolerance_seconds": 0}, ["/verification/tolerance_seconds"]),
        ({"tolerance_seconds": 3601}, ["/verification/tolerance_seconds"]),
        ({"tolerance_seconds": True}, ["/verification/tolerance_seconds"]),
        ({"tolerance_seconds": 1.5}, ["/verification/tolerance_seconds"]),
        ({"scheme": "none"}, ["/verification/scheme"]),
        ({"a/b": 1, "preset": "x"}, ["/verification/a~1b", "/verification/preset"]),
    ],
)
def test_only_what_is_understood_is_saved(document: dict[str, Any], pointers: list[str]) -> None:
    errors = check_verification(document, presets=CONFIGS)
    assert [error.pointer for error in errors] == pointers


@pytest.mark.parametrize(
    ("secret", "is_good"),
    [("x" * 16, True), ("x" * 15, False), ("é" * 8, True), ("", False), ("x" * 1025, False)],
)
def test_a_secret_is_measured_in_bytes(secret: str, is_good: bool) -> None:
    assert (check_secret(secret) is None) is is_good

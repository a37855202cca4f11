"""Problems, callers, times and ids: pure."""

import datetime as dt
import uuid
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspaces.rules import problems
from workspaces.rules.callers import WORKSPACE_SCOPES, Caller, find_unknown_scopes
from workspaces.rules.ids import parse_id
from workspaces.rules.problems import (
    FieldError,
    ServiceError,
    Unauthorized,
    build_problem,
    escape_pointer,
    refuse_field,
)
from workspaces.rules.times import parse_time, render_time

CONTRACT = {
    "bad_request": 400,
    "unauthorized": 401,
    "payment_required": 402,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "conflict": 409,
    "length_required": 411,
    "payload_too_large": 413,
    "unsupported_media_type": 415,
    "unprocessable_entity": 422,
    "too_many_requests": 429,
    "internal_server_error": 500,
    "service_unavailable": 503,
}


def test_every_code_of_the_contract_has_its_status() -> None:
    kinds = [
        kind
        for kind in vars(problems).values()
        if isinstance(kind, type) and issubclass(kind, ServiceError)
    ]
    assert {kind.code: kind.status for kind in kinds} == CONTRACT


def test_a_problem_has_all_its_members() -> None:
    error = refuse_field("/name", code="blank", detail="name is empty.")
    assert build_problem(error, instance="/v1/x", request_id="r1") == {
        "type": "urn:clockhook:problem:unprocessable_entity",
        "title": "Unprocessable Content",
        "status": 422,
        "detail": "name is empty.",
        "instance": "/v1/x",
        "code": "unprocessable_entity",
        "request_id": "r1",
        "errors": [{"pointer": "/name", "code": "blank", "detail": "name is empty."}],
        "error": {"code": "unprocessable_entity", "message": "name is empty."},
    }


@pytest.mark.parametrize(("seconds", "header"), [(0, "0"), (0.1, "1"), (60, "60"), (-5, "0")])
def test_retry_after_is_in_whole_seconds_and_never_too_early(seconds: float, header: str) -> None:
    error = ServiceError("Wait.", retry_after_seconds=seconds)
    assert error.headers == {"Retry-After": header}


def test_headers_say_how_to_authenticate() -> None:
    assert ServiceError("No.").headers == {}
    assert Unauthorized("No.").headers == {"WWW-Authenticate": "Bearer"}


def test_errors_of_fields_are_kept_as_given() -> None:
    field = FieldError("/a", "b", "c")
    assert ServiceError("No.", errors=[field]).errors == (field,)


def test_tokens_of_pointers_are_escaped() -> None:
    assert escape_pointer("a/b~c") == "a~1b~0c"


def _make_caller(*scopes: str, is_operator: bool = False) -> Caller:
    return Caller("key", "1", uuid.UUID(int=1), frozenset(scopes), is_operator)


@pytest.mark.parametrize("scope", WORKSPACE_SCOPES)
def test_a_scope_opens_itself_alone(scope: str) -> None:
    caller = _make_caller(scope)
    opened = {other for other in WORKSPACE_SCOPES if caller.has_scope(other)}
    assert opened == (set(WORKSPACE_SCOPES) if scope == "*" else {scope})


def test_only_an_operator_has_the_operators_scope() -> None:
    assert not _make_caller("*").has_scope("operator")
    assert not _make_caller("operator").has_scope("operator")
    operator = _make_caller("operator", is_operator=True)
    assert all(operator.has_scope(scope) for scope in (*WORKSPACE_SCOPES, "operator"))


def test_unknown_scopes_are_found() -> None:
    assert find_unknown_scopes(["*", "a", "runs:read", "operator"]) == ["a", "operator"]


def test_a_time_is_written_in_utc() -> None:
    plus_one = dt.timezone(dt.timedelta(hours=1))
    assert render_time(None) is None
    assert render_time(dt.datetime(2026, 1, 1, 1, tzinfo=plus_one)) == "2026-01-01T00:00:00Z"
    fine = dt.datetime(2026, 1, 1, microsecond=500, tzinfo=dt.UTC)
    assert render_time(fine) == "2026-01-01T00:00:00.000500Z"


def test_both_halves_of_an_hour_that_comes_twice_are_told_apart() -> None:
    first = dt.datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    for _ in range(2):
        assert render_time(first) == "2026-10-25T00:30:00Z"
        assert render_time(first.replace(fold=1)) == "2026-10-25T01:30:00Z"


@given(st.datetimes(timezones=st.just(dt.UTC)))
def test_what_is_written_is_read_back(instant: dt.datetime) -> None:
    assert parse_time(render_time(instant) or "") == instant


@given(st.text())
def test_any_other_text_is_refused_by_the_one_error(text: str) -> None:
    try:
        parsed = parse_time(text)
    except ValueError:
        return
    assert parsed.tzinfo is dt.UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-01",
        "2026-01-01T00:00Z",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00+0100",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:60Z",
        "2026-13-01T00:00:00Z",
        "2026-W01-1T00:00:00Z",
        " 2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00Z\n",
        "٢٠٢٦-01-01T00:00:00Z",
        "2026-01-01T00:00:00." + "1" * 33 + "Z",
    ],
)
def test_a_time_that_is_not_rfc_3339_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"time"):
        parse_time(text)


@given(st.uuids())
def test_an_id_is_read_from_its_canonical_form_alone(value: uuid.UUID) -> None:
    assert parse_id(str(value)) == value
    assert parse_id(str(value).upper()) == value
    assert parse_id(value.hex) is None
    assert parse_id(f"urn:uuid:{value}") is None


@given(st.text())
def test_any_other_text_is_no_id(text: str) -> None:
    assert parse_id(text) is None


@pytest.mark.parametrize("kind", [problems.LengthRequired, problems.PayloadTooLarge])
def test_a_body_refused_unread_ends_the_connection(kind: type[ServiceError]) -> None:
    assert kind("Too much.").headers == {"Connection": "close"}

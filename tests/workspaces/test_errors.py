"""Every error has one shape, whoever raises it."""

import json
import logging
from typing import Any
from unittest import mock

import pytest
from django.db import OperationalError, connection
from django.test import Client

from tests.workspaces.conftest import Person
from tests.workspaces.probe_urls import FAULTS

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.workspaces.probe_urls")]

MEMBERS = {
    "type",
    "title",
    "status",
    "detail",
    "instance",
    "code",
    "request_id",
    "errors",
    "error",
}


def _read_problem(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem.keys() >= MEMBERS
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["error"] == {"code": code, "message": problem["detail"]}
    assert problem["request_id"] == response["X-Request-ID"]
    return problem


@pytest.mark.parametrize(
    ("fault", "status", "code", "retry_after"),
    [
        ("operational", 503, "service_unavailable", "1"),
        ("interface", 503, "service_unavailable", "1"),
        ("pool", 503, "service_unavailable", "1"),
        ("conflict", 409, "conflict", None),
        ("throttled", 429, "too_many_requests", "2"),
        ("internal", 500, "internal_server_error", None),
        ("bug", 500, "internal_server_error", None),
        ("suspicious", 400, "bad_request", None),
        ("denied", 403, "forbidden", None),
        ("unauthenticated", 401, "unauthorized", None),
        ("unacceptable", 406, "not_acceptable", None),
        ("drf_throttled", 429, "too_many_requests", "1"),
    ],
)
def test_any_fault_of_a_view_is_a_problem(
    alice: Person, fault: str, status: int, code: str, retry_after: str | None
) -> None:
    path = f"/v1/{alice.workspace.pk}/fault"
    response = alice.client.get(path, {"fault": fault})
    problem = _read_problem(response, status, code)
    assert problem["instance"] == path
    assert response.get("Retry-After") == retry_after
    assert "secret of the house" not in response.content.decode()


def test_a_problem_cannot_lose_its_standard_members_to_its_own(alice: Person) -> None:
    response = alice.client.get(f"/v1/{alice.workspace.pk}/fault", {"fault": "conflict"})
    problem = _read_problem(response, 409, "conflict")
    assert problem["hint"] == "later"
    assert problem["type"] == "urn:clockhook:problem:conflict"


def test_what_nobody_anticipated_is_logged_whole(
    alice: Person, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, logger="workspaces.rest.errors"):
        alice.client.get(f"/v1/{alice.workspace.pk}/fault", {"fault": "bug"})
    assert any(
        record.exc_info and isinstance(record.exc_info[1], KeyError) for record in caplog.records
    )


@pytest.mark.parametrize("fault", FAULTS)
def test_a_plain_view_below_the_api_answers_by_problems_too(fault: str) -> None:
    response = Client(raise_request_exception=False).get(f"/plain/{fault}")
    assert response["Content-Type"] == "application/problem+json"
    assert response.status_code == FAULT_STATUS[fault]
    assert "secret of the house" not in response.content.decode()


FAULT_STATUS = {
    "operational": 503,
    "interface": 503,
    "pool": 503,
    "conflict": 409,
    "throttled": 429,
    "internal": 500,
    "bug": 500,
    "suspicious": 400,
    "denied": 403,
    "unauthenticated": 401,
    "unacceptable": 406,
    "drf_throttled": 429,
}


@pytest.mark.parametrize("path", ["/v1/nowhere", "/v1/workspaces/", "/v1", "/nowhere", "/v1/a/b/c"])
def test_an_unknown_path_is_a_problem(path: str) -> None:
    problem = _read_problem(Client().get(path), 404, "not_found")
    assert problem["instance"] == path


def test_people_in_the_admin_get_pages() -> None:
    client = Client(raise_request_exception=False)
    for path, status in (("broken", 500), ("denied", 403), ("odd", 400)):
        response = client.get(f"/admin/{path}")
        assert response.status_code == status
        assert response["Content-Type"].startswith("text/html")
    assert client.get("/static/nowhere.css")["Content-Type"].startswith("text/html")


def test_a_request_id_is_accepted_and_echoed(alice: Person) -> None:
    path = f"/v1/{alice.workspace.pk}/probe"
    for given in ("abc-123", "x" * 128, "!~"):
        response = alice.client.get(path, headers={"X-Request-ID": given})
        assert response["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a\tb", "é", "\x7f", "a\x00"])
def test_a_request_id_that_is_not_sane_is_replaced(given: str) -> None:
    response = Client().get("/v1/nowhere", headers={"X-Request-ID": given})
    assert response["X-Request-ID"] not in {"", given}
    assert len(response["X-Request-ID"]) == 36


def _post(person: Person, body: bytes, **options: Any) -> Any:
    options.setdefault("content_type", "application/json")
    return person.client.post(f"/v1/{person.workspace.pk}/probe", body, **options)


@pytest.mark.parametrize("value", [{"a": [1, None]}, [], None, 5, "text"])
def test_any_json_is_read(alice: Person, value: object) -> None:
    assert _post(alice, json.dumps(value).encode()).json() == {"body": value}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "syntax"),
        (b"{'a': 1}", "syntax"),
        (b'{"a": NaN}', "syntax"),
        (b'{"a": 1, "a": 2}', "duplicate_key"),
        (b'{"a": "\xff"}', "not_utf8"),
        (b"[" * 10_000, "too_deep"),
    ],
)
def test_a_body_that_is_not_well_formed_is_400(alice: Person, body: bytes, reason: str) -> None:
    problem = _read_problem(_post(alice, body), 400, "bad_request")
    assert problem["errors"][0]["code"] == reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"a": 1e999}', "number_out_of_range"),
        (b'{"a": 100000000000000000000}', "number_out_of_range"),
        (b'{"a": "\\u0000"}', "unstorable_text"),
        (b'{"a": "\\ud800"}', "unstorable_text"),
    ],
)
def test_a_well_formed_value_that_nothing_takes_is_422(
    alice: Person, body: bytes, reason: str
) -> None:
    problem = _read_problem(_post(alice, body), 422, "unprocessable_entity")
    assert problem["errors"][0]["code"] == reason


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_a_body_of_another_type_is_415(alice: Person, content_type: str) -> None:
    response = _post(alice, b'{"a": 1}', content_type=content_type)
    _read_problem(response, 415, "unsupported_media_type")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "APPLICATION/JSON"])
def test_json_may_be_named_in_any_spelling(alice: Person, content_type: str) -> None:
    assert _post(alice, b'{"a": 1}', content_type=content_type).json() == {"body": {"a": 1}}


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/json", "multipart/form-data"]
)
def test_no_body_is_an_empty_object_whatever_its_type(alice: Person, content_type: str) -> None:
    assert _post(alice, b"", content_type=content_type).json() == {"body": {}}


def test_a_body_over_one_mebibyte_is_413(alice: Person) -> None:
    padding = b" " * (1024 * 1024 - 2)
    assert _post(alice, b"{}" + padding).status_code == 200
    refused = _post(alice, b"{} " + padding)
    _read_problem(refused, 413, "payload_too_large")
    assert refused.headers["Connection"] == "close"


def test_a_body_without_a_length_is_411(alice: Person) -> None:
    response = alice.client.generic(
        "POST",
        f"/v1/{alice.workspace.pk}/probe",
        headers={"Transfer-Encoding": "chunked", "Content-Type": "application/json"},
    )
    _read_problem(response, 411, "length_required")
    assert response.headers["Connection"] == "close"


def test_other_answers_leave_the_connection_open(alice: Person) -> None:
    for response in (_post(alice, b"{}"), _post(alice, b"{")):
        assert "Connection" not in response.headers


def test_answers_are_json_whatever_is_accepted(alice: Person) -> None:
    for accepted in ("text/html", "application/xml", "nonsense", "*/*", ""):
        path = f"/v1/{alice.workspace.pk}/probe"
        response = alice.client.get(path, headers={"Accept": accepted})
        assert response.status_code == 200
        assert response["Content-Type"] == "application/json"


def test_while_postgres_is_away_every_key_is_answered_by_503(alice: Person) -> None:
    with mock.patch.object(connection, "cursor", side_effect=OperationalError("at 10.0.0.1")):
        response = alice.client.get(f"/v1/{alice.workspace.pk}/probe")
    _read_problem(response, 503, "service_unavailable")
    assert response["Retry-After"] == "1"
    assert "10.0.0.1" not in response.content.decode()

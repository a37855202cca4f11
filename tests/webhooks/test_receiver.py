"""The public door: which requests get in, in which order they are checked, and what is answered."""

import json
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from events.models import Event
from runs.models import Run
from tests.webhooks.conftest import LEAD, Sender, build_path, read_only_delivery
from tests.webhooks.factories import SECRET, DestinationFactory
from tests.webhooks.signing import build_headers, sign_body
from triggers.models import Fire
from webhooks.models import DedupeKey, Delivery, Destination
from workspaces.models import Workspace
from workspaces.services import new_id

pytestmark = pytest.mark.django_db

ANSWER_MEMBERS = {
    "event_id",
    "fired_event_id",
    "destination_id",
    "trigger_id",
    "run_id",
    "status",
}


def expect_problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    problem: dict[str, Any] = answer.json()
    assert answer.status_code == status, problem
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    return problem


def assert_nothing_fired() -> None:
    assert not Fire.objects.exists()
    assert not Run.objects.exists()
    assert not DedupeKey.objects.exists()
    assert not Event.objects.filter(event_type="trigger.fired").exists()


def test_a_signed_delivery_fires_its_trigger_and_names_everything(
    sender: Sender, destination: Destination
) -> None:
    answer = sender.post(destination, key="evt-1")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    assert set(body) == ANSWER_MEMBERS
    assert body["status"] == "fired"
    assert body["destination_id"] == str(destination.pk)
    assert body["trigger_id"] == str(destination.trigger_id)
    run = Run.objects.get()
    assert (body["run_id"], body["fired_event_id"]) == (str(run.id), str(run.fired_event_id))
    assert run.triggered_by == f"webhook:{destination.pk}"
    fire = Fire.objects.get()
    delivery = read_only_delivery(destination)
    assert (fire.key, fire.outcome, fire.run_id) == (f"webhook:{delivery.id}", "fired", run.id)


def test_the_delivery_holds_what_came_and_what_became_of_it(
    sender: Sender, destination: Destination
) -> None:
    body = sender.post(destination, key="evt-1").json()
    delivery = read_only_delivery(destination)
    run = Run.objects.get()
    assert (delivery.status, delivery.cause, delivery.http_status) == ("accepted", None, 200)
    assert (delivery.event_type, str(delivery.event_id)) == ("webhook.received", body["event_id"])
    assert delivery.payload_event_type == "lead.created"
    assert delivery.dedupe_key == "evt-1"
    assert (delivery.run_id, delivery.fired_event_id) == (run.id, run.fired_event_id)
    assert delivery.fire_id == Fire.objects.get().id
    assert delivery.input == run.input
    assert delivery.body_size == len(json.dumps(LEAD))
    assert delivery.duration_ms > 0
    assert delivery.workspace_id == destination.workspace_id


def test_the_deliverys_event_is_a_chain_of_its_own_that_names_the_fire(
    sender: Sender, destination: Destination
) -> None:
    body = sender.post(destination).json()
    event = Event.objects.get(event_type="webhook.received")
    fired = Event.objects.get(event_type="trigger.fired")
    delivery = read_only_delivery(destination)
    assert (event.source, event.entity_type, event.entity_id) == (
        "WEBHOOK",
        "delivery",
        delivery.id,
    )
    assert event.chain_id == event.id == UUID(body["event_id"])
    assert fired.chain_id == fired.id == UUID(body["fired_event_id"])
    assert event.data == delivery.event_data
    assert event.data["fired_event_id"] == body["fired_event_id"]
    assert event.data["run_id"] == body["run_id"]
    assert event.data["fire_id"] == str(delivery.fire_id)
    assert fired.data["triggered_by"] == f"webhook:{destination.pk}"
    assert (event.destination_id, event.delivery_id) == (destination.pk, delivery.id)


@pytest.mark.parametrize("has_workspace", [True, False])
def test_both_addresses_lead_to_the_destination(
    sender: Sender, destination: Destination, has_workspace: bool
) -> None:
    path = build_path(destination) if has_workspace else f"/v1/hooks/{destination.pk}"
    assert sender.post(destination, path=path).status_code == 200


def test_r2_the_bell_rings_only_after_the_commit(
    sender: Sender,
    destination: Destination,
    rings: list[str],
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        sender.post(destination)
        assert rings == []
    assert rings == ["instant"]


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
def test_other_methods_are_refused_before_anything_is_looked_up(
    sender: Sender, destination: Destination, method: str, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        answer = getattr(sender.client, method)(build_path(destination))
    expect_problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "POST"
    assert not Delivery.objects.exists()


def test_get_is_refused_after_the_destination_was_found(
    sender: Sender, destination: Destination
) -> None:
    answer = sender.client.get(build_path(destination))
    expect_problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "POST"
    assert sender.client.head(build_path(destination)).status_code == 405
    assert sender.client.get(f"/v1/hooks/{new_id()}").status_code == 404
    assert not Delivery.objects.exists()


@pytest.mark.parametrize(
    "path",
    [
        "/v1/hooks/{unknown}",
        "/v1/hooks/garbage",
        "/v1/hooks/%00",
        "/v1/hooks/{{{id}}}",
        "/v1/hooks/{hex}",
        "/v1/hooks/urn:uuid:{id}",
        "/v1/{unknown}/hooks/{id}",
        "/v1/garbage/hooks/{id}",
        "/v1/{other}/hooks/{id}",
    ],
)
def test_what_is_not_the_destinations_address_is_one_404(
    sender: Sender, destination: Destination, path: str
) -> None:
    filled = path.format(
        id=destination.pk,
        hex=destination.pk.hex,
        unknown=new_id(),
        other=DestinationFactory().workspace_id,
    )
    problem = expect_problem(sender.post(destination, path=filled), 404, "not_found")
    assert problem["detail"] == "There is no such webhook destination."
    assert not Delivery.objects.exists()
    assert_nothing_fired()


def test_a_path_with_a_trailing_slash_is_no_door(sender: Sender, destination: Destination) -> None:
    answer = sender.post(destination, path=f"{build_path(destination)}/")
    assert answer.status_code == 404
    assert_nothing_fired()


def test_an_inactive_destination_answers_as_an_unknown_one_and_tells_its_owner(
    sender: Sender,
) -> None:
    destination = DestinationFactory(is_active=False)
    problem = expect_problem(sender.post(destination), 404, "not_found")
    assert problem["detail"] == "There is no such webhook destination."
    delivery = read_only_delivery(destination)
    assert (delivery.status, delivery.cause) == ("rejected", "destination_inactive")
    assert_nothing_fired()
    assert sender.client.get(build_path(destination)).status_code == 404
    assert Delivery.objects.count() == 1


def test_a_destination_of_an_archived_workspace_answers_as_an_inactive_one(
    sender: Sender, destination: Destination
) -> None:
    Workspace.objects.filter(id=destination.workspace_id).update(archived_at=timezone.now())
    expect_problem(sender.post(destination), 404, "not_found")
    assert read_only_delivery(destination).cause == "destination_inactive"
    assert_nothing_fired()


R6_CASES = {
    "no signature": ({}, "signature_missing"),
    "a wrong signature": ({"x-amigo-request-signature": "0" * 64}, "signature_mismatch"),
    "no hex": ({"x-amigo-request-signature": "signature"}, "signature_mismatch"),
    "a foreign secret": (build_headers("whsec_foreign-secret", b"{}"), "signature_mismatch"),
    "an altered body": (build_headers(SECRET, b"{ }"), "signature_mismatch"),
    "a stale timestamp": (
        build_headers(SECRET, b"{}", timestamp="1700000000000"),
        "timestamp_stale",
    ),
    "a future timestamp": (
        build_headers(SECRET, b"{}", timestamp="9999999999999"),
        "timestamp_stale",
    ),
    "a junk timestamp": (build_headers(SECRET, b"{}", timestamp="soon"), "timestamp_malformed"),
}


@pytest.mark.parametrize("case", R6_CASES)
def test_r6_a_forged_request_fires_nothing_learns_nothing_and_is_on_the_ledger(
    sender: Sender, destination: Destination, case: str
) -> None:
    headers, cause = R6_CASES[case]
    answer = sender.post(destination, b"{}", headers={**headers, "x-amigo-idempotent-key": "k"})
    problem = expect_problem(answer, 401, "unauthorized")
    del problem["request_id"], problem["instance"]
    assert problem == {
        "type": "urn:clockhook:problem:unauthorized",
        "title": "Unauthorized",
        "status": 401,
        "detail": "The request is not signed as this destination requires.",
        "code": "unauthorized",
        "errors": [],
        "error": {
            "code": "unauthorized",
            "message": "The request is not signed as this destination requires.",
        },
    }
    delivery = read_only_delivery(destination)
    assert (delivery.status, delivery.cause, delivery.http_status) == ("rejected", cause, 401)
    event = Event.objects.get()
    assert (event.event_type, event.data["cause"]) == ("webhook.rejected", cause)
    assert (event.id, event.chain_id) == (delivery.event_id, delivery.event_id)
    assert_nothing_fired()


def test_r6_a_destination_without_a_secret_refuses(sender: Sender) -> None:
    destination = DestinationFactory(secret="")
    expect_problem(sender.post(destination), 401, "unauthorized")
    assert read_only_delivery(destination).cause == "config_invalid"


def test_r6_a_destination_whose_verification_nobody_understands_refuses(sender: Sender) -> None:
    destination = DestinationFactory(verification={"preset": "from_the_future"})
    expect_problem(sender.post(destination), 401, "unauthorized")
    assert read_only_delivery(destination).cause == "config_invalid"


def test_r6_a_secret_that_cannot_be_decrypted_refuses(
    sender: Sender, destination: Destination, settings: Any
) -> None:
    destination.secrets.update(ciphertext=b"not encrypted by any key")
    expect_problem(sender.post(destination), 401, "unauthorized")
    assert read_only_delivery(destination).cause == "config_invalid"


def test_r6_a_failure_inside_verification_refuses(
    sender: Sender, destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: Any) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("webhooks.services.proving.verify", explode)
    expect_problem(sender.post(destination), 401, "unauthorized")
    assert read_only_delivery(destination).cause == "internal"
    assert_nothing_fired()


def test_require_timestamp_holds_at_the_door(sender: Sender) -> None:
    destination = DestinationFactory(verification={"require_timestamp": True})
    expect_problem(sender.post(destination), 401, "unauthorized")
    assert read_only_delivery(destination).cause == "timestamp_malformed"


def test_the_signature_is_checked_before_the_body_is_understood(
    sender: Sender, destination: Destination
) -> None:
    answer = sender.post(destination, b"{broken", headers={})
    expect_problem(answer, 401, "unauthorized")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "syntax"),
        (b"a=1&b=2", "syntax"),
        (b'{"a": 1, "a": 2}', "duplicate_key"),
        (b'{"a": 1e999}', "number_out_of_range"),
        (b'{"a": "\\u0000"}', "unstorable_text"),
        (b"\xff", "not_utf8"),
        (b"[" * 100_000, "too_deep"),
    ],
)
def test_a_signed_body_that_is_no_json_is_a_400(
    sender: Sender, destination: Destination, body: bytes, code: str
) -> None:
    problem = expect_problem(sender.post(destination, body, key="k"), 400, "bad_request")
    assert problem["errors"][0]["code"] == code
    delivery = read_only_delivery(destination)
    assert (delivery.status, delivery.cause) == ("rejected", "unparsable")
    assert_nothing_fired()


def test_the_content_type_decides_nothing(sender: Sender, destination: Destination) -> None:
    body = json.dumps(LEAD).encode()
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = sender.client.post(
            build_path(destination),
            body,
            content_type=content_type,
            headers=build_headers(SECRET, body),
        )
        assert answer.status_code == 200, content_type


def test_django_demands_no_csrf_token(destination: Destination) -> None:
    sender = Sender(Client(enforce_csrf_checks=True))
    assert sender.post(destination).status_code == 200


@pytest.mark.parametrize(
    "payload",
    [{"type": "deal.won"}, {}, {"type": "lead created"}, {"type": "x" * 129}, [LEAD], "lead", None],
)
def test_an_event_type_that_is_not_accepted_is_a_422(sender: Sender, payload: Any) -> None:
    destination = DestinationFactory(accepted_event_types=["lead.*"])
    problem = expect_problem(
        sender.post(destination, payload, key="k"), 422, "unprocessable_entity"
    )
    assert problem["errors"][0]["code"] == "event_type_not_accepted"
    delivery = read_only_delivery(destination)
    assert (delivery.status, delivery.cause) == ("rejected", "event_type_not_accepted")
    assert_nothing_fired()


@pytest.mark.parametrize("payload", [LEAD, {}, {"type": "any thing"}, [1], "text", 5, None])
def test_without_a_whitelist_every_payload_fires(
    sender: Sender, destination: Destination, payload: Any
) -> None:
    assert sender.post(destination, payload).status_code == 200
    expected = "lead.created" if payload == LEAD else None
    assert read_only_delivery(destination).payload_event_type == expected


def test_junk_in_every_header_is_a_4xx(sender: Sender, destination: Destination) -> None:
    for junk in ("\x7f" * 9000, "é", "', DROP TABLE", "\ud7ff", "%00", "{{7*7}}"):
        for name in (
            "x-amigo-request-signature",
            "x-amigo-request-timestamp",
            "x-amigo-idempotent-key",
            "content-length-x",
            "user-agent",
        ):
            answer = sender.post(destination, headers={name: junk})
            assert answer.status_code == 401, (name, junk)


def test_no_secret_is_stored_with_a_delivery_or_its_event(
    sender: Sender, destination: Destination
) -> None:
    body = json.dumps(LEAD).encode()
    headers = {
        **build_headers(SECRET, body, key="evt-1"),
        "Authorization": "Bearer abcdefghij",
        "Cookie": "sessionid=abcdefghij",
    }
    assert sender.post(destination, headers=headers).status_code == 200
    delivery = read_only_delivery(destination)
    stored = json.dumps([delivery.headers, delivery.event_data, delivery.input])
    for secret in (SECRET, sign_body(SECRET, body), "abcdefghij"):
        assert secret not in stored
    assert b"lead" not in bytes(delivery.body or b"")
    assert delivery.headers["x-amigo-idempotent-key"] == "evt-1"


def test_an_accepted_delivery_takes_a_known_number_of_queries(
    sender: Sender, destination: Destination, django_assert_max_num_queries: Any
) -> None:
    sender.post(destination, key="first")
    with django_assert_max_num_queries(13):
        assert sender.post(destination, key="second").status_code == 200

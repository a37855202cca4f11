"""A request tried at a destination, without a trace."""

import base64
import json
from typing import Any
from uuid import uuid4

import pytest

from events.models import Event
from runs.models import Run
from tests.webhooks.conftest import LEAD, Person, make_person
from tests.webhooks.factories import SECRET, DestinationFactory
from tests.webhooks.signing import build_headers
from triggers.models import Fire
from webhooks.models import DedupeKey, Delivery, Destination

pytestmark = pytest.mark.django_db

BODY = json.dumps(LEAD)


def attempt(person: Person, destination: Destination, **body: Any) -> dict[str, Any]:
    answer = person.send("post", f"webhook-destinations/{destination.pk}/test", body)
    assert answer.status_code == 200, answer.json()
    trial: dict[str, Any] = answer.json()
    return trial


def list_steps(trial: dict[str, Any]) -> list[tuple[str, bool]]:
    return [(step["step"], step["ok"]) for step in trial["steps"]]


def test_a_signed_request_passes_every_step_and_leaves_nothing(
    alice: Person, destination: Destination, rings: list[str]
) -> None:
    before = Event.objects.count()
    trial = attempt(
        alice, destination, body=BODY, headers=build_headers(SECRET, BODY.encode(), key="k")
    )
    assert (trial["status"], trial["cause"]) == ("fired", None)
    assert trial["event_type"] == "lead.created"
    assert list_steps(trial) == [
        (name, True)
        for name in (
            "verify",
            "parse",
            "event_type",
            "input_schema",
            "output_transform",
            "event_filter",
            "input",
        )
    ]
    assert trial["input"] == {}
    for model in (Run, Fire, Delivery, DedupeKey):
        assert not model._default_manager.exists()
    assert Event.objects.count() == before
    assert rings == []


def test_a_bad_signature_does_not_end_the_trial(alice: Person, destination: Destination) -> None:
    trial = attempt(alice, destination, payload=LEAD)
    assert (trial["status"], trial["cause"]) == ("rejected", "signature_missing")
    assert list_steps(trial)[0] == ("verify", False)
    assert list_steps(trial)[-1] == ("input", True)


@pytest.mark.parametrize(
    ("options", "payload", "status", "cause", "last"),
    [
        (
            {"accepted_event_types": ["a"]},
            LEAD,
            "rejected",
            "event_type_not_accepted",
            "event_type",
        ),
        (
            {"accepted_event_types": ["a"], "on_unaccepted_event": "ignore"},
            LEAD,
            "ignored",
            "event_type_not_accepted",
            "event_type",
        ),
        ({"input_schema": {"type": "array"}}, LEAD, "rejected", "schema_invalid", "input_schema"),
        (
            {"output_transform": {"jmespath": "abs(data)"}},
            LEAD,
            "rejected",
            "transform_failed",
            "output_transform",
        ),
        (
            {"trigger__event_filter": {"data.id": "other"}},
            LEAD,
            "filtered",
            "filter_miss",
            "event_filter",
        ),
        ({"trigger__is_active": False}, LEAD, "filtered", "trigger_paused", "event_filter"),
        (
            {"trigger__action__input_schema": {"required": ["phone"]}},
            LEAD,
            "rejected",
            "input_invalid",
            "input",
        ),
    ],
)
def test_the_step_that_fails_says_why(
    options: dict[str, Any], payload: Any, status: str, cause: str, last: str
) -> None:
    destination = DestinationFactory.create(**options)
    body = json.dumps(payload)
    trial = attempt(
        make_person(destination.workspace, "destinations:write"),
        destination,
        body_base64=base64.b64encode(body.encode()).decode(),
        headers=build_headers(SECRET, body.encode()),
    )
    assert (trial["status"], trial["cause"]) == (status, cause)
    assert list_steps(trial)[-1] == (last, False)
    assert trial["steps"][-1]["detail"]
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/payload"),
        ({"payload": 1, "body": "x"}, "/payload"),
        ({"body_base64": "%%"}, "/body_base64"),
        ({"body": 5}, "/body"),
        ({"payload": 1, "headers": {"a": 1}}, "/headers/a"),
        ({"payload": 1, "colour": "red"}, "/colour"),
    ],
)
def test_garbage_names_its_field(
    alice: Person, destination: Destination, body: dict[str, Any], pointer: str
) -> None:
    answer = alice.send("post", f"webhook-destinations/{destination.pk}/test", body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_strangers_and_readers_try_nothing(
    alice: Person, charlie: Person, destination: Destination
) -> None:
    path = f"webhook-destinations/{destination.pk}/test"
    assert charlie.send("post", path, {"payload": 1}).status_code == 404
    reader = make_person(destination.workspace, "destinations:read")
    assert reader.send("post", path, {"payload": 1}).status_code == 403
    unknown = f"webhook-destinations/{uuid4()}/test"
    assert alice.send("post", unknown, {"payload": 1}).status_code == 404

"""A delivery that is a list: one fire per element, all of them or none."""

import base64
import hashlib
import hmac
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client

from events.models import Event
from runs.models import Run
from tests.webhooks.conftest import LEAD, Person, Sender, build_path, make_person
from tests.webhooks.factories import SECRET, DestinationFactory, add_secret
from tests.webhooks.test_outcomes import make_destination
from triggers.models import Fire
from webhooks.models import DedupeKey, Delivery, Destination
from webhooks.rules.body_options import MAX_ELEMENTS
from webhooks.rules.received import ReceivedRequest
from webhooks.services import batches
from webhooks.services.currency import find_target
from webhooks.services.delivery_keys import list_delivery_keys, list_element_keys

pytestmark = pytest.mark.django_db


def make_leads(*ids: str, **more: Any) -> list[dict[str, Any]]:
    return [{"type": "lead.created", "id": id_, **more} for id_ in ids]


def make_batch_destination(**options: Any) -> Destination:
    return make_destination(batch=True, field_mapping={"lead": "id"}, **options)


def list_statuses(answer: dict[str, Any]) -> list[str]:
    return [element["status"] for element in answer["elements"]]


def read_delivery(destination: Destination, **filters: Any) -> Delivery:
    return Delivery.objects.get(destination_id=destination.pk, **filters)


def test_each_element_fires_and_the_delivery_names_them_all(sender: Sender) -> None:
    destination = make_batch_destination()
    answer = sender.post(destination, make_leads("a", "b", "c"), key="k-1").json()
    assert (answer["status"], list_statuses(answer)) == ("fired", ["fired"] * 3)
    assert answer["run_id"] == answer["elements"][0]["run_id"]
    assert answer["fired_event_id"] == answer["elements"][0]["fired_event_id"]
    runs = {str(run.id): run for run in Run.objects.all()}
    assert [runs[one["run_id"]].input for one in answer["elements"]] == [
        {"lead": "a"},
        {"lead": "b"},
        {"lead": "c"},
    ]
    delivery = read_delivery(destination)
    assert str(delivery.event_id) == answer["event_id"]
    assert (delivery.status, delivery.dedupe_key) == ("accepted", "k-1")
    assert delivery.elements is not None
    assert [one["dedupe_key"] for one in delivery.elements] == ["k-1#0", "k-1#1", "k-1#2"]
    keys = set(Fire.objects.values_list("key", flat=True))
    assert keys == {f"webhook:{delivery.id}#{index}" for index in range(3)}
    received = Event.objects.get(id=answer["event_id"])
    assert received.data["elements"] == {"total": 3, "fired": 3}
    fired = Event.objects.get(id=answer["elements"][2]["fired_event_id"])
    assert (fired.data["element"], fired.delivery_id) == (2, delivery.id)


def test_a_single_event_is_answered_as_ever(sender: Sender) -> None:
    destination = make_batch_destination()
    answer = sender.post(destination, LEAD).json()
    assert set(answer) == {
        "event_id",
        "fired_event_id",
        "destination_id",
        "trigger_id",
        "run_id",
        "status",
    }
    assert read_delivery(destination).elements is None


def test_without_the_option_a_list_is_one_payload(sender: Sender) -> None:
    destination = make_destination(field_mapping={"lead": "1.id"})
    answer = sender.post(destination, make_leads("a", "b")).json()
    assert (answer["status"], "elements" in answer) == ("fired", False)
    assert Run.objects.get().input == {"lead": "b"}


def test_a_batch_that_comes_again_is_a_duplicate_with_the_first_ids(sender: Sender) -> None:
    destination = make_batch_destination()
    first = sender.post(destination, make_leads("a", "b"), key="k-1").json()
    again = sender.post(destination, make_leads("a", "b"), key="k-1")
    assert again.status_code == 200
    body = again.json()
    assert (body["status"], list_statuses(body)) == ("duplicate", ["duplicate"] * 2)
    for member in ("event_id", "fired_event_id", "run_id"):
        assert body[member] == first[member]
    for one, other in zip(body["elements"], first["elements"], strict=True):
        assert (one["run_id"], one["fired_event_id"]) == (other["run_id"], other["fired_event_id"])
    original = read_delivery(destination, status="accepted")
    assert read_delivery(destination, status="duplicate").duplicate_of == original.id
    assert Run.objects.count() == 2
    assert Event.objects.get(event_type="webhook.duplicate").data["first_event_id"] == str(
        original.event_id
    )


def test_without_any_name_two_equal_batches_are_two(sender: Sender) -> None:
    destination = make_batch_destination()
    for _ in range(2):
        assert list_statuses(sender.post(destination, make_leads("a", "a")).json()) == ["fired"] * 2
    assert Run.objects.count() == 4
    assert not DedupeKey.objects.exists()


def test_elements_with_names_are_known_again_in_any_batch(sender: Sender) -> None:
    destination = make_batch_destination(dedupe={"key": "body:id"})
    first = sender.post(destination, make_leads("a", "b", "a")).json()
    assert list_statuses(first) == ["fired", "fired", "duplicate"]
    assert first["elements"][2]["run_id"] == first["elements"][0]["run_id"]
    second = sender.post(destination, make_leads("b", "c")).json()
    assert (second["status"], list_statuses(second)) == ("fired", ["duplicate", "fired"])
    assert second["elements"][0]["run_id"] == first["elements"][1]["run_id"]
    assert second["run_id"] == second["elements"][1]["run_id"]
    assert Run.objects.count() == DedupeKey.objects.count() == 3


def test_a_digest_makes_the_same_batch_a_duplicate(sender: Sender) -> None:
    destination = make_batch_destination(dedupe={"key": "digest"})
    statuses = [sender.post(destination, make_leads("a", "a")).json() for _ in range(2)]
    assert [list_statuses(one) for one in statuses] == [["fired"] * 2, ["duplicate"] * 2]


@pytest.mark.parametrize(
    ("options", "bad", "pointer", "cause"),
    [
        (
            {"accepted_event_types": ["lead.*"]},
            {"type": "deal.won"},
            "/1",
            "event_type_not_accepted",
        ),
        ({"input_schema": {"required": ["id"]}}, {"type": "x"}, "/1/id", "schema_invalid"),
        (
            {"input_schema": {"properties": {"id": {"type": "string"}}}},
            {"id": 7},
            "/1/id",
            "schema_invalid",
        ),
        (
            {"output_transform": {"jmespath": "{id: id, n: abs(n)}"}},
            {"n": "x"},
            "/1",
            "transform_failed",
        ),
        (
            {"action": {"input_schema": {"properties": {"lead": {"type": "string"}}}}},
            {"id": 7},
            "/1/lead",
            "input_invalid",
        ),
    ],
)
def test_one_element_that_is_refused_refuses_them_all(
    sender: Sender, options: dict[str, Any], bad: Any, pointer: str, cause: str
) -> None:
    destination = make_batch_destination(**options)
    good = make_leads("a", "b", n=1)
    answer = sender.post(destination, [good[0], bad, good[1]], key="k-1")
    assert answer.status_code == 422, answer.json()
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert "Element 1" in answer.json()["detail"]
    delivery = read_delivery(destination)
    assert (delivery.status, delivery.cause, delivery.elements) == ("rejected", cause, None)
    for model in (Run, Fire, DedupeKey):
        assert not model._default_manager.exists()
    # The sender's next attempt, mended, passes under the same key.
    assert sender.post(destination, good, key="k-1").json()["status"] == "fired"


def test_what_is_ignored_or_filtered_does_not_hold_up_the_others(sender: Sender) -> None:
    destination = make_batch_destination(
        accepted_event_types=["lead.*"],
        on_unaccepted_event="ignore",
        trigger__event_filter={"is_hot": True},
    )
    payload = [
        {"type": "deal.won", "id": "x"},
        *make_leads("cold", is_hot=False),
        *make_leads("hot", is_hot=True),
        {"id": "untyped"},
    ]
    answer = sender.post(destination, payload, key="k-1").json()
    assert (answer["status"], list_statuses(answer)) == (
        "fired",
        ["ignored", "filtered", "fired", "ignored"],
    )
    assert [one["cause"] for one in answer["elements"]] == [
        "event_type_not_accepted",
        "filter_miss",
        None,
        "event_type_not_accepted",
    ]
    assert answer["run_id"] == answer["elements"][2]["run_id"]
    # Only what fired keeps its key.
    assert DedupeKey.objects.count() == 1
    assert read_delivery(destination).status == "accepted"


@pytest.mark.parametrize(
    ("options", "status", "cause"),
    [
        ({"trigger__is_active": False}, "filtered", "trigger_paused"),
        ({"action": {"enabled": False}}, "filtered", "action_disabled"),
        (
            {"accepted_event_types": ["a"], "on_unaccepted_event": "ignore"},
            "ignored",
            "event_type_not_accepted",
        ),
    ],
)
def test_a_batch_of_which_nothing_fires_says_why(
    sender: Sender, options: dict[str, Any], status: str, cause: str
) -> None:
    destination = make_batch_destination(**options)
    answer = sender.post(destination, make_leads("a", "b"), key="k-1").json()
    assert (answer["status"], list_statuses(answer)) == (status, [status] * 2)
    assert (answer["run_id"], answer["fired_event_id"]) == (None, None)
    assert (answer["event_id"] is None) is (status == "ignored")
    delivery = read_delivery(destination)
    assert (delivery.status, delivery.cause) == (status, cause)
    assert not Run.objects.exists()
    assert not DedupeKey.objects.exists()


def test_an_empty_batch_is_ignored(sender: Sender) -> None:
    destination = make_batch_destination()
    answer = sender.post(destination, [], key="k")
    assert (answer.status_code, answer.json()["status"]) == (200, "ignored")
    assert answer.json()["elements"] == []
    delivery = read_delivery(destination)
    assert (delivery.status, delivery.cause) == ("ignored", "batch_empty")


def test_a_batch_with_too_many_elements_is_refused(sender: Sender) -> None:
    destination = make_batch_destination()
    answer = sender.post(destination, [1] * (MAX_ELEMENTS + 1))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "batch_too_large"
    assert str(MAX_ELEMENTS) in answer.json()["detail"]
    assert read_delivery(destination).cause == "batch_too_large"
    assert not Run.objects.exists()


def test_a_whole_thousand_fires_in_a_number_of_queries_that_does_not_grow(
    sender: Sender, django_assert_max_num_queries: Any
) -> None:
    destination = make_batch_destination(dedupe={"key": "body:id"})
    with django_assert_max_num_queries(25):
        leads = make_leads(*(str(number) for number in range(MAX_ELEMENTS)))
        answer = sender.post(destination, leads).json()
    assert set(list_statuses(answer)) == {"fired"}
    assert Run.objects.count() == DedupeKey.objects.count() == MAX_ELEMENTS


def test_elements_may_be_any_json(sender: Sender) -> None:
    destination = make_destination(batch=True)
    answer = sender.post(destination, [1, None, "x", [], {}, [{"type": "a"}]]).json()
    assert list_statuses(answer) == ["fired"] * 6


def test_the_template_reads_one_element_and_its_place(sender: Sender) -> None:
    template = {"lead": "{{ payload.id }}", "place": "{{ event.element }}"}
    destination = make_destination(batch=True, trigger__input_template=template)
    sender.post(destination, make_leads("a", "b"))
    inputs = Run.objects.order_by("id").values_list("input", flat=True)
    assert list(inputs) == [{"lead": "a", "place": 0}, {"lead": "b", "place": 1}]


def test_a_type_of_the_first_element_is_each_elements_own(sender: Sender) -> None:
    destination = make_destination(batch=True, event_type_paths=["{[].kind}.{[].verb}"])
    sender.post(destination, [{"kind": "a", "verb": "b"}, {"kind": "c", "verb": "d"}])
    elements = read_delivery(destination).elements or []
    assert [one["event_type"] for one in elements] == ["a.b", "c.d"]


# Flow control: each element meets it, one after the other.


def test_a_policy_of_skipping_lets_the_first_element_run(sender: Sender) -> None:
    destination = make_batch_destination(trigger__overlap_policy="skip")
    answer = sender.post(destination, make_leads("a", "b", "c"), key="k").json()
    assert list_statuses(answer) == ["fired", "filtered", "filtered"]
    assert {one["cause"] for one in answer["elements"][1:]} == {"overlap_skipped"}
    assert Run.objects.count() == DedupeKey.objects.count() == 1
    outcomes = Fire.objects.order_by("key").values_list("outcome", flat=True)
    assert list(outcomes) == ["fired", "overlap_skipped", "overlap_skipped"]


def test_a_policy_of_cancelling_lets_the_last_element_run(sender: Sender) -> None:
    destination = make_batch_destination(trigger__overlap_policy="cancel_other")
    answer = sender.post(destination, make_leads("a", "b", "c")).json()
    assert list_statuses(answer) == ["filtered", "filtered", "fired"]
    assert Run.objects.get().input == {"lead": "c"}


def test_buffered_elements_wait_for_each_other(sender: Sender) -> None:
    destination = make_batch_destination(trigger__overlap_policy="buffer_all")
    answer = sender.post(destination, make_leads("a", "b", "c")).json()
    assert list_statuses(answer) == ["fired"] * 3
    assert Run.objects.filter(status="queued").count() == 3


def test_of_elements_for_one_place_in_the_buffer_the_last_has_it(sender: Sender) -> None:
    destination = make_batch_destination(trigger__overlap_policy="buffer_one")
    answer = sender.post(destination, make_leads("a", "b", "c")).json()
    assert list_statuses(answer) == ["fired", "filtered", "fired"]
    inputs = [run.input["lead"] for run in Run.objects.order_by("id")]
    assert sorted(inputs) == ["a", "c"]


def test_a_limit_within_the_batch_turns_all_of_it_away(sender: Sender) -> None:
    destination = make_batch_destination(trigger__fire_limit={"max": 2, "window": "1h"})
    answer = sender.post(destination, make_leads("a", "b", "c"), key="k")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (429, "fire_limit")
    assert int(answer["Retry-After"]) > 3590
    assert read_delivery(destination).cause == "fire_limited"
    for model in (Run, Fire, DedupeKey):
        assert not model._default_manager.exists()
    assert list_statuses(sender.post(destination, make_leads("a", "b"), key="k").json()) == [
        "fired",
        "fired",
    ]


# Faults and races.


def test_a_commit_whose_answer_was_lost_is_found_again(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    destination = make_batch_destination()
    monkeypatch.setattr("webhooks.services.retries.FIRST_PAUSE_SECONDS", 0.0)
    real, calls = batches._settle, []

    def settle(*arguments: Any) -> Any:
        receipt = real(*arguments)
        calls.append(receipt)
        return receipt

    real_commit = batches._commit

    def commit(knock: Any, elements: Any, attempt: int) -> Any:
        receipt = real_commit(knock, elements, attempt)
        if attempt == 1:
            raise OperationalError("the answer was lost")
        return receipt

    monkeypatch.setattr(batches, "_settle", settle)
    monkeypatch.setattr(batches, "_commit", commit)
    answer = sender.post(destination, make_leads("a", "b"), key="k").json()
    assert len(calls) == 1
    assert answer == json.loads(json.dumps(calls[0].as_json()))
    assert Run.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_r3_overlapping_batches_at_once_fire_each_element_once() -> None:
    destination = make_batch_destination(dedupe={"key": "body:id"})
    barrier = threading.Barrier(12)

    def post(number: int) -> list[str]:
        names = [str(one) for one in range(number, number + 20)]
        barrier.wait(30)
        try:
            answer = Sender().post(destination, make_leads(*(names if number % 2 else names[::-1])))
            assert answer.status_code == 200, answer.content
            return [one["run_id"] for one in answer.json()["elements"]]
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(post, range(12)))
    assert Run.objects.count() == DedupeKey.objects.count() == 31
    assert {str(id_) for id_ in Run.objects.values_list("id", flat=True)} == {
        run for answer in answers for run in answer
    }


# What is shown, tried and replayed.


def test_the_ledger_shows_the_elements_and_redacts_in_each(sender: Sender) -> None:
    destination = make_destination(batch=True, redact=["ssn"], output_transform={"jmespath": "@"})
    sender.post(destination, [{"ssn": "078-05-1120", "n": 1}, {"ssn": "078-05-1121", "n": 2}])
    alice = make_person(destination.workspace, "destinations:read")
    shown = alice.get(f"deliveries/{read_delivery(destination).id}").json()
    assert "078-05" not in json.dumps(shown)
    assert [one["n"] for one in shown["request_payload"]] == [1, 2]
    assert [one["n"] for one in shown["transformed_payload"]] == [1, 2]
    assert [one["status"] for one in shown["elements"]] == ["fired", "fired"]
    [listed] = alice.get(f"webhook-destinations/{destination.pk}/deliveries").json()["items"]
    assert "elements" not in listed
    assert listed["data"]["elements"] == {"total": 2, "fired": 2}


def test_what_is_missing_for_the_mapping_is_noted_with_its_place(sender: Sender) -> None:
    destination = make_batch_destination()
    sender.post(destination, [*make_leads("a"), {"type": "lead.created"}])
    assert read_delivery(destination).notes == ["Element 1: lead: nothing at id"]


def try_batch(destination: Destination, payload: Any) -> dict[str, Any]:
    alice = make_person(destination.workspace, "destinations:write")
    body = json.dumps(payload).encode()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    answer = alice.send(
        "post",
        f"webhook-destinations/{destination.pk}/test",
        {"body": body.decode(), "headers": {"x-amigo-request-signature": signature}},
    )
    assert answer.status_code == 200, answer.json()
    trial: dict[str, Any] = answer.json()
    return trial


def test_a_trial_shows_each_element_and_leaves_nothing(sender: Sender) -> None:
    destination = make_batch_destination(
        trigger__event_filter={"id": {"$ne": "b"}}, dedupe={"key": "body:id"}
    )
    trial = try_batch(destination, make_leads("a", "b", "a"))
    assert (trial["status"], trial["cause"], trial["element_count"]) == ("fired", None, 3)
    assert [one["status"] for one in trial["elements"]] == ["fired", "filtered", "duplicate"]
    assert trial["elements"][0]["input"] == trial["input"] == {"lead": "a"}
    assert trial["elements"][1]["cause"] == "filter_miss"
    assert all(step["ok"] for step in trial["steps"])
    for model in (Run, Fire, Delivery, DedupeKey):
        assert not model._default_manager.exists()


@pytest.mark.parametrize(
    ("options", "payload", "status", "cause"),
    [
        ({"accepted_event_types": ["lead.*"]}, [{"type": "x"}], "rejected", None),
        ({}, [1] * (MAX_ELEMENTS + 1), "rejected", "batch_too_large"),
        ({}, [], "ignored", "batch_empty"),
        (
            {"trigger__fire_limit": {"max": 1, "window": "1h"}},
            make_leads("a", "b"),
            "rejected",
            "fire_limited",
        ),
        (
            {"action": {"input_schema": {"required": ["phone"]}}},
            make_leads("a"),
            "rejected",
            "input_invalid",
        ),
    ],
)
def test_a_trial_says_what_refuses_the_batch(
    options: dict[str, Any], payload: Any, status: str, cause: str | None
) -> None:
    trial = try_batch(make_batch_destination(**options), payload)
    assert (trial["status"], trial["cause"]) == (status, cause or "event_type_not_accepted")
    assert not Run.objects.exists()


def replay(destination: Destination, delivery: Delivery) -> Any:
    alice = make_person(destination.workspace, "destinations:write")
    return alice.send("post", f"deliveries/{delivery.id}/replay")


def test_a_batch_is_replayed_as_often_as_asked(sender: Sender) -> None:
    destination = make_batch_destination(dedupe={"key": "body:id"})
    first = sender.post(destination, make_leads("a", "b")).json()
    delivery = read_delivery(destination)
    answers = [replay(destination, delivery).json() for _ in range(2)]
    assert [list_statuses(one) for one in answers] == [["fired"] * 2] * 2
    assert {one["event_id"] for one in answers} == {first["event_id"]}
    assert Run.objects.count() == 6
    assert Run.objects.filter(triggered_by=f"replay:{delivery.id}").count() == 4


@pytest.mark.parametrize("dedupe", [None, {"key": "body:id"}])
def test_a_refused_batch_fires_once_after_it_is_mended(
    sender: Sender, dedupe: dict[str, Any] | None
) -> None:
    destination = make_batch_destination(dedupe=dedupe)
    right = "whsec_what-the-sender-really-uses-here"
    assert sender.post(destination, make_leads("a", "b"), secret=right).status_code == 401
    delivery = read_delivery(destination)
    assert replay(destination, delivery).status_code == 409
    add_secret(destination, right)
    assert list_statuses(replay(destination, delivery).json()) == ["fired"] * 2
    again = replay(destination, delivery).json()
    assert (again["status"], list_statuses(again)) == ("duplicate", ["duplicate"] * 2)
    assert Run.objects.count() == 2


def test_a_replay_that_an_element_refuses_says_which(sender: Sender) -> None:
    destination = make_batch_destination()
    sender.post(destination, [*make_leads("a"), {"id": 7}])
    destination.trigger.action.input_schema = {"properties": {"lead": {"type": "string"}}}
    destination.trigger.action.save()
    answer = replay(destination, read_delivery(destination))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/1/lead")
    assert Run.objects.count() == 2


# The senders that deliver lists.


def make_preset(alice: Person, destination: Destination, preset: str, **fields: Any) -> Any:
    answer = alice.send(
        "post",
        "webhook-destinations",
        {
            "name": preset,
            "trigger_id": str(destination.trigger_id),
            "verification": {"preset": preset},
            "secret": "a secret of the sender's own",
            **fields,
        },
    )
    assert answer.status_code == 201, answer.json()
    return answer.json()


def test_salesforces_lists_are_batches_and_known_again(
    alice: Person, destination: Destination
) -> None:
    made = make_preset(alice, destination, "salesforce_ens")
    assert (made["batch"], made["on_unaccepted_event"]) == (True, "ignore")
    target = Destination.objects.get(pk=made["id"])
    body = json.dumps([{"eventCategoryType": "A.Sent", "n": 1}, {"eventCategoryType": "A.Open"}])
    digest = hmac.new(b"a secret of the sender's own", body.encode(), hashlib.sha256).digest()
    headers = {"x-sfmc-ens-signature": base64.b64encode(digest).decode()}
    answers = [
        Client()
        .post(build_path(target), body, content_type="application/json", headers=headers)
        .json()
        for _ in range(2)
    ]
    assert [list_statuses(one) for one in answers] == [["fired"] * 2, ["duplicate"] * 2]
    elements = read_delivery(target, status="accepted").elements or []
    assert [one["event_type"] for one in elements] == ["A.Sent", "A.Open"]


HUBSPOT = {"subscriptionType": "a", "eventId": 1, "subscriptionId": 2, "objectId": 3}


@pytest.mark.parametrize(
    ("preset", "options", "headers", "elements", "expected"),
    [
        # HubSpot says that its eventId alone is not unique.
        ("hubspot", {}, {}, [{**HUBSPOT, "occurredAt": 9}, {}], [("#1.2.3.9",), ()]),
        ("hubspot", {"dedupe": {"key": None}}, {}, [HUBSPOT], [()]),
        ("hubspot", {"dedupe": {"key": "header:x-b"}}, {"x-b": "B"}, [HUBSPOT], [("B#1.2.3",)]),
        ("sendgrid", {}, {}, [{"sg_event_id": "s"}, {"sg_event_id": 5}], [("#s",), ("#5",)]),
        (
            "sendgrid",
            {"dedupe": {"key": "body:0.sg_event_id"}},
            {},
            [{"sg_event_id": "s"}],
            [("#s",)],
        ),
        (
            "clockhook",
            {"dedupe": {"key": "body:0.id"}},
            {},
            [{"id": "x"}, {}],
            [("x#0",), ("x#1",)],
        ),
        ("clockhook", {}, {}, [{"id": "x"}], [()]),
        ("clockhook", {}, {"x-amigo-idempotent-key": "K"}, [{"id": "x"}], [("K#0",)]),
        ("stripe", {}, {}, [{"id": "evt"}, {"id": ["no", "name"]}], [("#evt",), ()]),
    ],
)
def test_the_keys_of_elements(
    preset: str,
    options: dict[str, Any],
    headers: dict[str, str],
    elements: list[Any],
    expected: list[tuple[str, ...]],
) -> None:
    destination = DestinationFactory.create(verification={"preset": preset}, batch=True, **options)
    target = find_target(str(destination.pk), workspace_id=None)
    assert target is not None
    body = json.dumps(elements).encode()
    request = ReceivedRequest(method="POST", path="/", headers=headers, body=body, size=len(body))
    delivery_keys = list_delivery_keys(target, request)
    assert list_element_keys(target, request, elements, delivery_keys=delivery_keys) == expected

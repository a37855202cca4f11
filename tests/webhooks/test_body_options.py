"""What a destination says of its sender's bodies, and what its preset says where it does not."""

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.test import Client

from runs.models import Run
from tests.webhooks.conftest import LEAD, Person, Sender, build_path, make_person
from tests.webhooks.test_outcomes import make_destination
from webhooks.models import DedupeKey, Delivery, Destination
from webhooks.rules.received import ReceivedRequest
from webhooks.services.currency import find_target
from webhooks.services.delivery_keys import list_delivery_keys

pytestmark = pytest.mark.django_db

LIST = "webhook-destinations"
SECRET = "a secret of the sender's own"


def make(alice: Person, destination: Destination, **fields: Any) -> Any:
    answer = create(alice, destination, **fields)
    assert answer.status_code == 201, answer.json()
    return answer.json()


def refuse(alice: Person, destination: Destination, **fields: Any) -> Any:
    answer = create(alice, destination, **fields)
    assert answer.status_code == 422, answer.json()
    return answer.json()


def create(alice: Person, destination: Destination, **fields: Any) -> Any:
    body = {"name": "S", "trigger_id": str(destination.trigger_id), "secret": SECRET, **fields}
    return alice.send("post", LIST, body)


def find(made: dict[str, Any]) -> Destination:
    return Destination.objects.get(pk=made["id"])


def sign(text: str, *, digest: str = "sha256") -> bytes:
    return hmac.new(SECRET.encode(), text.encode(), digest).digest()


def post(made: dict[str, Any], body: str, headers: dict[str, str]) -> Any:
    path = build_path(find(made))
    return Client().post(path, body, content_type="application/json", headers=headers)


def post_github(made: dict[str, Any], body: str, **headers: str) -> Any:
    signature = {"X-Hub-Signature-256": "sha256=" + sign(body).hex()}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return post(made, body, {**signature, **named})


# Saved, shown, and taken back.


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        (
            "clockhook",
            {
                "event_type_paths": ["type", "event_type", "event", "action"],
                "allow_unsigned_event_header": False,
                "on_unaccepted_event": "reject",
                "body_format": "json",
                "batch": False,
            },
        ),
        (
            "github",
            {
                "event_type_paths": [
                    "{header:x-github-event}.{action}",
                    "header:x-github-event",
                ],
                "allow_unsigned_event_header": True,
                "on_unaccepted_event": "reject",
                "body_format": "json",
                "batch": False,
            },
        ),
        (
            "hubspot",
            {
                "event_type_paths": ["[].subscriptionType", "subscriptionType"],
                "allow_unsigned_event_header": False,
                "on_unaccepted_event": "ignore",
                "body_format": "json",
                "batch": True,
            },
        ),
        ("twilio", {"body_format": "form", "batch": False}),
    ],
)
def test_what_is_not_said_is_the_presets(
    alice: Person, destination: Destination, preset: str, expected: dict[str, Any]
) -> None:
    made = make(alice, destination, verification={"preset": preset})
    assert {name: made[name] for name in expected} == expected
    row = find(made)
    assert (row.event_type_paths, row.batch, row.body_format) == (None, None, None)
    # Got, edited and put back, it still follows the preset.
    shown = alice.get(f"{LIST}/{made['id']}").json()
    assert alice.send("put", f"{LIST}/{made['id']}", shown).status_code == 200
    again = find(made)
    assert (again.event_type_paths, again.batch, again.on_unaccepted_event) == (None, None, None)
    assert again.updated_at == row.updated_at


def test_what_is_said_stays_and_null_gives_it_back(alice: Person, destination: Destination) -> None:
    own = {
        "event_type_paths": ["{kind}.{verb}"],
        "body_format": "form_json:payload",
        "batch": False,
        "on_unaccepted_event": "reject",
        "allow_unsigned_event_header": True,
    }
    made = make(alice, destination, verification={"preset": "hubspot"}, **own)
    assert {name: made[name] for name in own} == own
    cleared = alice.send("patch", f"{LIST}/{made['id']}", dict.fromkeys(own)).json()
    assert cleared["batch"] is True
    assert cleared["event_type_paths"] == ["[].subscriptionType", "subscriptionType"]


def test_another_preset_brings_its_own(alice: Person, destination: Destination) -> None:
    made = make(alice, destination, verification={"preset": "meta"})
    changed = alice.send(
        "patch", f"{LIST}/{made['id']}", {"verification": {"preset": "jira"}}
    ).json()
    assert changed["event_type_paths"] == ["webhookEvent"]
    assert changed["on_unaccepted_event"] == "reject"


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"event_type_paths": []}, "/event_type_paths", "invalid"),
        ({"event_type_paths": ["a"] * 9}, "/event_type_paths", "invalid"),
        ({"event_type_paths": ["ok", "a..b"]}, "/event_type_paths/1", "invalid_path"),
        ({"event_type_paths": ["{a}.{b..c}"]}, "/event_type_paths/0", "invalid_path"),
        ({"event_type_paths": ["header:"]}, "/event_type_paths/0", "invalid_path"),
        ({"event_type_paths": ["x" * 257]}, "/event_type_paths/0", "max_length"),
        ({"event_type_paths": "type"}, "/event_type_paths", "not_a_list"),
        ({"event_type_paths": ["a", "header:X-Type"]}, "/event_type_paths/1", "unsigned_header"),
        ({"event_type_paths": ["{header:x}.{a}"]}, "/event_type_paths/0", "unsigned_header"),
        ({"body_format": "xml"}, "/body_format", "invalid_choice"),
        ({"body_format": "form_json:"}, "/body_format", "invalid_choice"),
        ({"body_format": "form_json:a b"}, "/body_format", "invalid_choice"),
        ({"body_format": 5}, "/body_format", "invalid"),
        ({"batch": "yes"}, "/batch", "invalid"),
        ({"allow_unsigned_event_header": 1}, "/allow_unsigned_event_header", "invalid"),
        ({"on_unaccepted_event": "explode"}, "/on_unaccepted_event", "invalid_choice"),
    ],
)
def test_what_cannot_be_read_is_refused_when_it_is_saved(
    alice: Person, destination: Destination, fields: dict[str, Any], pointer: str, code: str
) -> None:
    problem = refuse(alice, destination, **fields)
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]
    answer = alice.send("patch", f"{LIST}/{destination.pk}", fields)
    assert answer.status_code == 422


def test_a_header_that_a_component_signs_needs_no_leave(
    alice: Person, destination: Destination
) -> None:
    form = {
        "signature": {"source": "header", "key": "x-sig"},
        "signed_components": [{"source": "header", "key": "X-Type"}, {"source": "body"}],
        "component_join": {"strategy": "concatenate", "separator": "."},
    }
    fields = {
        "verification": {"preset": "custom", "signature_verification": form},
        "event_type_paths": ["header:X-Type"],
    }
    made = make(alice, destination, **fields)
    headers = {"x-sig": sign("a.b.{}").hex(), "X-Type": "a.b"}
    assert post(made, "{}", headers).status_code == 200
    assert Delivery.objects.get(destination_id=made["id"]).payload_event_type == "a.b"
    # What is signed cannot be changed, so equal bodies are two deliveries.
    assert post(made, "{}", headers).json()["status"] == "fired"


def test_the_leave_cannot_be_taken_back_while_a_path_needs_it(
    alice: Person, destination: Destination
) -> None:
    fields = {"event_type_paths": ["header:X-Type"], "allow_unsigned_event_header": True}
    made = make(alice, destination, **fields)
    change = {"allow_unsigned_event_header": False}
    answer = alice.send("patch", f"{LIST}/{made['id']}", change)
    assert answer.json()["errors"][0]["code"] == "unsigned_header"


# Event types.


def test_the_paths_are_the_destinations(sender: Sender) -> None:
    destination = make_destination(event_type_paths=["kind", "{a}.{b.0}"])
    for payload in ({"kind": "", "a": "x", "b": ["y"], "type": "no"}, {"kind": "z"}, {"type": "t"}):
        sender.post(destination, payload)
    kept = Delivery.objects.order_by("id").values_list("payload_event_type", flat=True)
    assert list(kept) == ["x.y", "z", None]


def test_a_header_counts_by_leave_and_then_equal_bodies_are_duplicates(
    alice: Person, destination: Destination
) -> None:
    fields = {
        "event_type_paths": ["header:X-Type", "type"],
        "allow_unsigned_event_header": True,
        "accepted_event_types": ["lead.*"],
    }
    made = make(alice, destination, **fields)
    body = json.dumps(LEAD)
    headers = {"x-amigo-request-signature": sign(body).hex(), "X-Type": "lead.new"}
    assert post(made, body, headers).json()["status"] == "fired"
    # Anybody who saw the request could send it again as another type.
    answer = post(made, body, {**headers, "X-Type": "lead.lost"})
    assert answer.json()["status"] == "duplicate"
    assert Run.objects.count() == 1


def test_githubs_types_may_be_read_from_bodies_alone(
    alice: Person, destination: Destination
) -> None:
    fields = {"verification": {"preset": "github"}, "allow_unsigned_event_header": False}
    made = make(alice, destination, **fields)
    answer = post_github(made, '{"action": "opened"}', X_GitHub_Event="issues")
    assert answer.status_code == 200
    assert Delivery.objects.get(destination_id=made["id"]).payload_event_type == "opened"


# The digest of a body, besides the delivery's id.


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X_GitHub_Delivery": "d-1"}, "duplicate"),
        ({"X_GitHub_Delivery": "d-2"}, "duplicate"),
        ({}, "duplicate"),
    ],
)
def test_an_equal_body_is_a_duplicate_whatever_its_unsigned_id_says(
    alice: Person, destination: Destination, headers: dict[str, str], status: str
) -> None:
    made = make(alice, destination, verification={"preset": "github"})
    first = post_github(made, '{"action": "a"}', X_GitHub_Delivery="d-1").json()
    assert first["status"] == "fired"
    again = post_github(made, '{"action": "a"}', **headers).json()
    assert again == {**first, "status": status}
    assert DedupeKey.objects.count() == 2
    # A duplicate takes no key: its own id is free for a body of its own.
    other = post_github(made, '{"action": "b"}', X_GitHub_Delivery="d-2").json()
    assert other["status"] == "fired"
    assert post_github(made, '{"action": "c"}', X_GitHub_Delivery="d-2").json() == {
        **other,
        "status": "duplicate",
    }


def test_the_name_that_is_shown_is_the_senders_else_the_digest(
    alice: Person, destination: Destination
) -> None:
    made = make(alice, destination, verification={"preset": "github"})
    post_github(made, "{}", X_GitHub_Delivery="d-1")
    post_github(made, "[]")
    kept = Delivery.objects.order_by("id").values_list("dedupe_key", flat=True)
    assert list(kept) == ["d-1", f"sha256:{hashlib.sha256(b'[]').hexdigest()}"]


@pytest.mark.parametrize("preset", ["meta", "jira", "bitbucket", "shopify", "square"])
def test_these_presets_tell_deliveries_by_their_bodies_too(
    alice: Person, destination: Destination, preset: str
) -> None:
    made = make(alice, destination, verification={"preset": preset})
    url = f"{settings.CLOCKHOOK_PUBLIC_URL}{build_path(find(made))}"
    headers = {
        "X-Hub-Signature-256": "sha256=" + sign("{}").hex(),
        "X-Hub-Signature": "sha256=" + sign("{}").hex(),
        "X-Shopify-Hmac-Sha256": base64.b64encode(sign("{}")).decode(),
        "x-square-hmacsha256-signature": base64.b64encode(sign(url + "{}")).decode(),
    }
    assert [post(made, "{}", headers).json()["status"] for _ in range(2)] == ["fired", "duplicate"]


@pytest.mark.parametrize("preset", ["clockhook", "kortix", "header_secret"])
def test_and_these_do_not(alice: Person, destination: Destination, preset: str) -> None:
    made = make(alice, destination, verification={"preset": preset})
    headers = {
        "x-amigo-request-signature": sign("{}").hex(),
        "X-Trigger-Secret": SECRET,
        "X-Webhook-Secret": SECRET,
    }
    assert [post(made, "{}", headers).json()["status"] for _ in range(2)] == ["fired"] * 2


def test_who_wants_no_dedupe_says_so_unless_a_header_counts(
    alice: Person, destination: Destination
) -> None:
    none = {"dedupe": {"key": None}}
    meta = make(alice, destination, verification={"preset": "meta"}, **none)
    github = make(alice, destination, verification={"preset": "github"}, **none)
    for made, second in ((meta, "fired"), (github, "duplicate")):
        answers = [post_github(made, "{}").json()["status"] for _ in range(2)]
        assert answers == ["fired", second]


def test_a_filtered_delivery_gives_all_its_keys_back(
    alice: Person, destination: Destination
) -> None:
    destination.trigger.is_active = False
    destination.trigger.save()
    made = make(alice, destination, verification={"preset": "github"})
    assert post_github(made, "{}", X_GitHub_Delivery="d").json()["status"] == "filtered"
    assert not DedupeKey.objects.exists()


def test_bodies_that_nobody_signs_must_not_come_twice(
    alice: Person, destination: Destination
) -> None:
    fields = {"verification": {"preset": "mailgun"}, "dedupe": {"key": None}}
    problem = refuse(alice, destination, **fields)
    assert problem["errors"][0]["pointer"] == "/dedupe/key"
    # A name of the destination's own comes besides what is signed.
    made = make(alice, destination, **{**fields, "dedupe": {"key": "header:X-Own"}})
    stamp = "1795500000"
    token = "t" * 50
    proof = {"timestamp": stamp, "token": token, "signature": sign(stamp + token).hex()}
    target = find_target(made["id"], workspace_id=None)
    assert target is not None
    body = json.dumps({"signature": proof}).encode()
    request = ReceivedRequest(
        method="POST", path="/", headers={"x-own": "1"}, body=body, size=len(body)
    )
    assert list_delivery_keys(target, request) == ("1", token)


@pytest.mark.parametrize("signed", ["{timestamp}", "{timestamp}."])
def test_an_unsigned_body_needs_a_signed_id(
    alice: Person, destination: Destination, signed: str
) -> None:
    verification = {
        "preset": "custom",
        "signature": "header:x-sig",
        "signed": signed,
        "body_unsigned": True,
        "timestamp": {"from": "header:x-time"},
        "delivery_id": {"from": "header:x-id"},
    }
    problem = refuse(alice, destination, verification=verification)
    assert [(one["pointer"], one["code"]) for one in problem["errors"]] == [
        ("/verification/signed", "id_not_signed")
    ]


# Formats.


@pytest.mark.parametrize(
    ("body_format", "body", "expected"),
    [
        ("json", b'{"n": 1}', 1),
        ("form", b"n=1&n=2&m=%C3%A9", "1"),
        ("form_json:payload", b"payload=%7B%22n%22%3A+1%7D&x=y", 1),
        ("text_json", b'"{\\"n\\": 1}"', 1),
        ("text_json", b'\xef\xbb\xbf{"n": 1}', 1),
    ],
)
def test_bodies_are_read_in_the_destinations_format(
    sender: Sender, body_format: str, body: bytes, expected: Any
) -> None:
    destination = make_destination(body_format=body_format, field_mapping={"n": "n"})
    assert sender.post(destination, body).json()["status"] == "fired"
    assert Run.objects.get().input == {"n": expected}


@pytest.mark.parametrize(
    ("body_format", "body"),
    [
        ("json", b"n=1"),
        ("json", b'\xef\xbb\xbf{"n": 1}'),
        ("form", b"n=%FF"),
        ("form", b"n=%00"),
        ("form", b"&".join(b"a=1" for _ in range(1001))),
        ("form_json:payload", b"other=1"),
        ("form_json:payload", b"payload=nothing"),
        ("form_json:payload", b'{"payload": 1}'),
        ("text_json", b'"no json"'),
        ("text_json", b'"\\ud800"'),
        ("text_json", b"[" * 100_000),
    ],
)
def test_a_body_of_another_format_is_a_bad_request(
    sender: Sender, body_format: str, body: bytes
) -> None:
    destination = make_destination(body_format=body_format)
    answer = sender.post(destination, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert Delivery.objects.get().cause == "unparsable"
    assert not Run.objects.exists()


def test_a_delivery_is_named_in_the_bodys_own_format(
    alice: Person, destination: Destination
) -> None:
    verification = {
        "preset": "custom",
        "signature": "header:x-sig",
        "delivery_id": {"from": "body:id"},
    }
    made = make(alice, destination, verification=verification, body_format="form")
    bodies = ["id=7&n=1", "id=7&n=2", "id=8&n=1"]
    answers = [post(made, body, {"x-sig": sign(body).hex()}).json() for body in bodies]
    assert [one["status"] for one in answers] == ["fired", "duplicate", "fired"]
    own = make(alice, destination, dedupe={"key": "body:id"}, body_format="form")
    headers = {"x-amigo-request-signature": sign("id=7").hex()}
    assert [post(own, "id=7", headers).json()["status"] for _ in range(2)] == ["fired", "duplicate"]


# Senders that deliver by GET.


def get_twilio(made: dict[str, Any], **fields: str) -> Any:
    path = f"{build_path(find(made))}?{urlencode(fields)}"
    signed = base64.b64encode(sign(settings.CLOCKHOOK_PUBLIC_URL + path, digest="sha1")).decode()
    return Client().get(path, headers={"X-Twilio-Signature": signed})


def test_the_parameters_of_a_get_are_its_payload(alice: Person, destination: Destination) -> None:
    fields = {"field_mapping": {"sid": "CallSid"}, "accepted_event_types": ["ringing"]}
    made = make(alice, destination, verification={"preset": "twilio"}, **fields)
    answer = get_twilio(made, CallSid="CA1", CallStatus="ringing")
    assert (answer.status_code, answer.json()["status"]) == (200, "fired")
    assert Run.objects.get().input == {"sid": "CA1"}
    assert Delivery.objects.get(destination_id=made["id"]).payload_event_type == "ringing"
    assert get_twilio(made, CallSid="CA1", CallStatus="busy").status_code == 422
    path = f"{build_path(find(made))}?CallSid=CA1&CallStatus=ringing"
    assert Client().get(path).status_code == 401
    assert Client().get(path, headers={"X-Twilio-Signature": "AAAA"}).status_code == 401


def test_the_parameters_of_a_get_are_shown_redacted_and_tried(
    alice: Person, destination: Destination
) -> None:
    fields = {"redact": ["From"], "field_mapping": {"sid": "CallSid"}}
    made = make(alice, destination, verification={"preset": "twilio"}, **fields)
    get_twilio(made, CallSid="CA1", From="+14155550101")
    delivery = Delivery.objects.get(destination_id=made["id"])
    shown = alice.get(f"deliveries/{delivery.id}").json()
    assert shown["request_payload"] == {"CallSid": "CA1", "From": "[redacted]"}
    query = "CallSid=CA2"
    url = f"{settings.CLOCKHOOK_PUBLIC_URL}{build_path(find(made))}?{query}"
    signature = base64.b64encode(sign(url, digest="sha1")).decode()
    request = {
        "method": "GET",
        "query": query,
        "body": "",
        "headers": {"X-Twilio-Signature": signature},
    }
    trial = alice.send("post", f"{LIST}/{made['id']}/test", request).json()
    assert (trial["status"], trial["input"]) == ("fired", {"sid": "CA2"})


def test_a_form_is_shown_as_its_fields(alice: Person, destination: Destination) -> None:
    made = make(alice, destination, body_format="form", redact=["secret"])
    body = "a=1&secret=s"
    post(made, body, {"x-amigo-request-signature": sign(body).hex()})
    delivery = Delivery.objects.get(destination_id=made["id"])
    shown = alice.get(f"deliveries/{delivery.id}").json()
    assert shown["request_payload"] == {"a": "1", "secret": "[redacted]"}


def test_the_digest_of_a_get_is_of_its_parameters(alice: Person, destination: Destination) -> None:
    fields = {"verification": {"preset": "twilio"}, "dedupe": {"key": "digest"}}
    made = make(alice, destination, **fields)
    answers = [get_twilio(made, n=number).json()["status"] for number in ("1", "1", "2")]
    assert answers == ["fired", "duplicate", "fired"]


def test_a_json_body_whose_digest_twilio_signs_is_read_as_json(
    alice: Person, destination: Destination
) -> None:
    made = make(alice, destination, verification={"preset": "twilio"})
    body = '{"EventType": "onMessageAdded"}'
    query = f"?bodySHA256={hashlib.sha256(body.encode()).hexdigest()}"
    path = build_path(find(made)) + query
    signed = base64.b64encode(sign(settings.CLOCKHOOK_PUBLIC_URL + path, digest="sha1")).decode()
    answer = Client().post(
        path, body, content_type="application/json", headers={"X-Twilio-Signature": signed}
    )
    assert answer.json()["status"] == "fired"
    assert Delivery.objects.get(destination_id=made["id"]).payload_event_type == "onMessageAdded"


# Secrets in bodies, and headers that keep theirs.


def test_a_secret_in_the_body_is_shown_nowhere(alice: Person, destination: Destination) -> None:
    fields = {"verification": {"preset": "zoho_crm"}, "redact": ["name"]}
    made = make(alice, destination, **fields)
    assert made["redact"] == ["name", "token"]
    assert post(made, json.dumps({"token": SECRET, "name": "N"}), {}).status_code == 200
    delivery = Delivery.objects.get(destination_id=made["id"])
    assert SECRET not in json.dumps(alice.get(f"deliveries/{delivery.id}").json())
    changed = alice.send("patch", f"{LIST}/{made['id']}", {"redact": []}).json()
    assert changed["redact"] == ["token"]


def test_a_header_keeps_its_value(alice: Person, destination: Destination) -> None:
    headers = [{"name": "X-Team", "value": "the-team-value"}, {"name": "X-B", "value": "b"}]
    made = make(alice, destination, verification={"authentication": {"headers": headers}})
    shown = made["verification"]["authentication"]["headers"]
    assert shown == [
        {"name": "X-Team", "hint": "alue", "keep_existing": True},
        {"name": "X-B", "hint": "", "keep_existing": True},
    ]
    changed = [{"name": "x-team", "keep_existing": True}, {"name": "X-B", "value": "bb"}]
    body = {"verification": {"authentication": {"headers": changed}}}
    answer = alice.send("patch", f"{LIST}/{made['id']}", body)
    assert answer.status_code == 200, answer.json()
    assert post(made, "{}", {"X-Team": "the-team-value", "X-B": "bb"}).status_code == 200
    for team, other in (("the-team-value", "b"), ("", "bb"), ("alue", "bb")):
        assert post(made, "{}", {"X-Team": team, "X-B": other}).status_code == 401


def test_headers_put_back_as_they_are_shown_stay(alice: Person, destination: Destination) -> None:
    headers = [{"name": "X-Team", "value": "the-team-value"}]
    made = make(alice, destination, verification={"authentication": {"headers": headers}})
    before = find(made).verification
    shown = alice.get(f"{LIST}/{made['id']}").json()
    assert alice.send("put", f"{LIST}/{made['id']}", shown).status_code == 200
    assert find(made).verification == before


@pytest.mark.parametrize(
    "header",
    [
        {"name": "X-Other", "keep_existing": True},
        {"name": "X-Team", "keep_existing": True, "value": "both"},
        {"name": "X-Team", "keep_existing": "yes"},
        {"name": "X-Team", "keep_existing": False},
        {"name": "X-Team"},
    ],
)
def test_what_is_not_there_cannot_be_kept(
    alice: Person, destination: Destination, header: dict[str, Any]
) -> None:
    headers = [{"name": "X-Team", "value": "the-team-value"}]
    made = make(alice, destination, verification={"authentication": {"headers": headers}})
    body = {"verification": {"authentication": {"headers": [header]}}}
    answer = alice.send("patch", f"{LIST}/{made['id']}", body)
    assert answer.status_code == 422
    pointer = "/verification/authentication/headers/0"
    assert answer.json()["errors"][0]["pointer"] == pointer
    kept = {**body, "name": "N", "trigger_id": str(destination.trigger_id)}
    assert alice.send("post", LIST, kept).status_code == 422


def test_providers_say_what_their_presets_do(destination: Destination) -> None:
    reader = make_person(destination.workspace, "triggers:read")
    listed = {one["provider_id"]: one for one in reader.get("providers").json()}
    hubspot = listed["hubspot"]["config_schema"]["properties"]
    assert hubspot["batch"]["default"] is True
    assert hubspot["on_unaccepted_event"]["default"] == "ignore"
    twilio = listed["twilio"]["config_schema"]["properties"]
    assert twilio["body_format"]["default"] == "form"
    github = listed["github"]["config_schema"]["properties"]
    assert github["allow_unsigned_event_header"]["default"] is True
    assert "header:x-github-event" in github["event_type_paths"]["default"]

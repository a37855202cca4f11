"""Destinations by HTTP: created with a secret shown once, changed, listed, deleted."""

import base64
import datetime as dt
from typing import Any

import pytest
from django.conf import settings
from django.db import IntegrityError

from tests.factories import TriggerFactory
from tests.webhooks.conftest import Person, Sender, make_person
from tests.webhooks.factories import SECRET, DestinationFactory
from tests.workspaces.factories import PlanFactory, StaffFactory, make_client, make_key
from triggers.services import delete_trigger
from webhooks.models import Destination, DestinationSecret
from webhooks.services import destinations as service
from workspaces.models import Revision
from workspaces.rules.callers import Caller
from workspaces.rules.problems import Unprocessable
from workspaces.services import new_id

pytestmark = pytest.mark.django_db

MEMBERS = {
    "id",
    "workspace_id",
    "name",
    "description",
    "external_key",
    "trigger_id",
    "is_active",
    "url",
    "accepted_event_types",
    "field_mapping",
    "retry_attempts",
    "verification",
    "input_schema",
    "output_transform",
    "dedupe",
    "response",
    "redact",
    "on_unaccepted_event",
    "event_type_paths",
    "allow_unsigned_event_header",
    "body_format",
    "batch",
    "rate_limit_per_minute",
    "secret_present",
    "secret_hint",
    "source",
    "created_by",
    "created_at",
    "updated_at",
}
LIST = "webhook-destinations"


def expect_errors(answer: Any, *expected: tuple[str, str]) -> None:
    problem = answer.json()
    assert answer.status_code == 422, problem
    assert problem["code"] == "unprocessable_entity"
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == list(expected)


@pytest.fixture
def body(destination: Destination) -> dict[str, Any]:
    """The least that a destination needs."""
    return {"name": "CRM", "trigger_id": str(destination.trigger_id)}


def test_a_destination_is_made_with_a_secret_that_is_shown_once(
    alice: Person, body: dict[str, Any], sender: Sender
) -> None:
    answer = alice.send("post", LIST, body)
    made = answer.json()
    assert answer.status_code == 201, made
    assert set(made) == MEMBERS | {"secret"}
    created_at, updated_at = (
        dt.datetime.fromisoformat(made[name]) for name in ("created_at", "updated_at")
    )
    assert created_at <= updated_at
    secret = made["secret"]
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    shown = {
        "name": "CRM",
        "description": None,
        "external_key": None,
        "trigger_id": body["trigger_id"],
        "workspace_id": str(alice.workspace.pk),
        "is_active": True,
        "url": f"{settings.CLOCKHOOK_PUBLIC_URL}/v1/{alice.workspace.pk}/hooks/{made['id']}",
        "accepted_event_types": None,
        "field_mapping": None,
        "retry_attempts": 3,
        "verification": {"preset": "clockhook"},
        "secret_present": True,
        "secret_hint": secret[-4:],
        "source": "dynamic",
    }
    assert {name: made[name] for name in shown} == shown
    assert made["created_by"].startswith("key:")
    read = alice.get(f"{LIST}/{made['id']}").json()
    assert set(read) == MEMBERS
    assert read == {name: made[name] for name in MEMBERS}
    listed = alice.get(LIST)
    assert secret not in listed.content.decode()
    stored = Destination.objects.get(id=made["id"])
    assert sender.post(stored, secret=secret).status_code == 200


def test_the_secret_is_encrypted_at_rest_and_in_no_revision(
    alice: Person, body: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    secret = alice.send("post", LIST, body).json()["secret"]
    for row in DestinationSecret.objects.all():
        assert secret.encode() not in bytes(row.ciphertext)
    for revision in Revision.objects.all():
        assert secret not in str(revision.document)
    assert secret not in caplog.text


def test_a_senders_own_secret_may_be_given(alice: Person, body: dict[str, Any]) -> None:
    given = "the vendor's own secret, é"
    made = alice.send("post", LIST, {**body, "secret": given}).json()
    assert (made["secret"], made["secret_hint"]) == (given, given[-4:])


@pytest.mark.parametrize("secret", ["", "short", "x" * 15, "x" * 1025, None, 16])
def test_a_weak_secret_is_refused(alice: Person, body: dict[str, Any], secret: Any) -> None:
    answer = alice.send("post", LIST, {**body, "secret": secret})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/secret"]
    assert Destination.objects.count() == 1


def test_every_field_can_be_given(alice: Person, body: dict[str, Any]) -> None:
    given = {
        **body,
        "description": "Leads",
        "external_key": "crm",
        "is_active": False,
        "accepted_event_types": ["lead.*", "deal.won"],
        "field_mapping": {"a.b": "data.items.0.id"},
        "retry_attempts": 5,
        "verification": {"preset": "amigo", "require_timestamp": True, "tolerance_seconds": 60},
    }
    made = alice.send("post", LIST, given).json()
    assert {name: made[name] for name in given} == given


@pytest.mark.parametrize(
    "case",
    [
        ({"name": ""}, "/name", "blank"),
        ({"name": "x" * 257}, "/name", "max_length"),
        ({"name": 5}, "/name", "invalid"),
        ({"name": None}, "/name", "null"),
        ({"description": "x" * 2001}, "/description", "max_length"),
        ({"external_key": "x" * 129}, "/external_key", "max_length"),
        ({"external_key": ""}, "/external_key", "blank"),
        ({"trigger_id": "garbage"}, "/trigger_id", "invalid"),
        ({"trigger_id": str(new_id())}, "/trigger_id", "does_not_exist"),
        ({"is_active": "yes"}, "/is_active", "invalid"),
        ({"accepted_event_types": "lead"}, "/accepted_event_types", "not_a_list"),
        ({"accepted_event_types": ["x"] * 51}, "/accepted_event_types", "max_length"),
        ({"accepted_event_types": ["a b"]}, "/accepted_event_types/0", "invalid"),
        ({"accepted_event_types": ["ok", 5]}, "/accepted_event_types/1", "invalid"),
        ({"field_mapping": ["a"]}, "/field_mapping", "not_a_dict"),
        ({"field_mapping": {"a": 5}}, "/field_mapping/a", "invalid"),
        ({"field_mapping": {"a": "b[0]"}}, "/field_mapping/a", "invalid_path"),
        ({"input_schema": []}, "/input_schema", "not_a_dict"),
        ({"input_schema": {"type": "lead"}}, "/input_schema/type", "invalid_schema"),
        (
            {"input_schema": {"$ref": "https://example.org/x"}},
            "/input_schema/$ref",
            "invalid_schema",
        ),
        (
            {"output_transform": {"jmespath": "["}},
            "/output_transform/jmespath",
            "invalid_expression",
        ),
        ({"dedupe": {}}, "/dedupe", "invalid"),
        ({"dedupe": {"key": "cookie:id"}}, "/dedupe/key", "invalid"),
        ({"dedupe": {"key": "header:"}}, "/dedupe/key", "invalid"),
        ({"dedupe": {"key": "body:a[0]"}}, "/dedupe/key", "invalid_path"),
        ({"dedupe": {"key": None, "window_hours": 0}}, "/dedupe/window_hours", "out_of_range"),
        ({"dedupe": {"key": None, "days": 1}}, "/dedupe/days", "unknown_field"),
        ({"response": {}}, "/response", "invalid"),
        ({"response": {"status": 302}}, "/response/status", "out_of_range"),
        ({"response": {"content_type": "text/html"}}, "/response/content_type", "invalid_choice"),
        ({"response": {"body": "x" * 16385}}, "/response/body", "invalid"),
        ({"response": {"headers": {}}}, "/response/headers", "unknown_field"),
        ({"redact": ["a[0]"]}, "/redact/0", "invalid_path"),
        ({"redact": "ssn"}, "/redact", "not_a_list"),
        ({"rate_limit_per_minute": -1}, "/rate_limit_per_minute", "min_value"),
        ({"on_unaccepted_event": "explode"}, "/on_unaccepted_event", "invalid_choice"),
        ({"retry_attempts": 0}, "/retry_attempts", "min_value"),
        ({"retry_attempts": 6}, "/retry_attempts", "max_value"),
        ({"retry_attempts": "3"}, "/retry_attempts", "invalid"),
        ({"verification": {"preset": "none"}}, "/verification/preset", "unknown_preset"),
        ({"verification": {"scheme": "none"}}, "/verification/scheme", "invalid"),
        (
            {"verification": {"tolerance_seconds": 3601}},
            "/verification/tolerance_seconds",
            "out_of_range",
        ),
        ({"verification": None}, "/verification", "null"),
        ({"input_shema": {}}, "/input_shema", "unknown_field"),
    ],
)
@pytest.mark.parametrize("method", ["post", "patch"])
def test_a_wrong_field_is_named(
    alice: Person, body: dict[str, Any], method: str, case: tuple[dict[str, Any], str, str]
) -> None:
    change, pointer, code = case
    if method == "post":
        expect_errors(alice.send("post", LIST, {**body, **change}), (pointer, code))
        assert Destination.objects.count() == 1
    else:
        expected = "immutable" if code == "does_not_exist" else code
        answer = alice.send("patch", f"{LIST}/{Destination.objects.get().pk}", change)
        expect_errors(answer, (pointer, expected))


def test_what_is_missing_is_named(alice: Person) -> None:
    expect_errors(alice.send("post", LIST, {}), ("/name", "required"), ("/trigger_id", "required"))


def test_another_workspaces_trigger_does_not_exist(alice: Person, charlie: Person) -> None:
    foreign = Destination.objects.get(workspace=charlie.workspace).trigger_id
    answer = alice.send("post", LIST, {"name": "CRM", "trigger_id": str(foreign)})
    expect_errors(answer, ("/trigger_id", "does_not_exist"))


def test_an_external_key_is_unique_in_its_workspace(alice: Person, body: dict[str, Any]) -> None:
    keyed = {**body, "external_key": "crm"}
    assert alice.send("post", LIST, keyed).status_code == 201
    answer = alice.send("post", LIST, keyed)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert answer.json()["errors"][0]["pointer"] == "/external_key"
    elsewhere = DestinationFactory(external_key="crm")
    assert elsewhere.workspace_id != alice.workspace.pk


@pytest.mark.parametrize("method", ["patch", "put"])
def test_an_update_takes_any_subset(alice: Person, destination: Destination, method: str) -> None:
    path = f"{LIST}/{destination.pk}"
    before = alice.get(path).json()
    changed = alice.send(method, path, {"name": "Renamed", "is_active": False}).json()
    assert changed["updated_at"] > before["updated_at"]
    assert changed == {
        **before,
        "name": "Renamed",
        "is_active": False,
        "updated_at": changed["updated_at"],
    }
    assert alice.get(path).json() == changed


def test_what_was_read_can_be_sent_back(alice: Person, destination: Destination) -> None:
    path = f"{LIST}/{destination.pk}"
    read = alice.get(path).json()
    answer = alice.send("put", path, read)
    assert (answer.status_code, answer.json()) == (200, read)
    assert not Revision.objects.exists()


def test_the_trigger_never_changes(alice: Person, destination: Destination) -> None:
    other = TriggerFactory(workspace=destination.workspace)
    path = f"{LIST}/{destination.pk}"
    answer = alice.send("patch", path, {"trigger_id": str(other.pk)})
    expect_errors(answer, ("/trigger_id", "immutable"))
    same = alice.send("patch", path, {"trigger_id": str(destination.trigger_id)})
    assert same.status_code == 200


def test_the_secret_is_not_changed_by_an_update(
    alice: Person, destination: Destination, sender: Sender
) -> None:
    answer = alice.send("patch", f"{LIST}/{destination.pk}", {"secret": "x" * 20})
    expect_errors(answer, ("/secret", "immutable"))
    assert sender.post(destination, secret=SECRET).status_code == 200


def test_every_change_leaves_a_revision(alice: Person, body: dict[str, Any]) -> None:
    made = alice.send("post", LIST, body).json()
    path = f"{LIST}/{made['id']}"
    alice.send("patch", path, {"external_key": "crm"})
    alice.send("delete", path)
    written = [
        (revision.kind, revision.external_key, revision.document and revision.document["name"])
        for revision in Revision.objects.order_by("number")
    ]
    assert written == [
        ("destination", made["id"], "CRM"),
        ("destination", made["id"], None),
        ("destination", "crm", "CRM"),
        ("destination", "crm", None),
    ]
    document = Revision.objects.order_by("number")[0].document
    assert document is not None
    assert document["trigger_id"] == body["trigger_id"]


def test_a_deleted_destination_is_gone_and_its_deliveries_stay(
    alice: Person, destination: Destination, sender: Sender
) -> None:
    sender.post(destination)
    path = f"{LIST}/{destination.pk}"
    answer = alice.send("delete", path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert alice.get(path).status_code == 404
    assert alice.send("delete", path).status_code == 404
    assert sender.post(destination).status_code == 404
    assert not DestinationSecret.objects.exists()


def test_destinations_from_configuration_only_open_and_close(alice: Person) -> None:
    trigger = TriggerFactory(workspace=alice.workspace)
    path = f"{LIST}/{DestinationFactory(trigger=trigger, source='config').pk}"
    assert alice.send("patch", path, {"name": "x"}).status_code == 409
    assert alice.send("delete", path).status_code == 409
    assert alice.send("patch", path, {"is_active": False}).json()["is_active"] is False


def test_the_list_is_filtered_and_bounded(alice: Person, destination: Destination) -> None:
    other = TriggerFactory(workspace=alice.workspace)
    made = [
        DestinationFactory(trigger=other, is_active=False, name="Shop"),
        DestinationFactory(trigger=other, description="from the shop"),
    ]

    def list_ids(**parameters: Any) -> list[str]:
        answer = alice.get(LIST, **parameters)
        assert answer.status_code == 200, answer.json()
        return [item["id"] for item in answer.json()["items"]]

    newest_first = [str(row.pk) for row in (made[1], made[0], destination)]
    assert list_ids() == newest_first
    assert list_ids(limit=1) == newest_first[:1]
    assert list_ids(is_active="false") == [str(made[0].pk)]
    assert list_ids(trigger_id=other.pk) == newest_first[:2]
    assert list_ids(q="SHOP") == newest_first[:2]
    assert alice.get(LIST, limit=20).status_code == 200
    for parameters in ({"limit": 21}, {"limit": 0}, {"trigger_id": "x"}, {"is_active": "maybe"}):
        assert alice.get(LIST, **parameters).status_code == 422


def test_a_page_takes_the_same_queries_however_long_it_is(
    alice: Person, destination: Destination, django_assert_num_queries: Any
) -> None:
    trigger = TriggerFactory(workspace=alice.workspace)
    DestinationFactory.create_batch(15, trigger=trigger)
    alice.get(LIST)
    with django_assert_num_queries(3):
        assert len(alice.get(LIST, limit=20).json()["items"]) == 16


def test_strangers_see_nothing(alice: Person, charlie: Person, destination: Destination) -> None:
    path = f"{LIST}/{destination.pk}"
    for method, rest, body in (
        ("get", path, None),
        ("put", path, {}),
        ("patch", path, {}),
        ("delete", path, None),
        ("post", f"{path}/rotate-secret", {}),
        ("get", f"{path}/deliveries", None),
    ):
        # With another key in this workspace's path, and with the id in the other workspace's.
        assert getattr(charlie.client, method)(alice.path(rest)).status_code == 404
        assert charlie.send(method, rest, body).status_code == 404
    assert charlie.client.get(alice.path(LIST)).status_code == 404
    assert str(destination.pk) not in charlie.get(LIST).content.decode()


@pytest.mark.parametrize("identity", ["garbage", "00000000-0000-7000-8000-000000000000"])
def test_an_unknown_id_is_a_404(alice: Person, identity: str) -> None:
    assert alice.get(f"{LIST}/{identity}").status_code == 404
    assert alice.send("post", f"{LIST}/{identity}/rotate-secret", {}).status_code == 404
    assert alice.get(f"{LIST}/{identity}/deliveries").status_code == 404
    assert alice.get(f"deliveries/{identity}").status_code == 404


def test_scopes_are_kept_apart(destination: Destination, body: dict[str, Any]) -> None:
    reader = make_person(destination.workspace, "destinations:read")
    writer = make_person(destination.workspace, "destinations:write")
    other = make_person(destination.workspace, "triggers:write", "events:read")
    path = f"{LIST}/{destination.pk}"
    assert reader.get(LIST).status_code == reader.get(path).status_code == 200
    assert reader.get(f"{path}/deliveries").status_code == 200
    for method, rest in (
        ("post", LIST),
        ("put", path),
        ("patch", path),
        ("delete", path),
        ("post", f"{path}/rotate-secret"),
    ):
        assert reader.send(method, rest, body).status_code == 403
        assert other.send(method, rest, body).status_code == 403
    assert writer.get(LIST).status_code == writer.get(path).status_code == 403
    assert other.get(LIST).status_code == 403
    assert writer.send("post", LIST, body).status_code == 201


def test_without_a_key_nobody_gets_in(alice: Person, sender: Sender) -> None:
    answer = sender.client.get(alice.path(LIST))
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_the_plan_bounds_webhook_triggers_not_destinations(
    alice: Person, destination: Destination, body: dict[str, Any]
) -> None:
    workspace = alice.workspace
    workspace.plan = PlanFactory(name="Small", max_webhook_triggers=2)
    workspace.save()
    second, third = TriggerFactory.create_batch(2, workspace=workspace)
    assert alice.send("post", LIST, body).status_code == 201
    assert alice.send("post", LIST, {**body, "trigger_id": str(second.pk)}).status_code == 201
    answer = alice.send("post", LIST, {**body, "trigger_id": str(third.pk)})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (402, "payment_required")
    members = ("current_count", "limit", "tier_name", "trigger_type", "error_code")
    assert [problem[name] for name in members] == [
        2,
        2,
        "Small",
        "webhook",
        "TRIGGER_LIMIT_EXCEEDED",
    ]
    assert alice.send("post", LIST, {**body, "trigger_id": str(second.pk)}).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_a_trigger_that_is_deleted_meanwhile_does_not_exist(
    destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = Caller("system", "test", None, frozenset(), is_operator=True)
    trigger = destination.trigger

    def find_then_lose(*, workspace_id: Any, trigger_id: Any) -> None:
        type(trigger).objects.filter(pk=trigger_id).delete()

    monkeypatch.setattr(service, "find_trigger", find_then_lose)
    with pytest.raises(Unprocessable) as caught:
        service.create_destination(
            workspace_id=destination.workspace_id,
            fields={"name": "CRM", "trigger_id": trigger.pk},
            caller=caller,
            now=destination.created_at,
        )
    assert caught.value.errors[0].code == "does_not_exist"


def test_another_broken_constraint_is_not_explained_away(destination: Destination) -> None:
    """The door bounds ``retry_attempts``; behind it the database still does."""
    caller = Caller("system", "test", None, frozenset(), is_operator=True)
    fields = {"name": "trigger_id", "trigger_id": destination.trigger_id, "retry_attempts": 9}
    with pytest.raises(IntegrityError):
        service.create_destination(
            workspace_id=destination.workspace_id,
            fields=fields,
            caller=caller,
            now=destination.created_at,
        )


def test_a_deleted_trigger_takes_its_destinations_along(
    alice: Person, destination: Destination
) -> None:
    caller = Caller("system", "test", None, frozenset(), is_operator=True)
    delete_trigger(
        workspace_id=destination.workspace_id,
        trigger_id=destination.trigger_id,
        caller=caller,
        now=destination.created_at,
    )
    assert alice.get(f"{LIST}/{destination.pk}").status_code == 404


def test_operators_and_staff_act_in_every_workspace(
    alice: Person, destination: Destination, body: dict[str, Any]
) -> None:
    operator = make_client(make_key(None, "operator"))
    assert operator.get(alice.path(f"{LIST}/{destination.pk}")).status_code == 200
    staff = make_client("")
    staff.defaults.pop("HTTP_AUTHORIZATION", None)
    staff.force_login(StaffFactory())
    assert staff.get(alice.path(LIST)).status_code == 200

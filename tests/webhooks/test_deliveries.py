"""The ledger of deliveries by HTTP and in the admin."""

import datetime as dt
import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.webhooks.conftest import LEAD, Person, Sender, read_only_delivery
from tests.webhooks.factories import SECRET
from tests.workspaces.factories import StaffFactory
from webhooks.models import Delivery, Destination
from workspaces.rules.times import render_time

pytestmark = pytest.mark.django_db

MEMBERS = {
    "delivery_id",
    "destination_id",
    "trigger_id",
    "status",
    "cause",
    "http_status",
    "event_id",
    "event_type",
    "data",
    "effective_at",
    "created_at",
    "payload_event_type",
    "fire_id",
    "fired_event_id",
    "run_id",
    "duplicate_of",
    "dedupe_key",
    "headers",
    "body_size",
    "duration_ms",
    "notes",
}


def list_deliveries(alice: Person, destination: Destination, **parameters: Any) -> Any:
    return alice.get(f"webhook-destinations/{destination.pk}/deliveries", **parameters)


def list_statuses(alice: Person, destination: Destination, **parameters: Any) -> list[str]:
    answer = list_deliveries(alice, destination, **parameters)
    assert answer.status_code == 200, answer.json()
    return [item["status"] for item in answer.json()["items"]]


@pytest.fixture
def history(sender: Sender, destination: Destination) -> None:
    """One delivery of each kind: accepted, duplicate, filtered, two rejected."""
    sender.post(destination, key="evt-1")
    sender.post(destination, key="evt-1")
    type(destination.trigger).objects.update(is_active=False)
    sender.post(destination)
    type(destination.trigger).objects.update(is_active=True)
    sender.post(destination, headers={})
    sender.post(destination, b"{")


@pytest.mark.usefixtures("history")
def test_every_request_is_listed_with_what_came_of_it(
    alice: Person, destination: Destination
) -> None:
    items = list_deliveries(alice, destination).json()["items"]
    assert [(i["status"], i["cause"], i["http_status"], i["event_type"]) for i in items] == [
        ("rejected", "unparsable", 400, "webhook.rejected"),
        ("rejected", "signature_missing", 401, "webhook.rejected"),
        ("filtered", "trigger_paused", 200, "webhook.filtered"),
        ("duplicate", None, 200, "webhook.duplicate"),
        ("accepted", None, 200, "webhook.received"),
    ]
    assert all(set(item) == MEMBERS for item in items)
    duplicate, accepted = items[3:]
    assert duplicate["duplicate_of"] == accepted["delivery_id"]
    for member in ("fire_id", "fired_event_id", "run_id", "dedupe_key"):
        assert duplicate[member] == accepted[member] is not None
    assert accepted["data"]["run_id"] == accepted["run_id"]
    assert accepted["headers"]["x-amigo-request-signature"] == "[redacted]"
    assert accepted["body_size"] == len(json.dumps(LEAD))


@pytest.mark.usefixtures("history")
def test_the_list_is_filtered(alice: Person, destination: Destination) -> None:
    assert list_statuses(alice, destination, status="accepted") == ["accepted"]
    assert list_statuses(alice, destination, status="filtered,duplicate") == [
        "filtered",
        "duplicate",
    ]
    assert list_statuses(alice, destination, status="challenge") == []
    assert list_statuses(alice, destination, cause="unparsable") == ["rejected"]
    assert list_statuses(alice, destination, limit=2) == ["rejected", "rejected"]
    now = timezone.now()
    later = render_time(now + dt.timedelta(hours=1))
    earlier = render_time(now - dt.timedelta(hours=1))
    assert len(list_statuses(alice, destination, since=earlier, until=later)) == 5
    assert list_statuses(alice, destination, since=later) == []
    assert list_statuses(alice, destination, until=earlier) == []


@pytest.mark.usefixtures("history")
def test_since_includes_and_until_excludes_the_instant_that_is_shown(
    alice: Person, destination: Destination
) -> None:
    items = list_deliveries(alice, destination).json()["items"]
    moment = items[2]["created_at"]
    since = list_deliveries(alice, destination, since=moment).json()["items"]
    until = list_deliveries(alice, destination, until=moment).json()["items"]
    assert len(since) + len(until) == 5
    assert items[2] in since


@pytest.mark.parametrize(
    "parameters",
    [{"status": "unknown"}, {"limit": 101}, {"since": "yesterday"}, {"cause": "x" * 33}],
)
def test_a_senseless_filter_is_a_422(
    alice: Person, destination: Destination, parameters: dict[str, Any]
) -> None:
    answer = list_deliveries(alice, destination, **parameters)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/{next(iter(parameters))}"


@pytest.mark.usefixtures("history")
def test_pages_lead_to_all_of_them_in_as_many_queries(
    alice: Person, destination: Destination, sender: Sender, django_assert_num_queries: Any
) -> None:
    first = list_deliveries(alice, destination, limit=3).json()
    assert first["has_more"]
    # A delivery that arrives meanwhile moves nothing.
    sender.post(destination)
    # One for what the page needs in each of three stretches of time, since it cannot be filled.
    with django_assert_num_queries(6):
        rest = list_deliveries(alice, destination, limit=3, cursor=first["next_cursor"]).json()
    statuses = [item["status"] for item in first["items"] + rest["items"]]
    assert statuses == ["rejected", "rejected", "filtered", "duplicate", "accepted"]
    assert list_deliveries(alice, destination, limit=100).status_code == 200


def test_one_delivery_is_shown_with_its_payload_and_input(
    alice: Person, destination: Destination, sender: Sender
) -> None:
    destination.field_mapping = {"phone": "data.phone"}
    destination.save()
    sender.post(destination)
    delivery = read_only_delivery(destination)
    shown = alice.get(f"deliveries/{delivery.id}").json()
    assert set(shown) == MEMBERS | {"request_payload", "transformed_payload", "input"}
    assert shown["request_payload"] == LEAD
    assert shown["transformed_payload"] is None
    assert shown["input"] == {"phone": LEAD["data"]["phone"]}  # type: ignore[index]


def test_a_body_that_is_no_json_is_shown_as_text(
    alice: Person, destination: Destination, sender: Sender
) -> None:
    sender.post(destination, b"\xffhello" + b"x" * 20_000)
    delivery = read_only_delivery(destination)
    shown = alice.get(f"deliveries/{delivery.id}").json()
    assert shown["request_payload"].startswith("\ufffdhello")
    assert len(shown["request_payload"]) == 20_006
    assert shown["body_size"] == 20_006


def test_an_oversized_body_is_not_shown(
    alice: Person, destination: Destination, sender: Sender
) -> None:
    sender.post(destination, b"x" * (1024 * 1024 + 1))
    delivery = read_only_delivery(destination)
    shown = alice.get(f"deliveries/{delivery.id}").json()
    assert (shown["request_payload"], shown["cause"]) == (None, "payload_too_large")


def test_strangers_see_no_delivery(
    alice: Person, charlie: Person, destination: Destination, sender: Sender
) -> None:
    sender.post(destination)
    delivery = read_only_delivery(destination)
    assert charlie.get(f"deliveries/{delivery.id}").status_code == 404
    assert charlie.client.get(alice.path(f"deliveries/{delivery.id}")).status_code == 404
    foreign = Destination.objects.get(workspace=charlie.workspace)
    sender.post(foreign)
    assert list_statuses(alice, destination) == ["accepted"]


def test_no_log_line_holds_a_secret_or_a_signature(
    sender: Sender, destination: Destination, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    signature = "ab" * 32
    sender.post(destination)
    sender.post(destination, headers={"x-amigo-request-signature": signature})
    assert "delivery_rejected" in caplog.text
    assert SECRET not in caplog.text
    assert signature not in caplog.text


@pytest.mark.usefixtures("history")
def test_staff_see_everything_but_secrets_and_change_nothing(destination: Destination) -> None:
    staff = Client()
    staff.force_login(StaffFactory(is_superuser=True))
    delivery = Delivery.objects.filter(destination_id=destination.pk)[0]
    for path in (
        "/admin/webhooks/destination/",
        "/admin/webhooks/destination/?q=garbage",
        f"/admin/webhooks/destination/{destination.pk}/change/",
        "/admin/webhooks/delivery/",
        "/admin/webhooks/delivery/?status=rejected",
        f"/admin/webhooks/delivery/{delivery.pk}/change/",
    ):
        answer = staff.get(path)
        assert answer.status_code == 200, path
        assert SECRET not in answer.content.decode()
    for path in (
        "/admin/webhooks/destination/add/",
        f"/admin/webhooks/destination/{destination.pk}/delete/",
        "/admin/webhooks/delivery/add/",
        f"/admin/webhooks/delivery/{delivery.pk}/delete/",
    ):
        assert staff.get(path).status_code == 403, path
    change = f"/admin/webhooks/destination/{destination.pk}/change/"
    assert staff.post(change, {"name": "x"}).status_code == 403
    assert not Destination.objects.filter(name="x").exists()

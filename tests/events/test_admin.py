"""The ledger for staff: found by ids, never changed."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client

from events.admin import BoundedPaginator
from events.models import Event
from events.services import append_events
from tests.events.factories import build_event
from workspaces.services import new_id

pytestmark = pytest.mark.django_db
URL = "/admin/events/event/"


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("ada"))
    return client


def test_events_are_found_by_any_of_their_ids(staff: Client) -> None:
    run_id = new_id()
    wanted, other = build_event(run_id=run_id, event_type="lead.wanted"), build_event()
    append_events([wanted, other])
    for text in (str(wanted.id), f" {run_id} "):
        page = staff.get(URL, {"q": text}).content.decode()
        assert "lead.wanted" in page
        assert str(other.id) not in page


def test_a_search_that_is_no_id_finds_nothing_and_does_not_fail(staff: Client) -> None:
    append_events([build_event()])
    answer = staff.get(URL, {"q": "hello' OR 1=1"})
    assert answer.status_code == 200
    assert "trigger.fired" not in answer.content.decode()


def test_events_are_listed_by_source(staff: Client) -> None:
    append_events([build_event(event_type="one", source="API"), build_event(event_type="two")])
    page = staff.get(URL, {"source": "API"}).content.decode()
    assert ">one<" in page
    assert ">two<" not in page


def test_staff_look_but_neither_add_nor_change_nor_delete(staff: Client) -> None:
    event = build_event()
    append_events([event])
    assert staff.get(f"{URL}{event.id}/change/").status_code == 200
    assert staff.post(f"{URL}{event.id}/change/", {"event_type": "x"}).status_code == 403
    assert staff.post(f"{URL}{event.id}/delete/", {"post": "yes"}).status_code == 403
    assert staff.get(f"{URL}add/").status_code == 403
    assert Event.objects.get().event_type == "trigger.fired"


def test_counting_stops_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedPaginator, "MAX_COUNT", 3)
    append_events([build_event() for _ in range(5)])
    assert BoundedPaginator(Event.objects.order_by("-id"), 2).count == 3
    assert admin.site.get_model_admin(Event).paginator is BoundedPaginator

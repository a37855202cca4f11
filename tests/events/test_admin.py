"""The ledger for staff: found by ids, never changed."""

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from events.models import Event
from events.services import append_events
from tests.events.factories import build_event
from tests.factories import WorkspaceFactory
from tests.staff import sign_in
from workspaces.services import new_id
from workspaces.staff.pages import BoundedPaginator

pytestmark = pytest.mark.django_db
URL = "/admin/events/event/"


@pytest.fixture
def staff() -> Client:
    return sign_in(is_superuser=True)


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


def test_events_are_listed_by_workspace_and_name_it(staff: Client) -> None:
    mine, other = WorkspaceFactory.create(slug="mine"), WorkspaceFactory.create()
    append_events(
        [
            build_event(workspace_id=mine.pk, event_type="in.mine"),
            build_event(workspace_id=other.pk, event_type="in.other"),
        ]
    )
    for text in ("mine", str(mine.pk)):
        page = staff.get(URL, {"workspace": text}).content.decode()
        assert ">in.mine<" in page
        assert ">mine</a>" in page
        assert ">in.other<" not in page
    for text in ("nobody", str(new_id())):
        assert ">in.mine<" not in staff.get(URL, {"workspace": text}).content.decode()


def test_the_list_takes_the_same_number_of_queries_for_any_number_of_rows(staff: Client) -> None:
    counts = []
    for _ in range(2):
        append_events([build_event(workspace_id=WorkspaceFactory.create().pk) for _ in range(5)])
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert staff.get(URL).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_strangers_and_staff_without_the_permission_see_nothing() -> None:
    event = build_event()
    append_events([event])
    assert Client().get(URL).status_code == 302
    assert sign_in("view_run").get(URL).status_code == 403
    assert sign_in("view_run").get(f"{URL}{event.id}/change/").status_code == 403
    assert sign_in("view_event").get(f"{URL}{event.id}/change/").status_code == 200


def test_the_page_of_an_event_leads_to_its_run_and_its_chain(staff: Client) -> None:
    run_id = new_id()
    event = build_event(run_id=run_id, data={"note": "<script>alert(1)</script>"})
    append_events([event])
    page = staff.get(f"{URL}{event.id}/change/").content.decode()
    assert f"/admin/runs/run/{run_id}/change/" in page
    assert f"?q={Event.objects.get().chain_id}" in page
    assert "<script>alert(1)" not in page

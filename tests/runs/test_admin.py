"""Runs and outbound calls for staff: to look at, cancel and repeat."""

import uuid

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from actions.models import OutboundCall
from events.rules.event import NewEvent
from events.services import append_events
from runs.models import Run
from tests.factories import ActionFactory, WorkspaceFactory, queue_run
from tests.staff import confirm, find_list, find_page, find_verb, select, sign_in
from workspaces.models import Workspace
from workspaces.services import new_id

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rings")]
URL = "/admin/runs/run/"


@pytest.fixture
def staff() -> Client:
    return sign_in(is_superuser=True)


def make_call(workspace: Workspace, **fields: object) -> OutboundCall:
    values: dict[str, object] = {
        "workspace": workspace,
        "run_id": new_id(),
        "action_id": new_id(),
        "chain_id": new_id(),
        "triggered_by": "schedule",
        "phone_to": "+14155550101",
        "reason": "lead",
        "priority": 5,
        "max_attempts": 3,
        "retry_backoff_minutes": 5,
        "window": {},
        "status": "cancelled",
        "provider": "console",
        "last_event_id": new_id(),
        **fields,
    }
    return OutboundCall.objects.create(**values)


def append_step(run: Run, event_type: str, *, parent_id: uuid.UUID, **data: object) -> uuid.UUID:
    event = NewEvent(
        id=new_id(),
        workspace_id=run.workspace_id,
        event_type=event_type,
        source="AUTOMATION",
        entity_type="run",
        entity_id=run.pk,
        chain_id=run.chain_id,
        parent_id=parent_id,
        run_id=run.pk,
        data=data,
        effective_at=run.created_at,
    )
    append_events([event])
    return event.id


def test_runs_are_found_by_id_status_and_workspace(staff: Client) -> None:
    wanted, other = queue_run(ActionFactory()), queue_run(ActionFactory())
    page = staff.get(URL, {"q": str(wanted.chain_id), "status": "queued"}).content.decode()
    assert str(wanted.id) in page
    assert str(other.id) not in page
    assert str(wanted.id) not in staff.get(URL, {"status": "failed"}).content.decode()
    page = staff.get(URL, {"workspace": str(wanted.workspace_id)}).content.decode()
    assert str(wanted.id) in page
    assert str(other.id) not in page


def test_the_list_takes_the_same_number_of_queries_for_any_number_of_rows(staff: Client) -> None:
    counts = []
    for _ in range(2):
        for _ in range(4):
            queue_run(ActionFactory())
        with CaptureQueriesContext(connection) as queries:
            assert staff.get(URL).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 6


def test_a_run_is_shown_but_neither_changed_nor_added_nor_deleted(staff: Client) -> None:
    run = queue_run(ActionFactory())
    assert staff.get(find_page(run)).status_code == 200
    assert staff.post(find_page(run), {"status": "completed"}).status_code == 403
    assert staff.post(f"{URL}{run.id}/delete/", {"post": "yes"}).status_code == 403
    assert staff.get(f"{URL}add/").status_code == 403


def test_the_page_shows_the_chain_in_order_with_causes_and_links(staff: Client) -> None:
    run = queue_run(ActionFactory(), trigger_id=new_id(), fire_id=new_id())
    retried = append_step(run, "trigger.retrying", parent_id=run.fired_event_id, attempt=1)
    append_step(run, "trigger.completed", parent_id=retried, note="<b>bold</b>")
    answer = staff.get(find_page(run))
    steps = answer.context["steps"]
    page = answer.content.decode()
    assert [step["parent"] for step in steps] == ["-", "#1", "#2"]
    assert [step["number"] for step in steps] == [1, 2, 3]
    places = [
        page.index(f">{name}</a>")
        for name in ("trigger.fired", "trigger.retrying", "trigger.completed")
    ]
    assert places == sorted(places)
    assert steps[0]["offset"] == "+0 ms"
    assert f"/admin/triggers/trigger/{run.trigger_id}/change/" in page
    assert f"/admin/triggers/fire/{run.fire_id}/change/" in page
    assert "<b>bold</b>" not in page


def test_the_page_of_a_run_shows_no_lease(staff: Client) -> None:
    token = new_id()
    run = queue_run(ActionFactory())
    Run.objects.filter(pk=run.pk).update(
        status="running", lease_token=token, lease_until=run.created_at, deadline_at=run.created_at
    )
    assert str(token) not in staff.get(find_page(run)).content.decode()


def test_a_repeated_run_and_its_repetition_lead_to_each_other(staff: Client) -> None:
    run = queue_run(ActionFactory())
    assert "1 started again." in confirm(staff, "rerun", run)
    again = Run.objects.get(rerun_of=run.id)
    assert find_page(again) in staff.get(find_page(run)).content.decode()
    assert find_page(run) in staff.get(find_page(again)).content.decode()


def test_nothing_is_done_before_it_is_confirmed(staff: Client) -> None:
    run = queue_run(ActionFactory())
    asked = select(staff, "cancel", run).content.decode()
    assert "Cancel these runs?" in asked
    assert str(run.pk) in asked
    assert "csrfmiddlewaretoken" in asked
    assert staff.get(find_verb(run, "cancel")).status_code == 200
    run.refresh_from_db()
    assert run.status == "queued"


def test_live_runs_are_cancelled_and_ended_ones_named(staff: Client) -> None:
    live, ended = queue_run(ActionFactory()), queue_run(ActionFactory())
    confirm(staff, "cancel", ended)
    page = confirm(staff, "cancel", live, ended)
    assert "1 cancelled." in page
    assert "The run has ended: it is cancelled." in page
    assert set(Run.objects.values_list("status", flat=True)) == {"cancelled"}
    assert LogEntry.objects.filter(object_id=str(live.pk)).count() == 1


def test_a_run_that_left_the_filter_meanwhile_is_named_too(staff: Client) -> None:
    run = queue_run(ActionFactory())
    confirm(staff, "cancel", run)
    body = {"action": "cancel", "_selected_action": [str(run.pk)], "confirmed": "yes"}
    page = staff.post(f"{URL}?status=queued", body, follow=True).content.decode()
    assert "The run has ended" in page


def test_runs_are_cancelled_on_their_own_page(staff: Client) -> None:
    run = queue_run(ActionFactory())
    page = staff.post(find_verb(run, "cancel"), follow=True)
    assert page.redirect_chain == [(find_page(run), 302)]
    assert "1 cancelled." in page.content.decode()
    run.refresh_from_db()
    assert run.status == "cancelled"


def test_runs_are_repeated_in_the_name_of_the_member_of_staff(staff: Client) -> None:
    run = queue_run(ActionFactory())
    confirm(staff, "rerun", run)
    again = Run.objects.get(rerun_of=run.id)
    assert again.triggered_by == f"manual:user:{User.objects.get().pk}"


def test_runs_of_an_archived_workspace_are_left_alone(staff: Client) -> None:
    run = queue_run(ActionFactory())
    Workspace.objects.filter(pk=run.workspace_id).update(archived_at=run.created_at)
    assert "archived" in confirm(staff, "cancel", run)
    run.refresh_from_db()
    assert run.status == "queued"


def test_who_may_only_look_is_offered_no_verb_and_does_none() -> None:
    run = queue_run(ActionFactory())
    viewer = sign_in("view_run")
    page = viewer.get(find_page(run)).content.decode()
    assert find_verb(run, "cancel") not in page
    assert viewer.post(find_verb(run, "cancel")).status_code == 403
    select(viewer, "cancel", run, confirmed="yes")
    run.refresh_from_db()
    assert run.status == "queued"
    assert (
        find_verb(run, "cancel")
        in sign_in("view_run", "change_run").get(find_page(run)).content.decode()
    )


def test_strangers_are_sent_to_the_sign_in() -> None:
    run = queue_run(ActionFactory())
    plain = Client()
    plain.force_login(User.objects.create_user("nobody"))
    for client in (Client(), plain):
        for answer in (
            client.get(URL),
            client.get(find_page(run)),
            client.post(find_verb(run, "cancel")),
        ):
            assert answer.status_code == 302
            assert answer["Location"].startswith("/admin/login/")
    assert sign_in().get(URL).status_code == 403


def test_the_confirmation_is_protected_against_other_sites(staff: Client) -> None:
    run = queue_run(ActionFactory())
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get())
    assert strict.post(find_verb(run, "cancel")).status_code == 403
    run.refresh_from_db()
    assert run.status == "queued"


@pytest.mark.parametrize("verb", ["delete", "lease", "cancel-all"])
def test_unknown_verbs_and_rows_are_not_found(staff: Client, verb: str) -> None:
    run = queue_run(ActionFactory())
    assert staff.post(find_verb(run, verb)).status_code == 404
    assert staff.post(f"{URL}{new_id()}/verb/cancel/").status_code == 404
    assert staff.post(f"{URL}nonsense/verb/cancel/").status_code == 404


def test_selected_ids_that_are_none_are_refused_in_words(staff: Client) -> None:
    queue_run(ActionFactory())
    for extra in ({}, {"confirmed": "yes"}):
        body = {"action": "cancel", "_selected_action": ["nonsense"], **extra}
        assert "no valid id" in staff.post(URL, body, follow=True).content.decode()


def test_more_rows_than_anybody_reads_are_refused(
    staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workspaces.staff.verbs.MAX_ROWS", 1)
    runs = [queue_run(ActionFactory()), queue_run(ActionFactory())]
    assert "At most 1 rows" in select(staff, "cancel", *runs).content.decode()
    assert set(Run.objects.values_list("status", flat=True)) == {"queued"}


def test_calls_are_found_by_number_and_workspace(staff: Client) -> None:
    workspace = WorkspaceFactory.create(slug="clinic")
    wanted = make_call(workspace, phone_to="+14155550101", call_sid="CA1")
    other = make_call(WorkspaceFactory.create(), phone_to="+14155550102")
    for parameters in (
        {"q": "+14155550101"},
        {"q": "CA1"},
        {"q": str(wanted.chain_id)},
        {"workspace": "clinic"},
    ):
        page = staff.get(find_list(OutboundCall), parameters).content.decode()
        assert str(wanted.pk) in page
        assert str(other.pk) not in page


def test_pending_calls_are_cancelled_and_ended_ones_named(staff: Client) -> None:
    workspace = WorkspaceFactory.create()
    run = queue_run(ActionFactory())
    pending = make_call(workspace, status="pending", next_attempt_at=run.created_at)
    ended = make_call(workspace, phone_to="+14155550102")
    page = confirm(staff, "cancel", pending, ended)
    assert "1 cancelled." in page
    assert "The outbound call has ended: it is cancelled." in page
    pending.refresh_from_db()
    assert pending.status == "cancelled"
    assert staff.get(find_page(pending)).status_code == 200
    assert staff.post(find_page(pending), {}).status_code == 403


def test_who_may_only_look_cancels_no_call() -> None:
    run = queue_run(ActionFactory())
    call = make_call(WorkspaceFactory.create(), status="pending", next_attempt_at=run.created_at)
    viewer = sign_in("view_outboundcall", "change_run")
    assert viewer.post(find_verb(call, "cancel")).status_code == 403
    call.refresh_from_db()
    assert call.status == "pending"

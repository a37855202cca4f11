"""Runs for staff: to look at, cancel and repeat."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from runs.models import Run
from tests.factories import ActionFactory, queue_run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rings")]
URL = "/admin/runs/run/"


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("ada"))
    return client


def apply(client: Client, action: str, *runs: Run) -> str:
    selected = {"action": action, "_selected_action": [str(run.id) for run in runs]}
    return client.post(URL, selected, follow=True).content.decode()


def test_runs_are_found_by_id_and_status(staff: Client) -> None:
    wanted, other = queue_run(ActionFactory()), queue_run(ActionFactory())
    page = staff.get(URL, {"q": str(wanted.chain_id), "status": "queued"}).content.decode()
    assert str(wanted.id) in page
    assert str(other.id) not in page
    assert str(wanted.id) not in staff.get(URL, {"status": "failed"}).content.decode()


def test_a_run_is_shown_but_not_changed(staff: Client) -> None:
    run = queue_run(ActionFactory())
    address = f"{URL}{run.id}/change/"
    assert staff.get(address).status_code == 200
    assert staff.post(address, {"status": "completed"}).status_code == 403
    assert staff.post(f"{URL}{run.id}/delete/", {"post": "yes"}).status_code == 403


def test_live_runs_are_cancelled_and_ended_ones_named(staff: Client) -> None:
    live, ended = queue_run(ActionFactory()), queue_run(ActionFactory())
    apply(staff, "cancel_runs", ended)
    page = apply(staff, "cancel_runs", live, ended)
    assert "1 cancelled." in page
    assert f"{ended.id}: The run has ended" in page
    assert set(Run.objects.values_list("status", flat=True)) == {"cancelled"}


def test_runs_are_repeated_in_the_name_of_the_member_of_staff(staff: Client) -> None:
    run = queue_run(ActionFactory())
    assert "1 started again." in apply(staff, "rerun_runs", run)
    again = Run.objects.get(rerun_of=run.id)
    assert again.triggered_by == f"manual:user:{User.objects.get().pk}"

"""Destinations and deliveries for staff: no secret is ever shown, but a new one once."""

import re

import pytest
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.staff import find_list, find_page, find_verb, select, sign_in
from tests.webhooks.conftest import Sender
from tests.webhooks.factories import SECRET, DestinationFactory
from webhooks.models import DedupeKey, Delivery, Destination, DestinationSecret

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Client:
    return sign_in(is_superuser=True)


def test_no_page_shows_a_secret_a_body_or_a_signature(
    staff: Client, destination: Destination, sender: Sender
) -> None:
    sender.post(destination, {"type": "lead.created", "ssn": "078-05-1120"}, key="lead-1")
    rows: list[Model] = [
        destination,
        DestinationSecret.objects.get(),
        Delivery.objects.get(),
        DedupeKey.objects.get(),
    ]
    for row in rows:
        for address in (find_list(row), find_page(row)):
            answer = staff.get(address)
            assert answer.status_code == 200
            page = answer.content.decode()
            assert SECRET not in page
            assert "078-05-1120" not in page
            assert "gAAAA" not in page
            assert not re.search(r"[0-9a-f]{64}", page)


def test_nothing_is_added_changed_or_deleted_here(
    staff: Client, destination: Destination, sender: Sender
) -> None:
    sender.post(destination, key="lead-1")
    for row in (destination, DestinationSecret.objects.get(), Delivery.objects.get()):
        assert staff.post(find_page(row), {}).status_code == 403
        assert staff.get(f"{find_list(row)}add/").status_code == 403
        assert staff.post(f"{find_list(row)}{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_new_secret_is_asked_for_and_shown_once(staff: Client, destination: Destination) -> None:
    address = find_verb(destination, "rotate-secret")
    assert "Give this destination a new secret?" in staff.get(address).content.decode()
    assert destination.secrets.count() == 1
    answer = staff.post(address)
    shown = re.search(r"whsec_[\w+/]{43}=", answer.content.decode())
    assert shown is not None
    assert "no-store" in answer["Cache-Control"]
    assert destination.secrets.count() == 2
    assert shown[0] not in str(dict(staff.session))
    for page in (find_list(destination), find_page(destination)):
        assert shown[0] not in staff.get(page).content.decode()


def test_a_second_rotation_in_the_overlap_is_refused_in_words(
    staff: Client, destination: Destination
) -> None:
    address = find_verb(destination, "rotate-secret")
    staff.post(address)
    page = staff.post(address, follow=True).content.decode()
    assert "The previous secret is valid until" in page
    assert destination.secrets.count() == 2


def test_who_may_only_look_rotates_nothing(destination: Destination) -> None:
    viewer = sign_in("view_destination")
    assert viewer.get(find_page(destination)).status_code == 200
    assert viewer.post(find_verb(destination, "rotate-secret")).status_code == 403
    assert destination.secrets.count() == 1
    assert sign_in("view_run").get(find_list(destination)).status_code == 403


def test_a_verb_that_reveals_takes_no_selection(staff: Client, destination: Destination) -> None:
    select(staff, "rotate-secret", destination, confirmed="yes")
    assert destination.secrets.count() == 1


def test_destinations_and_deliveries_are_found(staff: Client, sender: Sender) -> None:
    wanted, other = DestinationFactory(name="CRM leads"), DestinationFactory(name="Billing")
    for destination in (wanted, other):
        sender.post(destination)
    slug = wanted.workspace.slug
    for parameters in ({"q": "crm"}, {"q": str(wanted.pk)}, {"workspace": slug}):
        page = staff.get(find_list(Destination), parameters).content.decode()
        assert "CRM leads" in page
        assert "Billing" not in page
    mine = Delivery.objects.get(destination_id=wanted.pk)
    theirs = Delivery.objects.get(destination_id=other.pk)
    for parameters in ({"q": str(wanted.pk)}, {"q": str(mine.run_id)}, {"workspace": slug}):
        page = staff.get(find_list(Delivery), parameters).content.decode()
        assert str(mine.pk) in page
        assert str(theirs.pk) not in page
    assert (
        str(mine.pk) not in staff.get(find_list(Delivery), {"status": "rejected"}).content.decode()
    )


def test_the_page_of_a_delivery_leads_to_its_run_and_fire(
    staff: Client, destination: Destination, sender: Sender
) -> None:
    sender.post(destination)
    delivery = Delivery.objects.get()
    page = staff.get(find_page(delivery)).content.decode()
    assert f"/admin/runs/run/{delivery.run_id}/change/" in page
    assert f"/admin/triggers/fire/{delivery.fire_id}/change/" in page
    run_page = staff.get(f"/admin/runs/run/{delivery.run_id}/change/").content.decode()
    assert find_page(delivery) in run_page


@pytest.mark.parametrize("model", [Destination, Delivery, DestinationSecret])
def test_lists_take_the_same_number_of_queries_for_any_number_of_rows(
    staff: Client, sender: Sender, model: type[Model]
) -> None:
    counts = []
    for _ in range(2):
        for _ in range(3):
            sender.post(DestinationFactory())
        with CaptureQueriesContext(connection) as queries:
            assert staff.get(find_list(model)).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]

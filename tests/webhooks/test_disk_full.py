"""The volume of Postgres is full: the server says so at a statement, or only at the commit."""

from collections.abc import Iterator

import pytest
from django.db import connection

from runs.models import Run
from tests.webhooks.conftest import Sender
from tests.webhooks.factories import DestinationFactory
from webhooks.models import DedupeKey, Delivery, Destination

FULL = """
CREATE FUNCTION refuse_for_want_of_space() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END
$$
"""
WHEN = {
    "statement": "CREATE TRIGGER full_volume BEFORE INSERT ON runs_run",
    "commit": "CREATE CONSTRAINT TRIGGER full_volume AFTER INSERT ON runs_run"
    " DEFERRABLE INITIALLY DEFERRED",
}


@pytest.fixture(params=list(WHEN))
def full_volume(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[Destination]:
    """A destination that was made while there was room."""
    destination = DestinationFactory()
    with connection.cursor() as cursor:
        cursor.execute(FULL)
        cursor.execute(
            f"{WHEN[request.param]} FOR EACH ROW EXECUTE FUNCTION refuse_for_want_of_space()"
        )
    yield destination
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER IF EXISTS full_volume ON runs_run")
        cursor.execute("DROP FUNCTION refuse_for_want_of_space")


@pytest.mark.django_db(transaction=True)
def test_f22_a_full_volume_is_a_503_and_accepts_nothing(
    full_volume: Destination, sender: Sender
) -> None:
    answer = sender.post(full_volume, key="once")

    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    assert not Run.objects.exists()
    assert not Delivery.objects.exists()
    assert not DedupeKey.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_f22_the_same_delivery_is_taken_once_there_is_room(
    full_volume: Destination, sender: Sender
) -> None:
    assert sender.post(full_volume, key="once").status_code == 503
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER full_volume ON runs_run")

    answer = sender.post(full_volume, key="once")

    assert (answer.status_code, answer.json()["status"]) == (200, "fired")
    assert Run.objects.count() == 1

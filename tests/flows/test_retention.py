"""History over its days goes for good, by the task itself, while the product goes on."""

import datetime as dt
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from console.tasks import prune_history
from events.models import Event
from events.services import append_event, create_missing_partitions
from tests.clients import open_door
from tests.events.factories import build_event, mint_id_at
from tests.factories import ActionFactory, queue_run
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db(transaction=True)
DAY = dt.timedelta(days=1)


def make_history(workspace_id: UUID, day: dt.datetime) -> UUID:
    """An event and a delivery of a day for which there were no partitions any more."""
    create_missing_partitions(today=day.date(), days_ahead=1)
    id_ = mint_id_at(day)
    append_event(build_event(id=id_, workspace_id=workspace_id))
    Delivery.objects.create(
        id=id_,
        workspace_id=workspace_id,
        destination_id=id_,
        trigger_id=id_,
        status="accepted",
        http_status=200,
        created_at=day,
    )
    return id_


def count_old(table: str, before: dt.datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ %s AND relname < %s",
            [f"^{table}_p[0-9]{{8}}$", f"{table}_p{before:%Y%m%d}"],
        )
        row: tuple[int] = cursor.fetchone()
    return row[0]


def read(workspace_id: UUID, path: str) -> Any:
    return open_door(workspace_id, "*").get(f"/v1/{workspace_id}/{path}")


def test_old_days_go_whole_and_their_ids_are_not_found() -> None:
    now = dt.datetime.now(dt.UTC)
    action = ActionFactory.create()
    workspace_id = action.workspace_id
    old = make_history(workspace_id, now - 185 * DAY)
    assert read(workspace_id, f"events/{old}").status_code == 200
    for _ in range(2):
        prune_history()
        assert count_old("events_event", now - 181 * DAY) == 0
        assert count_old("webhooks_delivery", now - 91 * DAY) == 0
    assert read(workspace_id, f"events/{old}").status_code == 404
    assert read(workspace_id, f"deliveries/{old}").status_code == 404
    # Today's history is written and read as ever.
    run = queue_run(action)
    assert Event.objects.filter(run_id=run.id).count() == 1
    assert read(workspace_id, "events").json()["items"][0]["run_id"] == str(run.id)


def test_days_of_a_chain_that_goes_on_stay() -> None:
    now = dt.datetime.now(dt.UTC)
    action = ActionFactory.create()
    old = make_history(action.workspace_id, now - 185 * DAY)
    run = queue_run(action, chain_id=old)
    prune_history()
    assert Event.objects.filter(id=old).exists()
    assert count_old("webhooks_delivery", now - 91 * DAY) == 0
    type(run).objects.update(status="completed", ended_at=now)
    prune_history()
    assert not Event.objects.filter(id=old).exists()
    assert count_old("events_event", now - 181 * DAY) == 0

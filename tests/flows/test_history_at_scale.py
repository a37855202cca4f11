"""Lists over many rows: a deep page costs what the first one does, and filters find their index."""

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from actions.models import Action
from benchmarks.rows import copy_row
from events.models import Event
from events.rules.ids import lowest_id
from events.services import append_event, list_events, list_trigger_events
from runs.models import Run
from runs.services import list_runs
from runs.services.retention import OLDEST_LIVE_CHAIN
from tests.events.factories import build_event
from tests.factories import ActionFactory, TriggerFactory, queue_run
from triggers.models import Fire, Trigger
from triggers.services import list_fires, list_triggers
from triggers.services.conditions import CONDITIONS, build_look
from webhooks.models import Delivery
from webhooks.services import list_deliveries

pytestmark = pytest.mark.django_db

COUNT = 8_000
LIMIT = 11
FIRST = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
DAY_MS = 86_000_000 / COUNT
MIDDLE = FIRST + dt.timedelta(hours=12)


@pytest.fixture
def action() -> Action:
    return ActionFactory.create()


def empty(table: str) -> None:
    """Give the table new files until the test ends: what earlier tests undid lies in its own ones,
    and a scan looks at all of that.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {table}")


def fill(table: str, **changes: Any) -> None:
    copy_row(table, COUNT, first=FIRST, milliseconds_apart=DAY_MS, changes=changes)


def analyze(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {table}")


@pytest.fixture
def events(action: Action) -> Action:
    """Common ones by the thousand."""
    append_event(build_event(workspace_id=action.workspace_id, event_type="trigger.fired"))
    fill("events_event")
    analyze("events_event")
    return action


@pytest.fixture
def runs(action: Action) -> Action:
    empty("runs_run")
    queue_run(action, status="completed", ended_at=timezone.now())
    fill("runs_run")
    analyze("runs_run")
    return action


@pytest.fixture
def trigger(action: Action) -> Trigger:
    made: Trigger = TriggerFactory.create(action=action, schedule="@hourly")
    return made


@pytest.fixture
def fires(trigger: Trigger) -> Trigger:
    empty("triggers_fire")
    Fire.objects.create(
        workspace_id=trigger.workspace_id,
        trigger_id=trigger.id,
        key="manual:0",
        cause="manual",
        outcome="fired",
        created_at=FIRST,
    )
    with connection.cursor() as cursor:
        # Unique per trigger.
        cursor.execute("ALTER TABLE triggers_fire DROP CONSTRAINT triggers_fire_key_unique")
    fill("triggers_fire")
    analyze("triggers_fire")
    return trigger


@pytest.fixture
def deliveries(trigger: Trigger) -> Trigger:
    Delivery.objects.create(
        workspace_id=trigger.workspace_id,
        destination_id=trigger.id,
        trigger_id=trigger.id,
        status="accepted",
        http_status=200,
        created_at=FIRST,
    )
    fill("webhooks_delivery")
    analyze("webhooks_delivery")
    return trigger


def page(rows: QuerySet[Any], *, after: UUID | None = None) -> dict[str, Any]:
    """What Postgres did for a page."""
    ordered = rows.order_by("-id")
    if after is not None:
        ordered = ordered.filter(id__lt=after)
    told: list[dict[str, Any]] = json.loads(
        ordered[:LIMIT].explain(format="json", analyze=True, buffers=True)
    )
    plan: dict[str, Any] = told[0]["Plan"]
    return plan


def walk(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from walk(child)


def count_pages(plan: dict[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def reads_runs(scan: dict[str, Any]) -> bool:
    """Also by an index alone, whose bitmap scan names no table."""
    return "runs_run" in (scan.get("Relation Name"), scan.get("Index Name", "")[:8])


def list_scans(plan: dict[str, Any]) -> set[tuple[str, str]]:
    """``(kind, index)`` of the scans that came to something or looked at much."""
    return {
        (node["Node Type"], node.get("Index Name", ""))
        for node in walk(plan)
        if "Scan" in node["Node Type"]
        and node.get("Actual Rows", 0) + node.get("Rows Removed by Filter", 0) > 0
    }


def assert_even(rows: QuerySet[Any]) -> None:
    """The first page, one in the middle, and the last one read about as much."""
    first = page(rows)
    assert not any(kind == "Sort" for kind, _ in list_scans(first))
    for moment in (MIDDLE, FIRST + dt.timedelta(minutes=2)):
        deep = page(rows, after=lowest_id(moment))
        assert deep["Actual Rows"] == LIMIT
        assert count_pages(deep) <= 1.5 * count_pages(first) + 5


def test_every_page_of_events_costs_the_same(events: Action) -> None:
    assert_even(list_events(events.workspace_id))


def test_every_page_of_runs_costs_the_same(runs: Action) -> None:
    assert_even(list_runs(runs.workspace_id))
    assert_even(list_runs(runs.workspace_id, action_id=runs.id))


def test_every_page_of_the_ledger_costs_the_same(fires: Trigger) -> None:
    assert_even(list_fires(workspace_id=fires.workspace_id, trigger_id=fires.id))


def test_every_page_of_deliveries_costs_the_same(deliveries: Trigger) -> None:
    assert_even(list_deliveries(workspace_id=deliveries.workspace_id))
    assert_even(list_deliveries(workspace_id=deliveries.workspace_id, destination_id=deliveries.id))


def assert_cheap(rows: QuerySet[Any], *, pages: int = 150) -> None:
    """A filter that finds nothing among many rows is told so by an index."""
    plan = page(rows)
    assert plan["Actual Rows"] == 0
    assert not any(kind == "Seq Scan" for kind, _ in list_scans(plan)), list_scans(plan)
    assert count_pages(plan) <= pages, list_scans(plan)


@pytest.mark.parametrize(
    "filters",
    [
        {"event_types": ["trigger.failed"]},
        {"trigger_id": uuid4()},
        {"destination_id": uuid4()},
        {"run_id": uuid4()},
        {"chain_id": uuid4()},
        {"until": FIRST},
        {"since": FIRST + dt.timedelta(days=1)},
    ],
)
def test_events_are_found_by_an_index(events: Action, filters: dict[str, Any]) -> None:
    assert_cheap(list_events(events.workspace_id, **filters))


def test_another_workspaces_events_are_not_walked(events: Action) -> None:
    assert_cheap(list_events(uuid4()))


def test_a_triggers_history_is_found_by_an_index(events: Action) -> None:
    assert_cheap(list_trigger_events(workspace_id=events.workspace_id, trigger_id=uuid4()))


@pytest.mark.parametrize(
    "filters",
    [
        {"statuses": ["failed"]},
        {"statuses": ["cancelled"]},
        {"statuses": ["failed", "cancelled"]},
        {"statuses": ["queued"]},
        {"statuses": ["running"]},
        {"statuses": ["delegated"]},
        {"statuses": ["queued", "running", "delegated"]},
        {"statuses": ["queued", "failed"]},
        {"trigger_id": uuid4()},
        {"action_id": uuid4()},
        {"chain_id": uuid4()},
        {"until": FIRST - dt.timedelta(hours=3)},
        {"since": FIRST + dt.timedelta(days=2)},
    ],
)
def test_runs_are_found_by_an_index(runs: Action, filters: dict[str, Any]) -> None:
    assert_cheap(list_runs(runs.workspace_id, **filters))


@pytest.mark.parametrize(
    "filters", [{"until": FIRST - dt.timedelta(hours=3)}, {"since": FIRST + dt.timedelta(days=2)}]
)
def test_fires_are_found_by_an_index(fires: Trigger, filters: dict[str, Any]) -> None:
    found = list_fires(workspace_id=fires.workspace_id, trigger_id=fires.id, **filters)
    assert_cheap(found)


@pytest.mark.parametrize("status", ["rejected", "duplicate", "filtered", "ignored", "challenge"])
def test_deliveries_that_fired_nothing_are_found_by_an_index(
    deliveries: Trigger, status: str
) -> None:
    found = list_deliveries(
        workspace_id=deliveries.workspace_id, destination_id=deliveries.id, statuses=[status]
    )
    assert_cheap(found)


@pytest.mark.parametrize("filters", [{"event_type": "rare"}, {"action_id": uuid4()}])
def test_triggers_are_found_by_an_index(trigger: Trigger, filters: dict[str, Any]) -> None:
    fill("triggers_trigger")
    analyze("triggers_trigger")
    assert_cheap(list_triggers(trigger.workspace_id, **filters))


def test_queued_runs_are_the_same_however_they_are_asked_for(action: Action) -> None:
    plain = queue_run(action)
    suspect = queue_run(action, lost_leases=1)
    held = queue_run(action, waits_for=plain.id)
    ended = queue_run(action, status="completed", ended_at=timezone.now())
    queued = list_runs(action.workspace_id, statuses=["queued"])
    assert {run.id for run in queued} == {plain.id, suspect.id, held.id}
    both = list_runs(action.workspace_id, statuses=["queued", "completed"])
    assert set(both.values_list("id", flat=True)) == {plain.id, suspect.id, held.id, ended.id}
    assert Run.objects.count() == 4


def test_copies_lie_in_the_partition_of_their_day(events: Action) -> None:
    assert Event.objects.filter(id__gte=lowest_id(FIRST)).count() > COUNT


def explain(sql: str) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}")
        told = cursor.fetchone()[0]
    plan: dict[str, Any] = (told if isinstance(told, list) else json.loads(told))[0]["Plan"]
    return plan


# Those of other tables meet what other tests have left behind.
ABOUT_RUNS = [name for name, condition in CONDITIONS.items() if "FROM runs_run" in condition]


@pytest.mark.parametrize("sql", [build_look(ABOUT_RUNS), OLDEST_LIVE_CHAIN])
def test_what_the_clock_asks_walks_no_run_that_has_ended(runs: Action, sql: str) -> None:
    plan = explain(sql)
    scans = [node for node in walk(plan) if "Scan" in node["Node Type"]]
    assert max(node.get("Rows Removed by Filter", 0) for node in scans) <= 5
    # Of triggers and calls, which some look up, earlier tests have left pages of dead rows behind.
    assert sum(count_pages(scan) for scan in scans if reads_runs(scan)) <= 150


def test_pruning_reads_what_is_old_and_no_more(runs: Action) -> None:
    ended = Run.objects.filter(id__lt=lowest_id(FIRST), status__in=["completed", "failed"])
    told = json.loads(
        ended.order_by("id")
        .values_list("id")[:5000]
        .explain(format="json", analyze=True, buffers=True)
    )
    assert count_pages(told[0]["Plan"]) <= 5

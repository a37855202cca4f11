"""Pages of a long history through the API: the first one beside those far down."""

import datetime as dt
import statistics
import time
from dataclasses import dataclass
from uuid import UUID

from django.test import Client

from benchmarks.machine import query, read_postgres_seconds
from benchmarks.results import Report, Row
from benchmarks.rows import copy_row
from benchmarks.scene import make_scene
from events.rules.event import NewEvent
from events.services import analyze_tables, append_event, create_missing_partitions
from workspaces.rest.pagination import encode_cursor
from workspaces.services import mint_api_key, new_id

# As long as events are kept by default.
DAYS = 180
_PAGE = 10
_TIMES = 150
_DEPTHS = (100, 10_000, 100_000, 400_000)


@dataclass(frozen=True)
class _Page:
    """A page of the list: which one, and the parameters that ask for it."""

    number: int
    parameters: dict[str, str]


def measure(report: Report, *, rows: int) -> None:
    """``rows`` events of one workspace over 180 days; each page in turn, as often."""
    workspace_id = _fill(report, rows)
    pages = [
        _Page(1, {}),
        *(_find_page(workspace_id, number) for number in _DEPTHS if number * _PAGE < rows),
    ]
    _, key = mint_api_key(
        workspace_id=workspace_id,
        name="bench",
        scopes=["events:read"],
        created_by="bench",
        rate_limit_per_minute=0,
    )
    client = Client(headers={"authorization": f"Bearer {key}"})
    url = f"/v1/{workspace_id}/events"
    seconds = _time_pages(client, url, pages)
    first = statistics.median(seconds[1])
    for page in pages:
        median = statistics.median(seconds[page.number])
        report.note(f"Page {page.number:,} of {rows:,} events: {median * 1000:.2f} ms.")
        if page.number > 1:
            what = f"history: page {page.number:,} of {rows:,} events / first page, by cursor"
            report.compare(what, median / first, at_most=1.2)


def _fill(report: Report, rows: int) -> UUID:
    today = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = today - dt.timedelta(days=DAYS)
    create_missing_partitions(today=first.date(), days_ahead=DAYS)
    scene = make_scene("history")
    append_event(
        NewEvent(
            id=new_id(),
            workspace_id=scene.workspace_id,
            event_type="trigger.completed",
            source="AUTOMATION",
            entity_type="run",
            entity_id=new_id(),
            data={"triggered_by": "schedule", "duration_ms": 12.5, "events_written": 1},
            run_id=new_id(),
            trigger_id=new_id(),
            effective_at=today,
        )
    )
    begun, cpu_before = time.monotonic(), read_postgres_seconds()
    copy_row(
        "events_event",
        rows,
        first=first,
        milliseconds_apart=DAYS * 86_400_000 / rows,
        where={"workspace_id": str(scene.workspace_id)},
    )
    analyze_tables()
    seconds = time.monotonic() - begun
    report.add("history", Row("filling", rows, seconds, read_postgres_seconds() - cpu_before))
    return scene.workspace_id


def _find_page(workspace_id: UUID, number: int) -> _Page:
    """As a reader comes to it who turned all pages before."""
    [(last_id,)] = query(
        "SELECT id FROM events_event WHERE workspace_id = %s ORDER BY id DESC OFFSET %s LIMIT 1",
        [workspace_id, (number - 1) * _PAGE - 1],
    )
    return _Page(number, {"cursor": encode_cursor(last_id)})


def _time_pages(client: Client, url: str, pages: list[_Page]) -> dict[int, list[float]]:
    seconds: dict[int, list[float]] = {page.number: [] for page in pages}
    for _ in range(_TIMES):
        # In turn, so that whatever else the machine does meets all of them.
        for page in pages:
            begun = time.perf_counter()
            answer = client.get(url, page.parameters)
            seconds[page.number].append(time.perf_counter() - begun)
            if len(answer.json()["items"]) != _PAGE:
                raise RuntimeError(f"page {page.number} is not full: {answer.content!r}")
    return seconds

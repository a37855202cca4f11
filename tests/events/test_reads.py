"""Chains, runs' timelines and triggers' histories, and how little of the ledger they touch."""

import datetime as dt
import re
from uuid import UUID

import pytest
from django.db.models import QuerySet
from pytest_django import DjangoAssertNumQueries

from events.models import Event
from events.rules.event import API, NewEvent
from events.services import (
    append_events,
    find_event,
    list_chain,
    list_events,
    list_run_events,
    list_trigger_events,
    reads,
)
from tests.events.factories import build_event, mint_id_at
from workspaces.rules.problems import NotFound
from workspaces.services import new_id

pytestmark = pytest.mark.django_db


def write_chain(
    *event_types: str, workspace_id: UUID, run_id: UUID | None = None
) -> list[NewEvent]:
    """A chain in which each event led to the next one."""
    events: list[NewEvent] = []
    for event_type in event_types:
        first, previous = (events[0], events[-1]) if events else (None, None)
        events.append(
            build_event(
                workspace_id=workspace_id,
                event_type=event_type,
                chain_id=first and first.id,
                parent_id=previous and previous.id,
                run_id=run_id,
            )
        )
    append_events(events)
    return events


def count_scanned_partitions(events: QuerySet[Event]) -> int:
    return len(set(re.findall(r"events_event_p\d{8}", events.explain())))


def test_a_chain_is_ordered_by_parents_though_a_clock_went_backwards() -> None:
    workspace_id, now = new_id(), dt.datetime.now(dt.UTC)
    fired = build_event(workspace_id=workspace_id, id=mint_id_at(now))
    behind = build_event(
        workspace_id=workspace_id,
        id=mint_id_at(now - dt.timedelta(minutes=80)),
        event_type="trigger.completed",
        chain_id=fired.id,
        parent_id=fired.id,
    )
    append_events([behind, fired])
    chain = list_chain(workspace_id=workspace_id, chain_id=fired.id)
    assert [event.id for event in chain] == [fired.id, behind.id]


def test_a_chain_of_another_workspace_is_empty() -> None:
    fired, *_ = write_chain("trigger.fired", workspace_id=new_id())
    assert list_chain(workspace_id=new_id(), chain_id=fired.id) == []


def test_an_endless_chain_is_cut_and_not_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "MAX_CHAIN", 3)
    workspace_id = new_id()
    events = write_chain(*["lead.moved"] * 5, workspace_id=workspace_id)
    chain = list_chain(workspace_id=workspace_id, chain_id=events[0].id)
    assert [event.id for event in chain] == [event.id for event in events[:3]]


def test_a_runs_events_leave_out_its_siblings_in_the_chain() -> None:
    workspace_id, mine, other = new_id(), new_id(), new_id()
    first = build_event(workspace_id=workspace_id, run_id=other)
    fired, done = (
        build_event(workspace_id=workspace_id, chain_id=first.id, run_id=mine) for _ in range(2)
    )
    other_done = build_event(
        workspace_id=workspace_id, chain_id=first.id, parent_id=first.id, run_id=other
    )
    append_events([first, fired, done, other_done])
    events = list_run_events(workspace_id=workspace_id, chain_id=first.id, run_id=mine)
    assert [event.id for event in events] == [fired.id, done.id]


def test_a_triggers_history_leaves_out_what_callers_did_to_it() -> None:
    workspace_id, trigger_id = new_id(), new_id()
    kept = [
        build_event(workspace_id=workspace_id, trigger_id=trigger_id, event_type=event_type)
        for event_type in ("trigger.fired", "lead.emitted", "trigger.failed", "trigger.skipped")
    ]
    left_out = [
        build_event(
            workspace_id=workspace_id,
            trigger_id=trigger_id,
            event_type=event_type,
            source=source,
        )
        for event_type, source in [
            ("trigger.created", API),
            ("trigger.paused", "AUTOMATION"),
            ("webhook.received", "WEBHOOK"),
        ]
    ]
    others = [
        build_event(workspace_id=workspace_id, trigger_id=new_id()),
        build_event(trigger_id=trigger_id),
    ]
    append_events([*kept, *left_out, *others])
    history = list_trigger_events(workspace_id=workspace_id, trigger_id=trigger_id)
    assert {event.id for event in history} == {event.id for event in kept}


def test_an_event_of_another_workspace_is_not_found() -> None:
    event, *_ = write_chain("trigger.fired", workspace_id=new_id())
    assert find_event(workspace_id=event.workspace_id, event_id=event.id).pk == event.id
    with pytest.raises(NotFound):
        find_event(workspace_id=new_id(), event_id=event.id)


def test_patterns_and_plain_types_are_any_of() -> None:
    workspace_id = new_id()
    write_chain(
        "lead.created", "lead.moved", "leads.x", "trigger.fired", "a.b", workspace_id=workspace_id
    )
    found = list_events(workspace_id, event_types=["lead.*", "trigger.fired"])
    assert set(found.values_list("event_type", flat=True)) == {
        "lead.created",
        "lead.moved",
        "trigger.fired",
    }


def test_dots_of_a_pattern_are_dots() -> None:
    workspace_id = new_id()
    write_chain("leadXcreated", "lead.created", workspace_id=workspace_id)
    found = list_events(workspace_id, event_types=["lead.*"])
    assert [event.event_type for event in found] == ["lead.created"]


def test_since_is_included_and_until_is_not_by_what_created_at_shows() -> None:
    workspace_id = new_id()
    base = dt.datetime.now(dt.UTC).replace(microsecond=500_000)
    times = [base + dt.timedelta(milliseconds=step) for step in (0, 1, 2)]
    append_events([build_event(id=mint_id_at(time), workspace_id=workspace_id) for time in times])
    found = list_events(workspace_id, since=times[1], until=times[2])
    assert [event.created_at for event in found] == [times[1]]
    # Finer than a millisecond: the event of `times[1]` is earlier than this.
    later = times[1] + dt.timedelta(microseconds=1)
    assert [event.created_at for event in list_events(workspace_id, since=later)] == [times[2]]


def test_reads_that_know_a_time_leave_other_partitions_alone() -> None:
    now = dt.datetime.now(dt.UTC)
    by_range = list_events(new_id(), since=now, until=now + dt.timedelta(minutes=1))
    assert count_scanned_partitions(by_range) <= 2
    # Thirty days and more are there; of what began in twenty days, only the last ten can tell.
    late = mint_id_at(now + dt.timedelta(days=20))
    for events in (
        list_events(new_id(), chain_id=late),
        list_events(new_id(), run_id=late),
        list_events(new_id(), trigger_id=late),
        list_trigger_events(workspace_id=new_id(), trigger_id=late),
    ):
        assert 1 <= count_scanned_partitions(events) <= 12


def test_a_chain_is_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    workspace_id, run_id = new_id(), new_id()
    first, *_ = write_chain(*["x"] * 9, workspace_id=workspace_id, run_id=run_id)
    with django_assert_num_queries(1):
        assert len(list_chain(workspace_id=workspace_id, chain_id=first.id)) == 9
    with django_assert_num_queries(1):
        events = list_run_events(workspace_id=workspace_id, chain_id=first.id, run_id=run_id)
    assert len(events) == 9

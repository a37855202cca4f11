"""The ledger checker finds nothing in a whole ledger, and in a doctored one what was doctored."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.ledger import (
    Acknowledged,
    EventRow,
    FireRow,
    Ledger,
    RunRow,
    find_faults,
)

NOON = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
ONE = dt.timedelta(hours=1)
CALENDAR = {"trigger": [NOON, NOON + ONE]}
ACKNOWLEDGED = [
    Acknowledged(run_id="run-0", fired_event_id="run-0.fired", key="a"),
    Acknowledged(run_id="run-0", fired_event_id="run-0.fired", key="a"),
    Acknowledged(run_id="run-1", fired_event_id="run-1.fired"),
]
EXECUTIONS = {"run-0": [1, 2], "run-1": [1, 2]}


def build_ledger() -> Ledger:
    """Two slots, two runs; each lost its worker once and then completed."""
    ledger = Ledger()
    for number in range(2):
        run_id = f"run-{number}"
        ledger.fires.append(
            FireRow(
                id=f"{run_id}.fire",
                trigger_id="trigger",
                key=f"slot:{number}",
                cause="schedule",
                outcome="fired",
                scheduled_for=NOON + number * ONE,
                scheduled_until=None,
                slot_count=1,
                run_id=run_id,
                fired_event_id=f"{run_id}.fired",
            )
        )
        ledger.runs.append(
            RunRow(
                id=run_id,
                trigger_id="trigger",
                fire_id=f"{run_id}.fire",
                status="completed",
                attempt=2,
                lost_leases=1,
                chain_id=f"{run_id}.fired",
                fired_event_id=f"{run_id}.fired",
                last_event_id=f"{run_id}.completed",
            )
        )
        lost = {"attempt": 1, "error": {"code": "worker_lost"}}
        ledger.events += [
            build_event(run_id, "fired", None),
            build_event(run_id, "retrying", "fired", lost),
            build_event(run_id, "completed", "retrying"),
        ]
    return ledger


def build_event(
    run_id: str, name: str, parent: str | None, data: dict[str, Any] | None = None
) -> EventRow:
    return EventRow(
        id=f"{run_id}.{name}",
        chain_id=f"{run_id}.fired",
        parent_id=None if parent is None else f"{run_id}.{parent}",
        run_id=run_id,
        event_type=f"trigger.{name}",
        data=data or {},
    )


def find_kinds(ledger: Ledger, **options: Any) -> set[str]:
    options = {
        "acknowledged": ACKNOWLEDGED,
        "calendar": CALENDAR,
        "executions": EXECUTIONS,
        **options,
    }
    return {fault.kind for fault in find_faults(ledger, **options)}


def test_a_whole_ledger_has_no_fault() -> None:
    assert find_faults(build_ledger(), acknowledged=ACKNOWLEDGED, calendar=CALENDAR) == []
    assert find_kinds(build_ledger(), has_process_died=False) == set()


def take_run_away(ledger: Ledger) -> None:
    del ledger.runs[1]


def take_fire_away(ledger: Ledger) -> None:
    del ledger.fires[1]


def double_a_fire(ledger: Ledger) -> None:
    ledger.fires.append(replace(ledger.fires[1], id="again", run_id=None, outcome="missed"))


def fire_an_unasked_slot(ledger: Ledger) -> None:
    ledger.fires[1] = replace(ledger.fires[1], scheduled_for=NOON + 2 * ONE)


def fire_a_slot_twice(ledger: Ledger) -> None:
    ledger.fires.append(replace(ledger.fires[1], id="again", key="another"))


def swap_the_runs_of_fires(ledger: Ledger) -> None:
    first, second = ledger.fires
    ledger.fires[:] = [
        replace(first, run_id=second.run_id),
        replace(second, run_id=first.run_id),
    ]


def end_a_run_twice(ledger: Ledger) -> None:
    ledger.events.append(build_event("run-1", "failed", "completed"))


def tell_of_another_end(ledger: Ledger) -> None:
    ledger.events[5] = build_event("run-1", "failed", "retrying")


def never_tell_the_end(ledger: Ledger) -> None:
    del ledger.events[5]


def leave_a_run_running(ledger: Ledger) -> None:
    ledger.runs[1] = replace(ledger.runs[1], status="running", last_event_id="run-1.retrying")
    del ledger.events[5]


def count_an_attempt_too_many(ledger: Ledger) -> None:
    ledger.runs[1] = replace(ledger.runs[1], attempt=3)


def skip_an_attempt(ledger: Ledger) -> None:
    lost = {"attempt": 2, "error": {"code": "worker_lost"}}
    ledger.events[4] = build_event("run-1", "retrying", "fired", lost)


def hide_a_lost_lease(ledger: Ledger) -> None:
    ledger.runs[1] = replace(ledger.runs[1], lost_leases=0)


def take_the_beginning_away(ledger: Ledger) -> None:
    del ledger.events[3]


def begin_a_chain_twice(ledger: Ledger) -> None:
    ledger.events[5] = build_event("run-1", "completed", None)


def break_a_chain(ledger: Ledger) -> None:
    ledger.events[5] = build_event("run-1", "completed", "nothing")


def close_a_chain_to_a_circle(ledger: Ledger) -> None:
    ledger.events[4] = replace(ledger.events[4], parent_id="run-1.completed")


def fork_a_chain(ledger: Ledger) -> None:
    ledger.events[5] = build_event("run-1", "completed", "fired")


def point_a_run_elsewhere(ledger: Ledger) -> None:
    ledger.runs[1] = replace(ledger.runs[1], last_event_id="run-1.retrying")


@pytest.mark.parametrize(
    ("doctor", "kind"),
    [
        (take_run_away, "acknowledged_lost"),
        (take_run_away, "fire_without_run"),
        (take_run_away, "executed_unknown"),
        (take_fire_away, "acknowledged_lost"),
        (take_fire_away, "run_without_fire"),
        (take_fire_away, "slot_missing"),
        (double_a_fire, "fire_doubled"),
        (fire_an_unasked_slot, "slot_unasked"),
        (fire_an_unasked_slot, "slot_missing"),
        (fire_a_slot_twice, "slot_doubled"),
        (fire_a_slot_twice, "run_without_fire"),
        (swap_the_runs_of_fires, "fire_and_run_differ"),
        (end_a_run_twice, "ended_twice"),
        (end_a_run_twice, "chain_goes_on"),
        (tell_of_another_end, "end_not_told"),
        (never_tell_the_end, "end_not_told"),
        (leave_a_run_running, "not_ended"),
        (count_an_attempt_too_many, "attempts_broken"),
        (skip_an_attempt, "attempts_broken"),
        (hide_a_lost_lease, "lost_lease_not_told"),
        (take_the_beginning_away, "fired_not_told"),
        (take_the_beginning_away, "chain_broken"),
        (begin_a_chain_twice, "chain_broken"),
        (break_a_chain, "chain_broken"),
        (close_a_chain_to_a_circle, "chain_broken"),
        (fork_a_chain, "chain_forked"),
        (point_a_run_elsewhere, "chain_goes_on"),
    ],
)
def test_a_doctored_ledger_is_found_out(doctor: Callable[[Ledger], None], kind: str) -> None:
    ledger = build_ledger()
    doctor(ledger)
    assert kind in find_kinds(ledger)


def test_an_answer_that_no_row_backs_is_found_out() -> None:
    lost = Acknowledged(run_id="run-9", fired_event_id="run-9.fired", key="b")
    assert find_kinds(build_ledger(), acknowledged=[lost]) == {"acknowledged_lost"}


def test_one_delivery_answered_with_two_runs_is_found_out() -> None:
    twice = [replace(ACKNOWLEDGED[0]), replace(ACKNOWLEDGED[2], key="a")]
    assert "key_fired_twice" in find_kinds(build_ledger(), acknowledged=twice)


def test_two_deliveries_answered_with_one_run_are_found_out() -> None:
    shared = [ACKNOWLEDGED[0], replace(ACKNOWLEDGED[0], key="b")]
    assert find_kinds(build_ledger(), acknowledged=shared) == {"run_answered_twice"}


@pytest.mark.parametrize(
    ("seen", "kinds"),
    [
        ([], {"not_executed"}),
        ([1, 2, 2], {"executed_twice"}),
        ([1, 2, 3], {"executed_twice"}),
        ([2, 1], {"attempts_fell"}),
        ([2], set()),
    ],
)
def test_what_the_target_saw_is_compared(seen: list[int], kinds: set[str]) -> None:
    assert find_kinds(build_ledger(), executions={**EXECUTIONS, "run-1": seen}) == kinds


def test_where_no_process_died_every_attempt_is_seen() -> None:
    executions = {**EXECUTIONS, "run-1": [2]}
    kinds = find_kinds(build_ledger(), executions=executions, has_process_died=False)
    assert kinds == {"attempt_unseen"}


def test_a_zombie_may_come_late() -> None:
    executions = {**EXECUTIONS, "run-1": [2, 1]}
    assert find_kinds(build_ledger(), executions=executions, has_zombie=True) == set()


def test_a_run_that_waits_is_no_fault_unless_it_had_to_end() -> None:
    ledger = build_ledger()
    leave_a_run_running(ledger)
    assert find_kinds(ledger, is_complete=False) == set()


def test_only_the_runs_of_a_target_are_looked_for_there() -> None:
    assert find_kinds(build_ledger(), executions={}, executed_by=["another"]) == set()
    assert "executed_unknown" in find_kinds(build_ledger(), executed_by=["another"])

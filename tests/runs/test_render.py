"""A run as the API shows it, for each stage of its life."""

import datetime as dt
from typing import Any

import pytest

from runs.models import Run
from runs.rules.render import render_run
from workspaces.services import new_id

NOW = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)
BACKOFF = {
    "strategy": "backoff",
    "max_retries": 3,
    "base_delay_seconds": 2.0,
    "max_delay_seconds": 600.0,
}


def render(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "workspace_id": new_id(),
        "action_id": new_id(),
        "action_type": "noop",
        "status": "queued",
        "cause": "manual",
        "triggered_by": "manual:key:1",
        "priority": 5,
        "available_at": NOW + dt.timedelta(seconds=8),
        "input": {"a": 1},
        "retry": BACKOFF,
        "fired_event_id": new_id(),
        "chain_id": new_id(),
        "created_at": NOW,
    }
    return render_run(Run(**fields | changes))


def test_a_fresh_run_has_exactly_the_members_of_the_contract() -> None:
    run = render()
    assert set(run) == {
        "id",
        "workspace_id",
        "trigger_id",
        "fire_id",
        "action_id",
        "action_type",
        "status",
        "cause",
        "triggered_by",
        "priority",
        "scheduled_for",
        "input",
        "output",
        "error",
        "attempt",
        "max_attempts",
        "next_attempt_at",
        "waits_for",
        "started_at",
        "ended_at",
        "duration_ms",
        "fired_event_id",
        "chain_id",
        "rerun_of",
        "created_at",
    }
    assert (run["attempt"], run["max_attempts"], run["created_at"]) == (
        0,
        4,
        "2026-11-24T09:00:00Z",
    )
    nothing_yet = ("output", "error", "next_attempt_at", "started_at", "ended_at", "duration_ms")
    assert [run[member] for member in nothing_yet] == [None] * 6


@pytest.mark.parametrize(
    ("status", "attempt", "expected"),
    [
        ("queued", 0, None),
        ("queued", 1, "2026-11-24T09:00:08Z"),
        ("running", 1, None),
        ("failed", 4, None),
    ],
)
def test_only_a_run_that_waits_for_a_retry_has_a_next_attempt(
    status: str, attempt: int, expected: str | None
) -> None:
    assert render(status=status, attempt=attempt)["next_attempt_at"] == expected


def test_a_run_without_retries_has_one_attempt() -> None:
    assert render(retry={**BACKOFF, "strategy": "none"})["max_attempts"] == 1


def test_the_duration_runs_from_the_first_start_to_the_end() -> None:
    ended = render(
        status="completed",
        started_at=NOW,
        ended_at=NOW + dt.timedelta(seconds=1, microseconds=234_567),
        output={"ok": True},
    )
    assert (ended["duration_ms"], ended["output"]) == (1234.567, {"ok": True})
    assert ended["ended_at"] == "2026-11-24T09:00:01.234567Z"


def test_a_run_cancelled_before_it_started_took_no_time() -> None:
    assert render(status="cancelled", ended_at=NOW)["duration_ms"] is None

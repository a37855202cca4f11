"""The sentence and the verdict, from what is known."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from triggers.rules.explain import Act, Case, LedgerRow, judge, tell

AT = dt.datetime(2026, 3, 1, 2, 30, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


def row(outcome: str = "fired", **fields: Any) -> LedgerRow:
    return LedgerRow(
        **{
            "outcome": outcome,
            "cause": "schedule",
            "reason": None,
            "recorded_at": AT,
            "triggered_by": "slot:2026-03-01T02",
            **fields,
        }
    )


def case(**fields: Any) -> Case:
    return Case(
        **{
            "at": AT,
            "now": AT + 10 * MINUTE,
            "zone": ZoneInfo("UTC"),
            "created_at": AT - dt.timedelta(days=1),
            "schedule": "30 2 * * *",
            "is_slot": True,
            "next_slot": AT + dt.timedelta(days=1),
            "last_slot": AT,
            **fields,
        }
    )


@pytest.mark.parametrize(
    ("fields", "verdict", "answer"),
    [
        ({"rows": (row(),)}, "fired", "It fired at 02:30."),
        (
            {"rows": (row(recorded_at=AT + dt.timedelta(seconds=75), run_status="failed"),)},
            "fired",
            "It fired at 02:31:15, 75 s late; its run is failed.",
        ),
        (
            {"rows": (row(cause="backfill", triggered_by="backfill:7"),)},
            "fired",
            "It fired at 02:30, by backfill:7.",
        ),
        (
            {
                "rows": (
                    row("input_invalid"),
                    row(cause="backfill", triggered_by="backfill:7", recorded_at=AT + 9 * MINUTE),
                )
            },
            "fired",
            "It fired at 02:39, by backfill:7, after its own time was refused.",
        ),
        (
            {"rows": (row("missed", recorded_at=AT + MINUTE),)},
            "missed",
            "It was missed by 60 s: no scheduler fired it in time.",
        ),
        (
            {
                "rows": (row("superseded"),),
                "gap": (AT - MINUTE, None),
            },
            "superseded",
            "It was superseded by a later slot, while no scheduler ticked since 02:29.",
        ),
        (
            {"is_exhausted": True},
            "exhausted",
            "The schedule is exhausted: its last slot was 02:30.",
        ),
        (
            {"is_exhausted": True, "last_slot": None},
            "exhausted",
            "The schedule has no slot any more.",
        ),
        (
            {"is_slot": False, "next_slot": None},
            "not_a_slot",
            "It is not a slot of 30 2 * * *: no later one will come.",
        ),
        (
            {"is_slot": False},
            "not_a_slot",
            "It is not a slot of 30 2 * * *: next is 02:30 on 2026-03-02.",
        ),
        (
            {"pause": Act(by="the scheduler", at=AT - MINUTE)},
            "paused",
            "The trigger was paused by the scheduler at 02:29.",
        ),
        ({"is_owed": True}, "future", "It is due since 600 s and not fired yet."),
        (
            {},
            "not_a_slot",
            "Nothing is on record: the trigger was resumed or changed at that very time, or its "
            "row was deleted by hand.",
        ),
    ],
)
def test_what_is_known_in_a_sentence(fields: dict[str, Any], verdict: str, answer: str) -> None:
    known = case(**fields)
    assert judge(known) == verdict
    assert tell(known) == answer


def test_times_are_told_on_the_zones_clocks() -> None:
    known = case(zone=ZoneInfo("Asia/Tokyo"), pause=Act(by="key:1", at=AT - MINUTE))
    assert tell(known) == "The trigger was paused by key:1 at 11:29."

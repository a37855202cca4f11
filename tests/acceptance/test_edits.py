"""Triggers that are edited, paused and deleted at the very moment at which they are due."""

import datetime as dt
import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from benchmarks.ledger import find_faults, read_ledger
from tests.acceptance.conftest import Stack, wait_until

pytestmark = pytest.mark.acceptance

TRIGGERS = 30
# How far around the slot the change is sent.
SPREAD_SECONDS = 0.4


def make_due(stack: Stack, action_id: str, slot: dt.datetime) -> list[dict[str, Any]]:
    schedule = f"@at {slot:%Y-%m-%dT%H:%M:%SZ}"
    with ThreadPoolExecutor(8) as makers:
        made = [
            makers.submit(
                stack.make_trigger, action_id, schedule=schedule, input_template={"version": 1}
            )
            for _ in range(TRIGGERS)
        ]
        return [trigger.result() for trigger in made]


def count_fires(stack: Stack, trigger_id: str) -> int:
    rows = stack.query(
        "SELECT count(*) FROM triggers_fire WHERE trigger_id = %s AND outcome = 'fired'",
        trigger_id,
    )
    return int(rows[0][0])


def change(stack: Stack, trigger: dict[str, Any], how: str, at: float) -> int:
    """Change a trigger at a time; how many fires it had once the change was answered."""
    time.sleep(max(0.0, at - time.time()))
    address = f"/triggers/{trigger['id']}"
    if how == "pause":
        answer = stack.client.post(f"{address}/pause", json={})
    elif how == "delete":
        answer = stack.client.delete(address)
    else:
        answer = stack.client.patch(address, json={"input_template": {"version": 2}})
    assert answer.is_success, answer.text
    return count_fires(stack, trigger["id"])


@pytest.mark.parametrize("how", ["edit", "pause", "delete"])
def test_f20_a_change_at_the_due_instant_comes_before_the_fire_or_after_it(
    stack: Stack, how: str, request: pytest.FixtureRequest
) -> None:
    """Old or new, never both; no slot fires after a pause or a deletion was committed."""
    dice = random.Random(request.node.name)  # noqa: S311 - the same spread each time
    action_id = stack.make_action()
    slot = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(seconds=5)
    triggers = make_due(stack, action_id, slot)
    times = [slot.timestamp() + dice.uniform(-SPREAD_SECONDS, SPREAD_SECONDS) for _ in triggers]
    assert time.time() < slot.timestamp() - 2 * SPREAD_SECONDS, "too slow a machine for this test"
    with ThreadPoolExecutor(TRIGGERS) as changers:
        answered = list(
            changers.map(lambda trigger, at: change(stack, trigger, how, at), triggers, times)
        )
    ids = [trigger["id"] for trigger in triggers]
    wait_until(lambda: count_idle(stack, ids) == 0, seconds=30, what="every run's end")
    time.sleep(1.5)
    fires = [count_fires(stack, trigger_id) for trigger_id in ids]
    assert set(fires) <= {0, 1}
    if how == "edit":
        versions = stack.query(
            "SELECT DISTINCT input->>'version' FROM runs_run WHERE trigger_id = ANY(%s::uuid[])",
            ids,
        )
        assert fires == [1] * TRIGGERS
        assert {version for (version,) in versions} <= {"1", "2"}
    else:
        assert fires == answered, "a slot fired after the change was committed"
    assert find_faults(read_ledger(stack.database_url, ids)) == []


def count_idle(stack: Stack, trigger_ids: list[str]) -> int:
    """Runs that are not done, and triggers whose slot is due and has been left alone."""
    rows = stack.query(
        "SELECT (SELECT count(*) FROM runs_run WHERE trigger_id = ANY(%s::uuid[])"
        " AND status IN ('queued', 'running')) + (SELECT count(*) FROM triggers_schedulestate"
        " WHERE trigger_id = ANY(%s::uuid[]) AND due_at IS NOT NULL)",
        trigger_ids,
        trigger_ids,
    )
    return int(rows[0][0])

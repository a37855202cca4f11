"""The main job on a real stack: a signed webhook and a cron line each leave a whole chain of
events.
"""

import datetime as dt
import os
import subprocess
import sys
import time
from typing import Any

import httpx
import pytest

from tests.acceptance.conftest import CHECKOUT, Sink, Stack, post_signed, sign, wait_until

pytestmark = pytest.mark.acceptance

LEAD = {
    "type": "lead.created",
    "data": {"id": "L-1001", "contact": {"name": "Ada Lovelace", "phone": "+14155550101"}},
}


def read_chain(stack: Stack, run_id: str) -> list[dict[str, Any]]:
    chain: list[dict[str, Any]] = stack.get(f"/runs/{run_id}/events")["items"]
    return chain


def wait_for_run(stack: Stack, run_id: str, *, seconds: float = 10) -> dict[str, Any]:
    def ended() -> Any:
        run = stack.get(f"/runs/{run_id}")
        return run if run["status"] in {"completed", "failed", "cancelled"} else None

    run: dict[str, Any] = wait_until(ended, seconds=seconds, what=f"the end of run {run_id}")
    return run


def test_a_signed_webhook_fires_an_action_and_leaves_its_whole_chain(
    stack: Stack, sink: Sink
) -> None:
    action_id = stack.make_action(
        action_type="http_request",
        config={
            "method": "POST",
            "url": sink.url,
            "body": {"phone": "{{ input.phone_to }}", "lead": "{{ input.lead }}"},
        },
    )
    trigger = stack.make_trigger(
        action_id,
        event_type="lead.created",
        input_template={"lead": "{{ payload.data.id }}", "phone_to": "unknown"},
    )
    destination = stack.make_destination(
        trigger["id"],
        accepted_event_types=["lead.*"],
        field_mapping={"phone_to": "data.contact.phone"},
    )
    answer = post_signed(stack.client, destination, LEAD, key="lead-1001")
    assert answer.status_code == 200, answer.text
    fired = answer.json()
    assert fired["status"] == "fired"
    run = wait_for_run(stack, fired["run_id"])
    assert run["status"] == "completed"
    assert run["input"] == {"lead": "L-1001", "phone_to": "+14155550101"}
    assert sink.seen[fired["run_id"]] == 1

    chain = read_chain(stack, fired["run_id"])
    assert [event["event_type"] for event in chain] == ["trigger.fired", "trigger.completed"]
    assert {event["chain_id"] for event in chain} == {fired["fired_event_id"]}
    assert {event["source"] for event in chain} == {"AUTOMATION"}
    assert {event["data"]["triggered_by"] for event in chain} == {f"webhook:{destination['id']}"}

    again = post_signed(stack.client, destination, LEAD, key="lead-1001")
    assert again.status_code == 200
    assert again.json()["status"] == "duplicate"
    assert again.json()["run_id"] == fired["run_id"]

    forged = httpx.post(
        destination["url"], content=b"{}", headers=sign("whsec_not-the-secret-at-all", b"{}")
    )
    assert forged.status_code == 401
    deliveries = stack.get(f"/webhook-destinations/{destination['id']}/deliveries")["items"]
    assert [delivery["status"] for delivery in deliveries] == ["rejected", "duplicate", "accepted"]


def test_a_cron_line_fires_at_the_instant_that_it_promised(stack: Stack) -> None:
    trigger = stack.make_trigger(stack.make_action(), schedule="* * * * *")
    promised = trigger["next_fire_at"]
    (fire,) = wait_until(
        lambda: stack.get(f"/triggers/{trigger['id']}/fires")["items"],
        seconds=75,
        what="the first fire",
    )
    assert (fire["scheduled_for"], fire["outcome"], fire["cause"]) == (
        promised,
        "fired",
        "schedule",
    )
    assert wait_for_run(stack, fire["run_id"])["status"] == "completed"
    chain = read_chain(stack, fire["run_id"])
    assert [event["event_type"] for event in chain] == ["trigger.fired", "trigger.completed"]
    assert {event["data"]["triggered_by"] for event in chain} == {"schedule"}
    lateness = stack.query(
        "SELECT extract(epoch FROM created_at - scheduled_for)::float8"
        " FROM triggers_fire WHERE id = %s",
        fire["fire_id"],
    )[0][0]
    # Nobody slept through it. How late fires are is a matter of `benchmarks latency`.
    assert 0 <= lateness < 2
    stack.client.delete(f"/triggers/{trigger['id']}")


def test_two_beats_fire_five_hundred_triggers_once_each_within_a_second(stack: Stack) -> None:
    """R1: one ledger row per trigger and slot, with any number of Beats."""
    second_beat = _start_second_beat(stack)
    try:
        action_id = stack.make_action()
        wait_until(lambda: 5 < dt.datetime.now(dt.UTC).second < 35, seconds=60, what="room")
        triggers = [stack.make_trigger(action_id, schedule="* * * * *") for _ in range(500)]
        ids = [trigger["id"] for trigger in triggers]
        (promised,) = {trigger["next_fire_at"] for trigger in triggers}
        time.sleep(
            (dt.datetime.fromisoformat(promised) - dt.datetime.now(dt.UTC)).total_seconds() + 3
        )
        rows = stack.query(
            "SELECT count(*), count(DISTINCT trigger_id), count(run_id),"
            " max(extract(epoch FROM created_at - scheduled_for))::float8"
            " FROM triggers_fire WHERE trigger_id = ANY(%s) AND scheduled_for = %s",
            ids,
            promised,
        )
        fires, distinct, runs, lateness = rows[0]
        assert (fires, distinct, runs) == (500, 500, 500)
        assert lateness < 1.0
        completed = (
            "SELECT count(*) FROM runs_run WHERE trigger_id = ANY(%s) AND status = 'completed'"
        )
        wait_until(
            lambda: stack.query(completed, ids)[0][0] >= 500, seconds=10, what="500 completed runs"
        )
    finally:
        second_beat.kill()
        second_beat.wait()
        stack.query("DELETE FROM triggers_schedulestate WHERE next_fire_at IS NOT NULL RETURNING 1")


def _start_second_beat(stack: Stack) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        **stack.environment,
        "CLOCKHOOK_ROLE": "beat",
        "DATABASE_URL": stack.database_url,
        "REDIS_URL": stack.redis_url,
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "config",
            "beat",
            "-S",
            "triggers.scheduler:TriggerScheduler",
        ],
        cwd=CHECKOUT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

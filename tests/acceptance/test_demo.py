"""``make demo`` beside a running stack: seeded, leads posted, chains shown to their ends."""

import re
from uuid import UUID

import pytest

from tests.acceptance.conftest import CHECKOUT, Stack, find_free_port, run_command, wait_until

pytestmark = pytest.mark.acceptance

LINE = re.compile(r"^  \+ *(\d+\.\d\d) s  (\S+) +(\S+)", re.MULTILINE)
ARGUMENTS = ("show_demo", "--days", "1", "--workspace-name", "Shown")


def test_the_demo_shows_three_chains_and_ends(stack: Stack) -> None:
    shown = run_command(stack.environment, *ARGUMENTS, seconds=150)
    assert shown.returncode == 0, f"{shown.stdout}\n{shown.stderr}"
    assert "Made the workspace shown with 1 days of history." in shown.stdout
    grown: dict[str, list[str]] = {}
    for _, name, event_type in LINE.findall(shown.stdout):
        grown.setdefault(name, []).append(event_type)
    assert grown["Ada"][-1] == grown["Grace"][-1] == "outbound.completed"
    assert grown["Grace"].count("outbound.retrying") == 2
    assert grown["Alan"].count("outbound.failed") == 1
    chain_ids = re.findall(r"^\w+, chain (\S+)$", shown.stdout, re.MULTILINE)
    assert len({UUID(chain_id) for chain_id in chain_ids}) == 3

    # A second time nothing is seeded; who does not wait for the end is told so.
    hasty = run_command(stack.environment, *ARGUMENTS, "--seconds", "0.5")
    assert hasty.returncode == 1
    assert "Made the workspace" not in hasty.stdout
    assert "not ended yet" in hasty.stdout
    assert "Not every chain has ended within 0.5 s." in hasty.stderr
    _wait_for_calls(stack)


def _wait_for_calls(stack: Stack) -> None:
    pending = (
        "SELECT count(*) FROM actions_outboundcall WHERE status NOT IN ('completed', 'failed')"
    )
    wait_until(lambda: stack.query(pending) == [(0,)], seconds=90, what="the end of the calls")


def test_the_history_before_it_has_ended_and_its_schedules_go_on(stack: Stack) -> None:
    seeded = run_command(stack.environment, "seed_demo", "--days", "1", "--workspace-name", "Past")
    assert seeded.returncode == 0, seeded.stderr
    late = (
        "SELECT count(*) FROM triggers_schedulestate s"
        " JOIN triggers_trigger t ON t.id = s.trigger_id"
        " JOIN workspaces_workspace w ON w.id = t.workspace_id"
        " WHERE w.slug = 'past' AND s.next_fire_at < now() - interval '5 seconds'"
    )
    wait_until(lambda: stack.query(late) == [(0,)], seconds=30, what="the schedules' next slots")
    fires = (
        "SELECT count(*) FROM triggers_fire f JOIN workspaces_workspace w ON w.id = f.workspace_id"
        " WHERE w.slug = 'past' AND f.cause = 'schedule'"
        " AND f.created_at > now() - interval '4 hours' AND f.outcome <> 'fired'"
    )
    assert stack.query(fires) == [(0,)]


def test_without_a_stack_it_says_so(stack: Stack) -> None:
    nowhere = stack.environment | {
        "CLOCKHOOK_DATA": str(stack.log.parent / "nowhere"),
        "PORT": str(find_free_port()),
    }
    shown = run_command(nowhere, "show_demo")
    assert shown.returncode == 1
    assert "start it with `make run` first" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_make_demo_is_that_command() -> None:
    makefile = (CHECKOUT / "Makefile").read_text()
    assert "\ndemo: setup\n\t@exec $(PY) manage.py show_demo $(ARGS)\n" in makefile

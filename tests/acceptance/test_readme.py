"""The README's tour, pasted into bash as it stands, against a real stack."""

import json
import re
import subprocess
from uuid import UUID

import pytest

from tests.acceptance.conftest import CHECKOUT, Stack

pytestmark = pytest.mark.acceptance

# The tour waits for one slot of a schedule of every minute, and for a call that is busy twice.
TOUR_SECONDS = 200
CALL = re.compile(r"^(\S+) → (trigger\.fired → .*)$", re.MULTILINE)
CHAIN = re.compile(r"^(\S+) AUTOMATION (\S+) (\S+)$", re.MULTILINE)
# The last promise, the ledger after it, and what comes then.
LEDGER = re.compile(r"^(\S+Z)\n(\{.*^\})\n([^\n]*)\n(.*)\Z", re.MULTILINE | re.DOTALL)


def read_tour() -> str:
    """The blocks of bash, one after the other."""
    page = (CHECKOUT / "README.md").read_text()
    return "\n".join(re.findall(r"^```bash\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module")
def tour(stack: Stack) -> str:
    """What the tour prints; bash stops at the first command that fails."""
    ended = subprocess.run(
        ["bash", "-e", "-c", read_tour()],
        cwd=CHECKOUT,
        env=stack.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TOUR_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, f"{ended.stdout[-2000:]}\n{ended.stderr[-2000:]}"
    return ended.stdout


def read_chains(tour: str) -> list[tuple[list[str], str]]:
    """Of every chain that was printed: its event types in order, and what triggered it."""
    chains: dict[str, tuple[list[str], str]] = {}
    for chain_id, event_type, triggered_by in CHAIN.findall(tour):
        types, first = chains.setdefault(str(UUID(chain_id)), ([], triggered_by))
        types.append(event_type)
        assert triggered_by == first
    return list(chains.values())


def test_the_tour_ends_with_the_whole_chain_of_a_webhook_and_of_a_call_by_hand(tour: str) -> None:
    (webhook, by_webhook), (hand, by_hand) = read_chains(tour)
    assert webhook == ["trigger.fired", "trigger.completed"]
    assert hand == ["trigger.fired", "day.began", "trigger.completed"]
    assert by_webhook.startswith("webhook:")
    assert by_hand.startswith("manual:key:")


def test_the_tour_shows_a_fire_a_duplicate_and_a_refusal(tour: str) -> None:
    answers = re.findall(r"^(\{.*\}) -> (\d+)$", tour, re.MULTILINE)
    assert [status for _, status in answers] == ["200", "200", "401"]
    fired, duplicate = (json.loads(body) for body, _ in answers[:2])
    assert (fired["status"], duplicate["status"]) == ("fired", "duplicate")
    assert fired["run_id"] == duplicate["run_id"]
    assert "\nrejected signature_mismatch\nduplicate None\naccepted None\n" in tour


def test_the_tour_sees_the_clock_fire_at_the_instant_that_it_promised(tour: str) -> None:
    found = LEDGER.search(tour)
    assert found is not None, tour
    promised, fires, answer, is_active = found.groups()
    by_clock, by_hand = json.loads(fires)["items"]
    assert (by_clock["cause"], by_clock["scheduled_for"]) == ("schedule", promised)
    assert (by_hand["cause"], by_hand["outcome"]) == ("manual", "fired")
    assert answer.startswith("It fired at ")
    assert is_active.startswith("False\n")


def test_the_tour_calls_three_leads_under_a_chain_each(tour: str) -> None:
    assert "\nfired\nfired\nfired\n" in tour
    calls = {UUID(chain_id): types.split(" → ") for chain_id, types in CALL.findall(tour)}
    assert [types[:3] for types in calls.values()] == [
        ["trigger.fired", "outbound.scheduled", "trigger.completed"]
    ] * 3
    answered, busy_twice, refused = (types[3:] for types in calls.values())
    attempt, again = "outbound.dispatched", "outbound.retrying"
    assert answered == [attempt, "outbound.completed"]
    assert busy_twice == [attempt, again, attempt, again, attempt, "outbound.completed"]
    assert refused == ["outbound.failed"]

"""Events that an action publishes: in the run's chain, of the workspace's own types only."""

from typing import Any

import pytest

from actions.kinds import KINDS
from actions.kinds.base import ActionCall, Completed, Failed
from actions.kinds.emit_event import EmitEvent
from events.services import list_events
from tests.actions.factories import build_call

pytestmark = pytest.mark.django_db


def build(**config: Any) -> ActionCall:
    return build_call("emit_event", config={"event_type": "contact.created", **config})


def test_the_event_hangs_in_the_runs_chain() -> None:
    call = build(data={"id": 7})
    outcome = KINDS["emit_event"].perform(call)
    assert isinstance(outcome, Completed)
    (event,) = list_events(call.workspace_id)
    assert outcome == Completed({"event_id": str(event.id)}, event_ids=(event.id,))
    assert event.event_type == "contact.created"
    assert event.source == "AUTOMATION"
    assert (event.chain_id, event.parent_id) == (call.chain_id, call.parent_event_id)
    assert (event.run_id, event.trigger_id) == (call.run_id, call.trigger_id)
    assert event.data == {"id": 7, "triggered_by": "schedule"}
    assert event.effective_at == call.now


def test_no_template_can_hide_who_triggered_it() -> None:
    call = build(data={"triggered_by": "manual:user:1"})
    KINDS["emit_event"].perform(call)
    assert list_events(call.workspace_id)[0].data == {"triggered_by": "schedule"}


@pytest.mark.parametrize("data", [None, {}])
def test_data_may_be_left_out(data: Any) -> None:
    call = build(data=data)
    assert isinstance(KINDS["emit_event"].perform(call), Completed)


@pytest.mark.parametrize(
    "event_type",
    ["trigger.fired", "outbound.completed", "webhook.received", "", "a b", "a*", "x" * 129, None, 5,
     "a\x00"],
)  # fmt: skip
def test_a_rendered_type_that_may_not_be_published_fails_for_good(event_type: Any) -> None:
    call = build(event_type=event_type)
    outcome = KINDS["emit_event"].perform(call)
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.retryable) == ("invalid_event_type", False)
    assert not list_events(call.workspace_id)
    assert EmitEvent().describe(call)["problem"] == outcome.message


@pytest.mark.parametrize(
    "data", [[1], "text", 5, {"a": "\x00"}, {"a": "\ud800"}, {"a": "x" * 300_000}]
)
def test_rendered_data_that_cannot_be_kept_fails_for_good(data: Any) -> None:
    outcome = KINDS["emit_event"].perform(build(data=data))
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.retryable) == ("invalid_event_data", False)


def test_a_description_shows_the_event_and_writes_none() -> None:
    call = build(data={"a": 1})
    plan = EmitEvent().describe(call)
    assert plan == {"event_type": "contact.created", "data": {"a": 1}, "problem": None}
    assert not list_events(call.workspace_id)


@pytest.mark.parametrize(
    ("event_type", "is_good"),
    [
        ("contact.created", True),
        ("{{ input.type }}", True),
        ("contact.{{ input.kind }}", True),
        ("trigger.{{ input.kind }}", False),
        ("webhook.received", False),
        ("no spaces", False),
        ("glob.*", False),
    ],
)
def test_types_are_checked_at_save_as_far_as_they_are_known(event_type: str, is_good: bool) -> None:
    errors = EmitEvent().check_config({"event_type": event_type})
    assert [error.pointer for error in errors] == ([] if is_good else ["/event_type"])

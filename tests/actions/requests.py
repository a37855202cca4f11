"""Calls of the kind ``http_request`` against the sink."""

from typing import Any

from actions.kinds import KINDS
from actions.kinds.base import ActionCall, Completed, Failed, Outcome
from tests.actions.factories import build_call
from tests.actions.sink import Sink


def build(sink: Sink, /, *, path: str = "/hook", **changes: Any) -> ActionCall:
    config = {"url": f"{sink.url}{path}", **changes.pop("config", {})}
    return build_call("http_request", config=config, **changes)


def send(call: ActionCall) -> Outcome:
    return KINDS["http_request"].perform(call)


def send_well(call: ActionCall) -> dict[str, Any]:
    outcome = send(call)
    assert isinstance(outcome, Completed), outcome
    return outcome.output


def send_badly(call: ActionCall) -> Failed:
    outcome = send(call)
    assert isinstance(outcome, Failed), outcome
    return outcome

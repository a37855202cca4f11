"""A kind that does what a test tells it to, installed as ``scripted``."""

from typing import Any

from actions.kinds.base import ActionCall, Outcome
from actions.rules.retry import DEFAULT_RETRY


class Scripted:
    """A kind that does what a test tells it to."""

    name = "Scripted"
    description = "For tests."
    queue = "instant"
    default_retry = DEFAULT_RETRY
    config_schema: dict[str, Any] = {"type": "object"}
    input_schema: dict[str, Any] = {"type": "object"}

    def __init__(self, outcome: Any, *, uses_database: bool = False) -> None:
        self.uses_database = uses_database
        self.outcome = outcome
        self.calls: list[ActionCall] = []

    def perform(self, call: ActionCall) -> Outcome:
        self.calls.append(call)
        outcome: Outcome = self.outcome(call) if callable(self.outcome) else self.outcome
        return outcome

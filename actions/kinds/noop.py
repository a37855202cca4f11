"""Does nothing: the run's input is its output. For tests of wiring."""

from collections.abc import Mapping
from typing import Any

from actions.kinds.base import ActionCall, Completed, Outcome, QueueName
from actions.rules.retry import DEFAULT_RETRY, RetryPolicy


class Noop:
    """Returns its input."""

    name = "No operation"
    description = "Returns its input as its output. For tests of wiring."
    queue: QueueName = "instant"
    default_retry: RetryPolicy = DEFAULT_RETRY
    config_schema: Mapping[str, Any] = {"type": "object", "additionalProperties": False}
    input_schema: Mapping[str, Any] = {"type": "object"}
    uses_database = False

    def perform(self, call: ActionCall) -> Outcome:
        return Completed(dict(call.input))

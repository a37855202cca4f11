"""A kind that answers what a test tells it to, and the doorbell's rings as a list."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from actions import kinds
from actions.kinds.base import ActionCall, Completed, Outcome
from actions.rules.retry import DEFAULT_RETRY, RetryPolicy


@dataclass
class ScriptedKind:
    """Calls ``script`` for every attempt and remembers the calls."""

    name: str = "scripted"
    description: str = "For tests."
    queue: Any = "instant"
    uses_database: bool = False
    default_retry: RetryPolicy = DEFAULT_RETRY
    config_schema: Any = field(default_factory=lambda: {"type": "object"})
    input_schema: Any = field(default_factory=lambda: {"type": "object"})
    script: Callable[[ActionCall], Outcome] = lambda call: Completed({"ok": True})
    calls: list[ActionCall] = field(default_factory=list)

    def perform(self, call: ActionCall) -> Outcome:
        self.calls.append(call)
        return self.script(call)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedKind]:
    kind = ScriptedKind()
    monkeypatch.setitem(kinds.KINDS, "scripted", kind)
    kinds.load_kinds.cache_clear()
    yield kind
    kinds.load_kinds.cache_clear()


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What would have been rung, instead of ringing."""
    rung: list[tuple[str, int]] = []
    monkeypatch.setattr("runs.services.ring", lambda queue, count=1: rung.append((queue, count)))
    return rung

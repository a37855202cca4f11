"""What a kind of action is: the call it gets, the outcomes it may return, the methods it has.

A kind is one small module with one object, entered in ``actions.kinds.KINDS``, or offered by
another distribution under the entry-point group ``clockhook.action_kinds``. It keeps no state
between calls and may be called from many threads at once; a call may come twice for one ``run_id``.
"""

import datetime as dt
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable
from uuid import UUID

from actions.rules.retry import RetryPolicy
from workspaces.rules.problems import FieldError

QueueName = Literal["instant", "network"]


@dataclass(frozen=True, kw_only=True)
class ActionCall:
    """One attempt at one run: everything that a kind may know of it.

    ``config`` is rendered; ``secrets`` must never reach an outcome or a log. ``cancelled`` is set
    when the run was cancelled or its lease lost: what waits should then stop. ``now`` is when the
    attempt began.
    """

    run_id: UUID
    workspace_id: UUID
    trigger_id: UUID | None
    action_id: UUID
    action_type: str
    attempt: int
    config: Mapping[str, Any]
    secrets: Mapping[str, Any] = field(repr=False)
    input: Mapping[str, Any]
    chain_id: UUID
    parent_event_id: UUID
    triggered_by: str
    timeout_seconds: float
    cancelled: threading.Event
    now: dt.datetime
    # How many of the attempts were lost with their worker, and are made again.
    lost_leases: int = 0
    # The attempt before this one was lost with its worker: it may have had its effects.
    is_repeat: bool = False


@dataclass(frozen=True)
class Completed:
    """Done. ``output`` is kept with the run; ``event_ids`` name what it wrote into the chain."""

    output: dict[str, Any]
    event_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True)
class Failed:
    """Not done. ``code`` is for programs, ``message`` for people; neither holds a secret.

    ``retryable``: the same call may succeed later. ``retry_after_seconds`` is the target's own
    wish. ``spends_attempt`` False: nothing was tried yet, and the attempt is given back.
    """

    code: str
    message: str
    retryable: bool
    retry_after_seconds: float | None = None
    spends_attempt: bool = True


@dataclass(frozen=True)
class Delegated:
    """Handed to an outside system that reports back within ``deadline_seconds``."""

    deadline_seconds: float
    output: dict[str, Any]


Outcome = Completed | Failed | Delegated


class Kind(Protocol):
    """A kind of action. ``instant`` ones touch the database only (``uses_database``); the others
    never do.

    ``config_schema`` and ``input_schema`` are JSON Schemas (2020-12): the first for an action's
    ``config`` with its placeholders unrendered, the second for the input of every run, besides the
    action's own.
    """

    name: str
    description: str
    queue: QueueName
    default_retry: RetryPolicy
    config_schema: Mapping[str, Any]
    input_schema: Mapping[str, Any]
    uses_database: bool

    def perform(self, call: ActionCall) -> Outcome:
        """Do it once, within ``call.timeout_seconds``. Kinds that use the database run in the
        caller's transaction.
        """
        ...


@runtime_checkable
class ChecksConfig(Protocol):
    """A kind that checks more of a config at save than its schema can say."""

    def check_config(self, config: Mapping[str, Any]) -> list[FieldError]:
        """What is wrong with an unrendered config that the schema accepts; pointers into the
        config.
        """
        ...


@runtime_checkable
class ChecksInput(Protocol):
    """A kind that checks more of an input than its schema can say."""

    def check_input(self, given: Mapping[str, Any]) -> list[FieldError]:
        """What is wrong with an input that the schema accepts; pointers into the input."""
        ...


@runtime_checkable
class ChecksSecrets(Protocol):
    """A kind that takes a ``secret_config``; others refuse one."""

    def check_secrets(self, secrets: Mapping[str, Any]) -> list[FieldError]:
        """What is wrong with a secret_config; pointers into it, and no secret in any text."""
        ...


@runtime_checkable
class Describes(Protocol):
    """A kind that can tell what it would do, without doing it and without its secrets."""

    def describe(self, call: ActionCall) -> dict[str, Any]:
        """The plan of a call, as a dry run shows it."""
        ...

"""What a telephony provider is: it places, cancels and looks up calls, and may report them.

A provider is one small module with one object, entered in ``actions.providers.PROVIDERS``. Its
methods talk to the outside: no connection to the database is held and no lock is taken meanwhile.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable
from uuid import UUID

ReportStatus = Literal["in_progress", "completed", "busy", "no_answer", "failed", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOrder:
    """One attempt at one call. ``key`` names the attempt: two orders of one key are one call.

    ``call_sid`` and ``placed_at`` are known once the attempt was placed.
    """

    call_id: UUID
    attempt: int
    phone_to: str
    phone_from: str | None
    reason: str
    goal: str | None
    now: dt.datetime
    call_sid: str | None = None
    placed_at: dt.datetime | None = None

    @property
    def key(self) -> str:
        return f"{self.call_id}:{self.attempt}"


@dataclass(frozen=True, slots=True)
class CallReport:
    """What the provider knows of a placed call."""

    call_sid: str
    status: ReportStatus


class ProviderError(Exception):
    """The provider did not place or tell. ``retryable``: another attempt may go better."""

    def __init__(self, code: str, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable


class Provider(Protocol):
    """``report_seconds``: how long after placing its calls are looked up; None when the provider
    reports by callback.
    """

    name: str
    report_seconds: float | None

    def place(self, order: CallOrder) -> str:
        """Place the attempt; returns the provider's id of the call.

        Raises:
            ProviderError: it was not placed.
        """
        ...

    def look_up(self, order: CallOrder) -> CallReport | None:
        """What became of the attempt; None when it was never placed.

        Raises:
            ProviderError: the provider cannot tell.
        """
        ...

    def cancel(self, call_sid: str) -> None:
        """End the call, when it is still going on."""
        ...


@runtime_checkable
class ParsesCallbacks(Protocol):
    """A provider that reports its calls by HTTP."""

    def parse_callback(self, form: Mapping[str, str]) -> CallReport:
        """What a genuine callback says.

        Raises:
            ValueError: it says nothing that is known.
        """
        ...

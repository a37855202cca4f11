"""Places one attempt at an outbound call: the product's own kind, for the dispatch loop."""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from actions.kinds.base import ActionCall, Delegated, Failed, Outcome, QueueName
from actions.providers import PROVIDERS
from actions.providers.base import CallOrder, Provider, ProviderError
from actions.rules.outbound_calls import compute_closed_seconds, compute_retry_delay
from actions.rules.retry import DEFAULT_RETRY, RetryPolicy

# No call lasts longer; the report of its end is overdue then.
MAX_CALL_SECONDS = 4 * 3600.0


class PlaceOutboundCall:
    """Hands the attempt to the provider, which reports how it ended."""

    name = "Place outbound call"
    description = "Places one attempt at a scheduled call."
    queue: QueueName = "network"
    default_retry: RetryPolicy = DEFAULT_RETRY
    config_schema: Mapping[str, Any] = {"type": "object"}
    input_schema: Mapping[str, Any] = {"type": "object"}
    uses_database = False

    def perform(self, call: ActionCall) -> Outcome:
        provider = PROVIDERS.get(call.input["provider"])
        if provider is None:
            return Failed("unknown_provider", "The call's provider is gone.", retryable=False)
        try:
            return _place(provider, call)
        except ProviderError as error:
            return Failed(
                error.code,
                error.message,
                retryable=error.retryable,
                retry_after_seconds=choose_retry_delay(call.input, now=call.now),
            )


def _place(provider: Provider, call: ActionCall) -> Outcome:
    order = _build_order(call)
    call_sid = None
    if call.is_repeat:
        # A worker vanished: it may have placed this very attempt.
        report = provider.look_up(order)
        call_sid = None if report is None else report.call_sid
    if call_sid is None:
        closed_seconds = compute_closed_seconds(call.input["window"], call.now)
        if closed_seconds is not None:
            return Failed(
                "window_closed",
                "The window closed before the attempt was placed.",
                retryable=True,
                retry_after_seconds=closed_seconds,
                spends_attempt=False,
            )
        call_sid = provider.place(order)
    return Delegated(MAX_CALL_SECONDS, {"call_sid": call_sid, "provider": provider.name})


def _build_order(call: ActionCall) -> CallOrder:
    given = call.input
    return CallOrder(
        call_id=UUID(given["call_id"]),
        # An attempt that was lost with its worker is made again under its number.
        attempt=call.attempt - call.lost_leases,
        phone_to=given["phone_to"],
        phone_from=given["phone_from"],
        reason=given["reason"],
        goal=given["goal"],
        now=call.now,
    )


def choose_retry_delay(given: Mapping[str, Any], *, now: dt.datetime) -> float:
    """Seconds to the next attempt of a call with these parameters."""
    return compute_retry_delay(
        retry_backoff_minutes=given["retry_backoff_minutes"], window=given["window"], now=now
    )

"""Outbound calls: how they ended, cancelling, reads."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import QuerySet

from actions.kinds.base import Completed, Failed
from actions.models import OutboundCall
from actions.providers import PROVIDERS
from actions.providers.base import CallOrder, CallReport, ProviderError
from actions.rules import outbound_calls as rules
from actions.rules.outbound_calls import CANCELLED, DISPATCHED, PENDING
from events.rules.event import AUTOMATION, NewEvent
from events.services import append_events
from workspaces.rules.callers import Caller
from workspaces.rules.problems import NotFound
from workspaces.services import new_id

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallReading:
    """How a dispatched attempt ended. It counts only while the run still is at this attempt."""

    dispatch_run_id: UUID
    last_event_id: UUID
    outcome: Completed | Failed


def find_finished_calls(*, limit: int, now: dt.datetime) -> list[CallReading]:
    """Ask the providers about dispatched calls that are due to be looked up; those that ended.

    Nothing is locked: who settles compares the run with what was read.
    """
    rows = OutboundCall.objects.filter(status=DISPATCHED, look_up_at__lte=now)
    readings = [_read_ending(row, now=now) for row in rows.order_by("look_up_at")[:limit]]
    return [reading for reading in readings if reading is not None]


def cancel_pending_call(call: OutboundCall, *, caller: Caller, now: dt.datetime) -> bool:
    """Cancel a call that nobody has begun to place; False when somebody has."""
    event_id = new_id()
    with transaction.atomic():
        cancelled = OutboundCall.objects.filter(pk=call.pk, status=PENDING).update(
            status=CANCELLED, next_attempt_at=None, ended_at=now, last_event_id=event_id
        )
        if cancelled:
            append_events([_describe_cancelling(call, event_id, caller=caller, now=now)])
    return bool(cancelled)


def hang_up(call: OutboundCall) -> None:
    """Ask the provider to end a call, best effort: the call is cancelled here in any case."""
    provider = PROVIDERS.get(call.provider)
    if provider is None or call.call_sid is None:
        return
    try:
        provider.cancel(call.call_sid)
    except ProviderError:
        log.exception("call_not_hung_up", call_id=str(call.pk))


def find_call(*, workspace_id: UUID, call_id: UUID) -> OutboundCall:
    """One call of the workspace.

    Raises:
        NotFound: there is none.
    """
    call = OutboundCall.objects.filter(workspace_id=workspace_id, pk=call_id).first()
    if call is None:
        raise NotFound("There is no such outbound call in this workspace.")
    return call


def list_calls(
    workspace_id: UUID,
    *,
    statuses: Sequence[str] = (),
    trigger_id: UUID | None = None,
    phone_to: str | None = None,
) -> QuerySet[OutboundCall]:
    """The workspace's calls, by any of the filters."""
    filters = {
        "status__in": list(statuses) or None,
        "trigger_id": trigger_id,
        "phone_to": phone_to,
    }
    return OutboundCall.objects.filter(
        workspace_id=workspace_id,
        **{name: value for name, value in filters.items() if value is not None},
    )


def _read_ending(call: OutboundCall, *, now: dt.datetime) -> CallReading | None:
    provider = PROVIDERS.get(call.provider)
    if provider is None or call.dispatch_run_id is None:
        return None
    try:
        report = provider.look_up(_build_order(call, now=now))
    except ProviderError:
        log.exception("call_not_looked_up", call_id=str(call.pk))
        return None
    if report is None or report.status == "in_progress":
        return None
    return CallReading(
        dispatch_run_id=call.dispatch_run_id,
        last_event_id=call.last_event_id,
        outcome=_read_outcome(report, call, now=now),
    )


def _read_outcome(
    report: CallReport, call: OutboundCall, *, now: dt.datetime
) -> Completed | Failed:
    if report.status == "completed":
        return Completed({"call_sid": report.call_sid, "outcome": "answered"})
    return Failed(
        report.status,
        f"The call ended: {report.status.replace('_', ' ')}.",
        retryable=report.status in {"busy", "no_answer"},
        retry_after_seconds=rules.compute_retry_delay(
            retry_backoff_minutes=call.retry_backoff_minutes, window=call.window, now=now
        ),
    )


def _build_order(call: OutboundCall, *, now: dt.datetime) -> CallOrder:
    return CallOrder(
        call_id=call.pk,
        attempt=call.attempt,
        phone_to=call.phone_to,
        phone_from=call.phone_from,
        reason=call.reason,
        goal=call.goal,
        now=now,
        call_sid=call.call_sid,
        placed_at=call.placed_at,
    )


def _describe_cancelling(
    call: OutboundCall, event_id: UUID, *, caller: Caller, now: dt.datetime
) -> NewEvent:
    return NewEvent(
        id=event_id,
        workspace_id=call.workspace_id,
        event_type="outbound.cancelled",
        source=AUTOMATION,
        entity_type="outbound_call",
        entity_id=call.pk,
        chain_id=call.chain_id,
        parent_id=call.last_event_id,
        run_id=call.run_id,
        trigger_id=call.trigger_id,
        data={"triggered_by": call.triggered_by, "cancelled_by": str(caller)},
        effective_at=now,
    )

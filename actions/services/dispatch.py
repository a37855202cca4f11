"""The dispatch of outbound calls: due ones claimed, each move of their runs followed."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from psycopg.types.json import Jsonb

from actions.models import OutboundCall
from actions.providers import PROVIDERS
from actions.rules import outbound_calls as rules
from actions.rules.outbound_calls import PENDING, PLACING
from actions.rules.retry import RetryPolicy
from actions.rules.windows import Window, find_opening
from workspaces.services import new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class DueCall:
    """A call that is to be placed by the run ``dispatch_run_id``, which the claimer starts."""

    dispatch_run_id: UUID
    workspace_id: UUID
    trigger_id: UUID | None
    action_id: UUID
    chain_id: UUID
    last_event_id: UUID
    triggered_by: str
    priority: int
    retry: RetryPolicy
    input: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStep:
    """A move of a call's run, for the call to follow."""

    dispatch_run_id: UUID
    run_status: str
    attempt: int
    next_attempt_at: dt.datetime | None
    written_at: dt.datetime
    event_id: UUID
    output: dict[str, Any]
    error: dict[str, Any] | None


def claim_due_calls(*, limit: int, now: dt.datetime, call_id: UUID | None = None) -> list[DueCall]:
    """Take due calls inside their windows, higher priorities first, in the caller's transaction;
    with a ``call_id`` none but that one.

    Those whose window has closed meanwhile wait for its next opening. Others that claim at once
    get other calls.
    """
    pending = OutboundCall.objects.filter(status=PENDING, next_attempt_at__lte=now)
    rows = list(
        (pending if call_id is None else pending.filter(pk=call_id))
        .order_by("-priority", "next_attempt_at", "id")
        .select_for_update(skip_locked=True, no_key=True)[:limit]
    )
    due = []
    for row in rows:
        opens_at = find_opening(Window.from_json(row.window), now)
        if opens_at > now:
            row.next_attempt_at = opens_at
        else:
            row.status, row.dispatch_run_id, row.next_attempt_at = PLACING, new_id(), None
            due.append(_describe_due(row, row.dispatch_run_id))
    OutboundCall.objects.bulk_update(rows, ["status", "dispatch_run_id", "next_attempt_at"])
    return due


_FOLLOW = """
UPDATE actions_outboundcall c SET status = s.status, attempt = s.attempt,
    next_attempt_at = s.next_attempt_at, last_event_id = s.event_id, error = s.error,
    call_sid = coalesce(s.call_sid, c.call_sid),
    placed_at = CASE WHEN s.status = 'dispatched' THEN s.written_at ELSE c.placed_at END,
    look_up_at = s.look_up_at,
    ended_at = CASE WHEN s.status = ANY(%(ended)s) THEN s.written_at END
FROM unnest(%(ids)s::uuid[], %(statuses)s::text[], %(attempts)s::int[], %(nexts)s::timestamptz[],
    %(written)s::timestamptz[], %(look_ups)s::timestamptz[], %(event_ids)s::uuid[],
    %(sids)s::text[], %(errors)s::jsonb[])
    AS s(id, status, attempt, next_attempt_at, written_at, look_up_at, event_id, call_sid, error)
WHERE c.dispatch_run_id = s.id AND NOT c.status = ANY(%(ended)s)
"""


def follow_calls(steps: Sequence[CallStep]) -> None:
    """Write down where the calls are after these moves of their runs, in the moves' transaction."""
    if not steps:
        return
    parameters: dict[str, Any] = {
        "ended": sorted(rules.ENDED),
        "ids": [step.dispatch_run_id for step in steps],
        "statuses": [rules.STATUS_AFTER_MOVE[step.run_status] for step in steps],
        "attempts": [step.attempt for step in steps],
        "nexts": [step.next_attempt_at for step in steps],
        "written": [step.written_at for step in steps],
        "look_ups": [_choose_look_up(step) for step in steps],
        "event_ids": [step.event_id for step in steps],
        "sids": [step.output.get("call_sid") for step in steps],
        "errors": [None if step.error is None else Jsonb(step.error) for step in steps],
    }
    with connection.cursor() as cursor:
        cursor.execute(_FOLLOW, parameters)


def _describe_due(row: OutboundCall, dispatch_run_id: UUID) -> DueCall:
    return DueCall(
        dispatch_run_id=dispatch_run_id,
        workspace_id=row.workspace_id,
        trigger_id=row.trigger_id,
        action_id=row.action_id,
        chain_id=row.chain_id,
        last_event_id=row.last_event_id,
        triggered_by=row.triggered_by,
        priority=row.priority,
        retry=rules.build_retry_policy(
            max_attempts=row.max_attempts, retry_backoff_minutes=row.retry_backoff_minutes
        ),
        input={
            "call_id": str(row.pk),
            "run_id": str(row.run_id),
            "provider": row.provider,
            "phone_to": row.phone_to,
            "phone_from": row.phone_from,
            "reason": row.reason,
            "goal": row.goal,
            "window": row.window,
            "retry_backoff_minutes": row.retry_backoff_minutes,
        },
    )


def _choose_look_up(step: CallStep) -> dt.datetime | None:
    provider = PROVIDERS.get(step.output.get("provider", ""))
    if step.run_status != "delegated" or provider is None or provider.report_seconds is None:
        return None
    return step.written_at + dt.timedelta(seconds=provider.report_seconds)

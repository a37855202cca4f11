"""Outbound calls that have ended long ago go; those that have not stay."""

import datetime as dt
from collections.abc import Iterator
from uuid import UUID

from actions.models import OutboundCall
from actions.rules.outbound_calls import ENDED, PENDING
from events.rules.ids import lowest_id
from workspaces.services import delete_in_batches


def prune_calls(*, before: dt.datetime) -> Iterator[int]:
    """Delete the ended calls that were scheduled earlier; yields how many after each batch."""
    ended = OutboundCall.objects.filter(id__lt=lowest_id(before), status__in=sorted(ENDED))
    yield from delete_in_batches(ended)


def find_oldest_pending_chain() -> UUID | None:
    """The earliest chain of a call that waits to be placed; None when none does."""
    pending = OutboundCall.objects.filter(status=PENDING).order_by("chain_id")
    return pending.values_list("chain_id", flat=True).first()

"""Reading the ledger. Every read of a workspace's events says which workspace."""

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from django.db.models import QuerySet

from events.models import Event
from events.rules.chains import Step, measure_chain, order_chain, select_from_run
from events.rules.event import AUDIT_TYPES, AUTOMATION
from workspaces.rules.problems import NotFound

# A chain is shown whole, not by pages; a longer one is cut here and found by the list of events.
MAX_CHAIN = 1000


def list_events(
    workspace_id: UUID,
    *,
    event_types: Sequence[str] = (),
    source: str | None = None,
    trigger_id: UUID | None = None,
    destination_id: UUID | None = None,
    run_id: UUID | None = None,
    chain_id: UUID | None = None,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> QuerySet[Event]:
    """A workspace's events; types may hold ``*``; ``since`` is included, ``until`` not."""
    equal = {
        "source": source,
        "trigger_id": trigger_id,
        "destination_id": destination_id,
        "run_id": run_id,
        "chain_id": chain_id,
    }
    return (
        Event.objects.filter(workspace_id=workspace_id)
        .filter(**{name: value for name, value in equal.items() if value is not None})
        .not_before(trigger_id, destination_id, run_id, chain_id)
        .of_types(event_types)
        .between(since, until)
    )


def find_event(*, workspace_id: UUID, event_id: UUID) -> Event:
    """One event.

    Raises:
        NotFound: no such event in this workspace.
    """
    event = Event.objects.filter(workspace_id=workspace_id, id=event_id).first()
    if event is None:
        raise NotFound("There is no such event.")
    return event


def list_chain(*, workspace_id: UUID, chain_id: UUID) -> list[Event]:
    """The events of a chain, parents before children, ties by id; the first 1,000."""
    chain = Event.objects.filter(workspace_id=workspace_id, chain_id=chain_id).not_before(chain_id)
    return order_chain(chain.order_by("id")[:MAX_CHAIN])


def list_steps(*, workspace_id: UUID, chain_id: UUID) -> list[Step[Event]]:
    """The same, each event with its distances in time from the first one and from its cause."""
    return measure_chain(list_chain(workspace_id=workspace_id, chain_id=chain_id))


def list_run_events(*, workspace_id: UUID, chain_id: UUID, run_id: UUID) -> list[Event]:
    """A run's part of its chain, in order, from its ``trigger.fired`` on.

    That is what the run wrote and whatever followed from it.
    """
    chain = Event.objects.filter(workspace_id=workspace_id, chain_id=chain_id)
    later = chain.not_before(chain_id, run_id).order_by("id")[:MAX_CHAIN]
    return select_from_run(order_chain(later), run_id=run_id)


def list_trigger_events(
    *,
    workspace_id: UUID,
    trigger_id: UUID,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> QuerySet[Event]:
    """Everything in the chains that a trigger began, without what callers did to the trigger;
    ``since`` is included, ``until`` not.
    """
    events = Event.objects.filter(
        workspace_id=workspace_id, trigger_id=trigger_id, source=AUTOMATION
    )
    chains = events.exclude(event_type__in=AUDIT_TYPES).not_before(trigger_id)
    return chains.between(since, until)

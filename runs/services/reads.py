"""Reading runs. Internal runs, which place outbound calls, are not among them."""

import datetime as dt
import uuid
from collections.abc import Collection, Sequence

from django.db.models import Q, QuerySet, Subquery

from events.rules.ids import bound_times
from events.services import Event
from events.services import list_run_events as list_events_of_run
from runs.models import Run
from runs.rules import states
from workspaces.rules.problems import NotFound
from workspaces.services import SYSTEM_SLUG, list_workspaces


def find_run(*, workspace_id: uuid.UUID, run_id: uuid.UUID) -> Run:
    """One run of the workspace.

    Raises:
        NotFound: there is none.
    """
    run = list_runs(workspace_id).filter(id=run_id).first()
    if run is None:
        raise NotFound("There is no such run in this workspace.")
    return run


def list_runs(
    workspace_id: uuid.UUID | None,
    *,
    trigger_id: uuid.UUID | None = None,
    action_id: uuid.UUID | None = None,
    statuses: Sequence[str] = (),
    cause: str | None = None,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    chain_id: uuid.UUID | None = None,
    scope: str | None = None,
) -> QuerySet[Run]:
    """Runs of a workspace (None: of all), by any of the filters; ``since`` is inclusive, ``until``
    exclusive; scope ``global`` is the system workspace, ``workspace`` all others.
    """
    filters = {
        "workspace_id": workspace_id,
        "trigger_id": trigger_id,
        "action_id": action_id,
        "cause": cause,
        "created_at__gte": since,
        "created_at__lt": until,
        "chain_id": chain_id,
        **bound_times(since, until),
    }
    found = Run.objects.filter(
        _match_statuses(statuses),
        family=states.TRIGGER,
        **{name: value for name, value in filters.items() if value is not None},
    )
    if scope is None:
        return found
    system = list_workspaces().filter(slug=SYSTEM_SLUG).values("pk")[:1]
    is_global = Q(workspace_id=Subquery(system))
    return found.filter(is_global if scope == "global" else ~is_global)


def _match_statuses(statuses: Sequence[str]) -> Q:
    """Any of them; none given: all. Queued runs are asked for as the indexes on them are cut."""
    if states.QUEUED not in statuses:
        return Q(status__in=statuses) if statuses else Q()
    cuts = Q(lost_leases=0, waits_for=None) | Q(lost_leases__gt=0) | Q(waits_for__isnull=False)
    others = [status for status in statuses if status != states.QUEUED]
    queued = Q(cuts, status=states.QUEUED)
    return queued | Q(status__in=others) if others else queued


def read_statuses(run_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The status of each of these runs that exists; whose they are is the caller's to know."""
    if not run_ids:
        return {}
    return dict(Run.objects.filter(id__in=run_ids).values_list("id", "status"))


def list_run_events(*, workspace_id: uuid.UUID, run_id: uuid.UUID) -> list[Event]:
    """The run's chain in order, from ``trigger.fired`` on.

    Raises:
        NotFound: no such run in the workspace.
    """
    run = find_run(workspace_id=workspace_id, run_id=run_id)
    return list_events_of_run(workspace_id=workspace_id, chain_id=run.chain_id, run_id=run.id)

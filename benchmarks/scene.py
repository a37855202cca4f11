"""The rows that the benchmarks work on, made by the product's own verbs where there are few."""

import datetime as dt
import sys
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.management import call_command

from actions.services import ActionSpec, create_action, find_action
from benchmarks.machine import query
from runs.services import NewRun, start_runs
from triggers.models import ScheduleState, Trigger
from triggers.services import create_trigger
from webhooks.services import create_destination
from workspaces.rules.callers import Caller
from workspaces.services import create_workspace, new_id

CALLER = Caller(kind="system", id="bench", workspace_id=None, scopes=frozenset(), is_operator=True)
SECRET = "whsec_benchmarks-only-benchmarks-only"  # noqa: S105 - guards nothing


@dataclass(frozen=True)
class Scene:
    """One workspace with one action."""

    workspace_id: UUID
    action: ActionSpec


def renew_database() -> None:
    """Begin a run with a database as new; not one that holds somebody else's triggers."""
    if query("SELECT to_regclass('triggers_trigger') IS NOT NULL")[0][0] and query(
        "SELECT 1 FROM triggers_trigger WHERE created_by NOT LIKE '%bench' LIMIT 1"
    ):
        sys.exit("The benchmarks empty their database, and this one holds triggers.")
    query("DROP SCHEMA public CASCADE")
    query("CREATE SCHEMA public")
    call_command("migrate", verbosity=0)


def clear_tables() -> None:
    """Begin a measurement with empty tables; events, which only grow, stay."""
    query(
        "TRUNCATE runs_run, triggers_fire, triggers_schedulestate, webhooks_dedupekey,"
        " webhooks_delivery, webhooks_destinationsecret, webhooks_destination, triggers_trigger,"
        " django_celery_beat_periodictask CASCADE"
    )


def make_scene(name: str, **action: Any) -> Scene:
    """A workspace with one action: a no-op, unless its fields are given."""
    now = _read_now()
    workspace = create_workspace(name=name, slug=f"bench-{name}-{new_id().hex[-12:]}")
    fields = {"name": f"{name} action", "action_type": "noop", **action}
    action = create_action(workspace_id=workspace.id, fields=fields, caller=CALLER, now=now)
    return Scene(workspace.id, find_action(workspace_id=workspace.id, action_id=action.id))


def queue_runs(scene: Scene, count: int) -> None:
    """Queue runs as a fire would, 500 at a time."""
    for first in range(0, count, 500):
        batch = [
            NewRun(
                workspace_id=scene.workspace_id,
                action=scene.action,
                input={"number": first + number},
                cause="manual",
                triggered_by="manual:bench",
                retry=scene.action.retry,
            )
            for number in range(min(500, count - first))
        ]
        start_runs(batch, now=_read_now())


def make_due_triggers(scene: Scene, count: int, *, slot: dt.datetime | None = None) -> None:
    """Hourly triggers whose slot has come due: this hour's first minute, or the one given."""
    due = slot or _read_now().replace(minute=0, second=0, microsecond=0)
    triggers = [
        Trigger(
            workspace_id=scene.workspace_id,
            action_id=scene.action.id,
            name=f"trigger {number}",
            event_type="bench.due",
            schedule=f"{due.minute} * * * *",
            created_by="bench",
        )
        for number in range(count)
    ]
    Trigger.objects.bulk_create(triggers, batch_size=1000)
    states = [ScheduleState(trigger=trigger, next_fire_at=due, due_at=due) for trigger in triggers]
    ScheduleState.objects.bulk_create(states, batch_size=1000)
    query("ANALYZE triggers_trigger")
    query("ANALYZE triggers_schedulestate")


def make_many_triggers(scene: Scene, count: int, *, due: int) -> None:
    """Triggers by the million, of which ``due`` have just come due; the others' time comes in two
    hours to a month.
    """
    make_due_triggers(scene, 1)
    # Copies of that one, whatever columns it has.
    query(
        "INSERT INTO triggers_trigger SELECT copy.* FROM triggers_trigger one,"
        " generate_series(2, %s) AS number, jsonb_populate_record(one,"
        " jsonb_build_object('id', gen_random_uuid(), 'name', 'trigger ' || number)) AS copy",
        [count],
    )
    query(
        "INSERT INTO triggers_schedulestate SELECT copy.* FROM triggers_schedulestate one,"
        " (SELECT id, CASE WHEN row_number() OVER () < %s THEN date_trunc('hour', now())"
        " ELSE now() + interval '2 hours' + random() * interval '30 days' END AS slot"
        " FROM triggers_trigger WHERE id NOT IN (SELECT trigger_id FROM triggers_schedulestate))"
        " AS added, jsonb_populate_record(one, jsonb_build_object("
        "'trigger_id', added.id, 'next_fire_at', slot, 'due_at', slot)) AS copy",
        [due],
    )
    query("VACUUM ANALYZE triggers_trigger")
    query("VACUUM ANALYZE triggers_schedulestate")


def make_destination(scene: Scene) -> UUID:
    now = _read_now()
    trigger = create_trigger(
        workspace_id=scene.workspace_id,
        fields={
            "name": "lead",
            "event_type": "lead.created",
            "action_id": scene.action.id,
            "input_template": {"name": "{{payload.contact.name}}", "source": "crm"},
        },
        caller=CALLER,
        now=now,
    )
    destination, _ = create_destination(
        workspace_id=scene.workspace_id,
        fields={
            "name": "crm",
            "trigger_id": trigger.id,
            "secret": SECRET,
            "field_mapping": {"phone": "contact.phone"},
        },
        caller=CALLER,
        now=now,
    )
    return destination.pk


def _read_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)

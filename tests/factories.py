"""Rows for tests that are about something else: each has what it needs to be fired and run."""

import datetime as dt
import uuid
from typing import Any

import factory
from django.utils import timezone

from actions.models import Action
from actions.services import load_actions
from runs.models import Run
from runs.services import NewRun, start_runs
from triggers.models import Backfill, ScheduleState, Trigger
from workspaces.models import Workspace


class WorkspaceFactory(factory.django.DjangoModelFactory[Workspace]):
    class Meta:
        model = Workspace

    name = factory.Sequence(lambda n: f"Workspace {n}")
    slug = factory.Sequence(lambda n: f"workspace-{n}")


class ActionFactory(factory.django.DjangoModelFactory[Action]):
    """A ``noop`` unless told otherwise."""

    class Meta:
        model = Action

    workspace = factory.SubFactory(WorkspaceFactory)
    name = factory.Sequence(lambda n: f"Action {n}")
    action_type = "noop"
    created_by = "system:test"


class TriggerFactory(factory.django.DjangoModelFactory[Trigger]):
    """An active trigger of a ``noop`` action, with its state row; ``next_fire_at`` goes to that."""

    class Meta:
        model = Trigger
        skip_postgeneration_save = True

    workspace = factory.SubFactory(WorkspaceFactory)
    action = factory.SubFactory(ActionFactory, workspace=factory.SelfAttribute("..workspace"))
    name = factory.Sequence(lambda n: f"Trigger {n}")
    event_type = "test.event"
    created_by = "system:test"

    @classmethod
    def _create(cls, model_class: type[Trigger], *args: Any, **kwargs: Any) -> Trigger:
        # A given action decides the workspace.
        kwargs["workspace"] = kwargs["action"].workspace
        return super()._create(model_class, *args, **kwargs)

    @factory.post_generation
    def next_fire_at(self: Trigger, create: bool, extracted: Any, **_: Any) -> None:
        if create:
            ScheduleState.objects.create(trigger=self, next_fire_at=extracted, due_at=extracted)


def make_backfill(*, status: str, asked_at: dt.datetime | None = None, **changes: Any) -> Backfill:
    """A backfill without slots, asked for then or now."""
    trigger, moment = TriggerFactory.create(), asked_at or timezone.now()
    fields: dict[str, Any] = {
        "workspace_id": trigger.workspace_id,
        "trigger": trigger,
        "from_at": moment,
        "to_at": moment,
        "mode": "all",
        "order": "oldest",
        "max_active": 1,
        "status": status,
        "slots": [],
        "slot_count": 0,
        "created_by": "key:1",
        "ended_at": None if status == "running" else moment,
    }
    made: Backfill = Backfill.objects.create(**fields | changes)
    return made


def queue_run(action: Action, **changes: Any) -> Run:
    """A queued run of the action, started through the service, then changed as a test needs it."""
    spec = load_actions([action.id])[action.id]
    options: dict[str, Any] = {
        name: changes.pop(name)
        for name in ("input", "priority", "retry", "start_deadline_seconds", "trigger_id")
        if name in changes
    }
    defaults: dict[str, Any] = {
        "workspace_id": action.workspace_id,
        "action": spec,
        "input": {},
        "cause": "manual",
        "triggered_by": f"manual:key:{uuid.uuid4()}",
        "retry": spec.retry,
    }
    new = NewRun(**(defaults | options))
    start_runs([new], now=timezone.now())
    if changes:
        Run.objects.filter(id=new.run_id).update(**changes)
    return Run.objects.get(id=new.run_id)

"""What happened: one append-only table, partitioned by day on its id."""

import datetime as dt
from collections.abc import Sequence
from typing import Self
from uuid import UUID

from django.db import models

from events.rules.event import COMMON_TYPES
from events.rules.globs import compile_pattern
from events.rules.ids import bound_ids, lowest_id
from workspaces.services import UnnestQuerySet, new_id


class EventQuerySet(UnnestQuerySet["Event"]):
    """Reads that stay within few partitions: time is read as a range of ids."""

    def between(self, since: dt.datetime | None, until: dt.datetime | None) -> Self:
        """Created at ``since`` or later and before ``until``."""
        events = self
        if since is not None:
            events = events.filter(id__gte=lowest_id(since))
        if until is not None:
            events = events.filter(id__lt=lowest_id(until))
        return events

    def not_before(self, *first_ids: UUID | None) -> Self:
        """Written since the last of these came to be, as far as clocks agree; None is unknown."""
        bounds = [bound for first_id in first_ids if (bound := bound_ids(first_id)) is not None]
        return self.filter(id__gte=max(bounds)) if bounds else self

    def of_types(self, patterns: Sequence[str]) -> Self:
        """Whose type matches any of these patterns; all of them when there is none."""
        exact = [pattern for pattern in patterns if "*" not in pattern]
        wanted = models.Q(event_type__in=exact) if exact else models.Q()
        for pattern in patterns:
            if "*" in pattern:
                wanted |= models.Q(event_type__regex=compile_pattern(pattern))
        return self.filter(wanted)


class Event(models.Model):
    """One thing that happened. Never updated, never deleted: the database refuses both.

    The table is RANGE-partitioned on ``id`` (UUIDv7, hence by time), so nothing may hold a database
    foreign key to it, and it holds none itself: an event outlives what it speaks of.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace_id = models.UUIDField()
    event_type = models.CharField(max_length=128)
    source = models.CharField(max_length=16)
    entity_type = models.CharField(max_length=32)
    entity_id = models.UUIDField(null=True)
    chain_id = models.UUIDField()
    parent_id = models.UUIDField(null=True)
    run_id = models.UUIDField(null=True)
    trigger_id = models.UUIDField(null=True)
    destination_id = models.UUIDField(null=True)
    delivery_id = models.UUIDField(null=True)
    data = models.JSONField(default=dict)
    effective_at = models.DateTimeField()
    # The time in the id: so a list's order, its time range and what it shows agree exactly.
    created_at = models.DateTimeField()

    objects = EventQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["workspace_id", "id"], name="events_event_workspace"),
            models.Index(fields=["chain_id", "id"], name="events_event_chain"),
            models.Index(
                fields=["trigger_id", "id"],
                name="events_event_trigger",
                condition=models.Q(trigger_id__isnull=False),
            ),
            models.Index(
                fields=["run_id"],
                name="events_event_run",
                condition=models.Q(run_id__isnull=False),
            ),
            models.Index(
                fields=["destination_id", "id"],
                name="events_event_destination",
                condition=models.Q(destination_id__isnull=False),
            ),
            # What happens all the time is found without it, and pays nothing for it.
            models.Index(
                fields=["workspace_id", "event_type", "id"],
                name="events_event_rare_type",
                condition=~models.Q(event_type__in=COMMON_TYPES),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.id}"

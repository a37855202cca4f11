"""Who: workspaces, their plans, API keys and numbered revisions."""

import datetime as dt
import itertools
import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import uuid_utils.compat
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_past_ids: ContextVar[Iterator[uuid.UUID] | None] = ContextVar("past_ids", default=None)


def new_id() -> uuid.UUID:
    """A UUID version 7: ordered by time, monotonic within a process."""
    past_ids = _past_ids.get()
    return uuid_utils.compat.uuid7() if past_ids is None else next(past_ids)


@contextmanager
def mint_ids_of(moment: dt.datetime) -> Iterator[None]:
    """Inside the block, ids of this thread are those of ``moment``, ascending: for whoever writes
    down a history that lies behind.
    """
    token = _past_ids.set(_iterate_ids(moment))
    try:
        yield
    finally:
        _past_ids.reset(token)


def _iterate_ids(moment: dt.datetime) -> Iterator[uuid.UUID]:
    # Milliseconds, then the 12 bits below them as a counter that may run over into the next one.
    first = ((moment - _EPOCH) // dt.timedelta(milliseconds=1)) << 12
    for count in itertools.count(first):
        yield uuid.UUID(
            int=(count >> 12) << 80
            | 0x7 << 76
            | (count & 0xFFF) << 64
            | 0b10 << 62
            | secrets.randbits(62)
        )


class Plan(models.Model):
    """How much a workspace may hold; null is unlimited."""

    slug = models.SlugField(primary_key=True, max_length=64)
    name = models.CharField(max_length=64)
    max_scheduled_triggers = models.PositiveIntegerField(null=True, blank=True)
    max_webhook_triggers = models.PositiveIntegerField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class Workspace(models.Model):
    """A tenant. ``revision_number`` counts its revisions, under this row's lock."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=256)
    slug = models.SlugField(max_length=64, unique=True)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, default="enterprise")
    metadata = models.JSONField(default=dict, blank=True)
    revision_number = models.PositiveBigIntegerField(default=0, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return self.slug


class ApiKey(models.Model):
    """A bearer key, stored as a SHA-256. Without a workspace it is an operator's."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, null=True, blank=True, related_name="api_keys"
    )
    name = models.CharField(max_length=256)
    key_hash = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=8, editable=False)
    scopes = ArrayField(models.CharField(max_length=64))
    rate_limit_per_minute = models.PositiveIntegerField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="workspaces_apikey_operator_has_no_workspace",
                condition=models.Q(workspace__isnull=True, scopes=["operator"])
                | (models.Q(workspace__isnull=False) & ~models.Q(scopes__contains=["operator"])),
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} (…{self.hint})"


class Revision(models.Model):
    """One numbered snapshot of one row.

    Version N of a workspace is the latest snapshot per key up to N.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=32)
    external_key = models.CharField(max_length=128)
    # Null: the row was deleted.
    document = models.JSONField(null=True)
    created_by = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "number"], name="workspaces_revision_number_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.workspace_id} #{self.number} {self.kind} {self.external_key}"


class PrunedHistory(models.Model):
    """How far back one class of history has been pruned: what is older may be gone."""

    name = models.CharField(max_length=32, primary_key=True)
    before = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} before {self.before}"

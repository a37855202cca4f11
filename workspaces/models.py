"""Who: workspaces, their plans, API keys and numbered revisions."""

import uuid
from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, TypeVar

import uuid_utils.compat
from django.contrib.postgres.fields import ArrayField
from django.db import connections, models
from django.db.models.functions import Now

from workspaces.rules.inserts import Column, plan_insert

_Row = TypeVar("_Row", bound=models.Model)


def new_id() -> uuid.UUID:
    """A UUID version 7: ordered by time, monotonic within a process."""
    return uuid_utils.compat.uuid7()


class UnnestQuerySet(models.QuerySet[_Row]):
    """Rows written by one INSERT, however many: a column that differs is one array."""

    def insert_rows(self, rows: Sequence[Any], *, on_conflict: str = "") -> list[uuid.UUID]:
        """Insert complete rows (every id minted by the caller); returns the ids that were inserted.

        A row is an instance, or whatever else has all of its attributes. ``on_conflict`` is the SQL
        after ``ON CONFLICT``, such as ``(trigger_id, key) DO NOTHING``. Columns with a
        ``db_default`` are left to the database.
        """
        if not rows:
            return []
        columns = _list_columns(self.model, self.db)
        read = attrgetter(*[column.attribute for column in columns])
        values = zip(*map(read, rows), strict=True)
        return self._insert(list(zip(columns, values, strict=True)), on_conflict=on_conflict)

    def insert_values(
        self, rows: Sequence[Mapping[str, Any]], *, on_conflict: str = ""
    ) -> list[uuid.UUID]:
        """As ``insert_rows``, of attributes by name: many times cheaper than an instance.

        All rows have the same ones; what they leave out takes its field's default.
        """
        if not rows:
            return []
        meta: Any = self.model._meta  # noqa: SLF001 - Django's own, documented API
        columns = [
            (
                column,
                [row[column.attribute] for row in rows]
                if column.attribute in rows[0]
                else [meta.get_field(column.attribute).get_default()],
            )
            for column in _list_columns(self.model, self.db)
        ]
        return self._insert(columns, on_conflict=on_conflict)

    def _insert(
        self, columns: Sequence[tuple[Column, Sequence[Any]]], *, on_conflict: str
    ) -> list[uuid.UUID]:
        insert = plan_insert(columns)
        names = ", ".join(f'"{column.name}"' for column, _ in columns)
        table, (key, ids) = self.model._meta.db_table, columns[0]  # noqa: SLF001 - as above
        sql = f'INSERT INTO "{table}" ({names}) {insert.source}'
        if on_conflict:
            sql += f' ON CONFLICT {on_conflict} RETURNING "{key.name}"'
        with connections[self.db].cursor() as cursor:
            cursor.execute(sql, insert.parameters)
            # Without a conflict all of them or an error: no need to ask which.
            return [row[0] for row in cursor.fetchall()] if on_conflict else list(ids)


@lru_cache(maxsize=64)
def _list_columns(model: type[models.Model], alias: str) -> list[Column]:
    # The key comes first.
    fields: Sequence[Any] = model._meta.concrete_fields  # noqa: SLF001 - as above
    return [
        Column(
            name=field.column,
            # An array of varchar(256) is cast as varchar[].
            type_name=str(field.db_type(connections[alias])).split("(")[0],
            attribute=field.attname,
        )
        for field in fields
        if not field.has_db_default()
    ]


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

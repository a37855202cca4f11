"""Numbered snapshots: version N of a workspace is the latest snapshot per key up to N."""

import json
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection

from workspaces.rules.problems import NotFound

# One statement: the UPDATE takes the workspace's row lock, so numbers have neither gaps nor twins.
_RECORD = """
WITH counted AS (
    UPDATE workspaces_workspace SET revision_number = revision_number + 1
    WHERE id = %(workspace_id)s RETURNING id, revision_number
)
INSERT INTO workspaces_revision
    (workspace_id, number, kind, external_key, document, created_by)
SELECT id, revision_number, %(kind)s, %(external_key)s, %(document)s::jsonb, %(created_by)s
FROM counted RETURNING number
"""


def record_revision(
    *,
    workspace_id: UUID,
    kind: str,
    external_key: str,
    document: dict[str, Any] | None,
    created_by: str,
) -> int:
    """Append the snapshot of one row (None: it was deleted); returns its number in the workspace.

    Runs in the caller's transaction and holds the workspace's row lock until that ends, so call it
    last. UUIDs and times in ``document`` are written as text.

    Raises:
        NotFound: there is no such workspace.
    """
    text = None if document is None else json.dumps(document, cls=DjangoJSONEncoder)
    with connection.cursor() as cursor:
        cursor.execute(
            _RECORD,
            {
                "workspace_id": workspace_id,
                "kind": kind,
                "external_key": external_key,
                "document": text,
                "created_by": created_by,
            },
        )
        row: tuple[int] | None = cursor.fetchone()
    if row is None:
        raise NotFound("There is no such workspace.")
    return row[0]

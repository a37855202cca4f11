"""Does anything at all belong to a workspace: asked of the database's catalogue.

Rooms above this one keep their rows in tables that it must not know. All of them carry a column
``workspace_id``, so the catalogue names every table that matters, also those of rooms to come.
"""

from uuid import UUID

from django.db import connection
from psycopg import sql

# A partition's rows are its parent's. API keys are no history: they go with their workspace.
_TABLES = """
SELECT c.relname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE a.attname = 'workspace_id' AND NOT a.attisdropped
  AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND c.relnamespace = current_schema()::regnamespace
  AND c.relname <> 'workspaces_apikey'
ORDER BY c.relname
"""


def has_records(workspace_id: UUID) -> bool:
    """True when any row of any room, an event above all, carries this workspace's id."""
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        for (table,) in cursor.fetchall():
            query = sql.SQL("SELECT EXISTS (SELECT 1 FROM {} WHERE workspace_id = %s)")
            cursor.execute(query.format(sql.Identifier(table)), [workspace_id])
            if cursor.fetchone()[0]:
                return True
    return False

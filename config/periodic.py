"""What the leading Beat has done over and over, beside its own chores: one task each."""

from typing import Any, Final

SCHEDULE: Final[dict[str, dict[str, Any]]] = {
    "events-create-partitions": {
        "task": "events.tasks.create_partitions",
        "schedule": 3600.0,
        "options": {"queue": "system"},
    },
    # Autovacuum does not analyse the parent of a partitioned table.
    "events-analyze-tables": {
        "task": "events.tasks.analyze_tables",
        "schedule": 3600.0,
        "options": {"queue": "system"},
    },
    "console-advance-operations": {
        "task": "console.tasks.advance_operations",
        "schedule": 2.0,
        "options": {"queue": "system", "expires": 60},
    },
    "webhooks-confirm-subscriptions": {
        "task": "webhooks.tasks.confirm_subscriptions",
        "schedule": 5.0,
        "options": {"queue": "system", "expires": 60},
    },
    "console-prune-history": {
        "task": "console.tasks.prune_history",
        "schedule": 600.0,
        "options": {"queue": "system", "expires": 600},
    },
    "webhooks-prune-dedupe-keys": {
        "task": "webhooks.tasks.prune_dedupe_keys",
        "schedule": 3600.0,
        "options": {"queue": "system"},
    },
}

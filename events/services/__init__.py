"""The verbs of events: append, read, and keep the ledger's partitions.

``Event`` is here for the types of those who read it; its table is this room's alone.
"""

from events.models import Event
from events.services.append import (
    PartitionMissing,
    append_event,
    append_events,
    is_partition_missing,
    publish_event,
)
from events.services.partitions import (
    analyze_tables,
    count_partitions_ahead,
    create_missing_partitions,
)
from events.services.reads import (
    find_event,
    list_chain,
    list_events,
    list_run_events,
    list_steps,
    list_trigger_events,
)
from events.services.retiring import drop_old_partitions

__all__ = [
    "Event",
    "PartitionMissing",
    "analyze_tables",
    "append_event",
    "append_events",
    "count_partitions_ahead",
    "create_missing_partitions",
    "drop_old_partitions",
    "find_event",
    "is_partition_missing",
    "list_chain",
    "list_events",
    "list_run_events",
    "list_steps",
    "list_trigger_events",
    "publish_event",
]

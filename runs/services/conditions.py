"""Whether there is something to do for Beat: one SQL condition for each chore, cheap to ask.

A condition may hold when there is nothing to do; it must hold when there is. Each is cut as the
partial index is that answers it.
"""

from typing import Final

from actions.services import CONDITIONS as CALLS

CONDITIONS: Final[dict[str, str]] = {
    **CALLS,
    "ring_due_queues": (
        "EXISTS (SELECT 1 FROM runs_run WHERE status = 'queued' AND lost_leases = 0"
        " AND waits_for IS NULL AND priority >= 1 AND available_at <= now())"
        " OR EXISTS (SELECT 1 FROM runs_run WHERE status = 'queued' AND lost_leases > 0"
        " AND available_at <= now())"
    ),
    "reap_expired_leases": (
        "EXISTS (SELECT 1 FROM runs_run WHERE status = 'running' AND lease_until < now())"
        " OR EXISTS (SELECT 1 FROM runs_run WHERE status = 'delegated' AND deadline_at < now())"
    ),
    "fail_late_starts": (
        "EXISTS (SELECT 1 FROM runs_run WHERE status = 'queued' AND start_deadline_at <= now())"
    ),
    "release_stranded_runs": (
        "EXISTS (SELECT 1 FROM runs_run WHERE status = 'queued' AND waits_for IS NOT NULL)"
    ),
}

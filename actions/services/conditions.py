"""Whether there is something to do for Beat: one SQL condition for each chore, cheap to ask.

A condition may hold when there is nothing to do; it must hold when there is.
"""

from typing import Final

CONDITIONS: Final[dict[str, str]] = {
    "start_due_calls": (
        "EXISTS (SELECT 1 FROM actions_outboundcall"
        " WHERE status = 'pending' AND next_attempt_at <= now())"
    ),
    "report_finished_calls": (
        "EXISTS (SELECT 1 FROM actions_outboundcall"
        " WHERE status = 'dispatched' AND look_up_at <= now())"
    ),
    # Longer than a cap counts as new.
    "apply_new_caps": (
        "EXISTS (SELECT 1 FROM actions_action WHERE max_concurrency IS NOT NULL"
        " AND updated_at >= now() - interval '1 minute')"
    ),
}

"""The words of the ledger of fires."""

# What became of a slot, a delivery or a call.
OUTCOMES = (
    "fired",
    "missed",
    "superseded",
    "overlap_skipped",
    "limited",
    "loop",
    "action_disabled",
    "input_invalid",
)
CAUSES = ("schedule", "webhook", "manual", "event", "backfill", "replay")

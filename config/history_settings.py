"""How many days each class of history is kept; part of the settings."""

from config import environment

# By class; 0: for ever. `console.tasks.prune_history` lets go what is older, and system checks
# refuse what contradicts itself.
CLOCKHOOK_KEEP_DAYS = {
    name: environment.read_days(f"CLOCKHOOK_KEEP_{name.upper()}_DAYS", default=days)
    for name, days in {
        "events": 180,
        "runs": 90,
        "fires": 90,
        "calls": 90,
        "deliveries": 90,
        "requests": 30,  # Of deliveries: what came, byte for byte.
        "backfills": 90,
        "operations": 90,
    }.items()
}

"""The demonstration: a workspace with a week behind it, and leads to watch."""

from console.services.demo.leads import DemoFailed, show_leads
from console.services.demo.seeding import MAX_DAYS, Demo, NotTheDemo, open_demo, seed_demo

__all__ = [
    "MAX_DAYS",
    "Demo",
    "DemoFailed",
    "NotTheDemo",
    "open_demo",
    "seed_demo",
    "show_leads",
]

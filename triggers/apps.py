from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from triggers.rules.intervals import MAX_INTERVAL_SECONDS, SHORTEST_SECONDS


class TriggersConfig(AppConfig):
    name = "triggers"

    def ready(self) -> None:
        register(check_shortest_interval)


def check_shortest_interval(**_: Any) -> list[CheckMessage]:
    """``triggers.E001``: with this minimum no trigger could have an ``@every``."""
    if SHORTEST_SECONDS <= settings.CLOCKHOOK_SHORTEST_INTERVAL_SECONDS <= MAX_INTERVAL_SECONDS:
        return []
    return [
        Error(
            "CLOCKHOOK_SHORTEST_INTERVAL_SECONDS is out of range.",
            hint=f"Give seconds, from {SHORTEST_SECONDS} to {MAX_INTERVAL_SECONDS}.",
            id="triggers.E001",
        )
    ]

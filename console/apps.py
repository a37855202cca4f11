from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

# As long as a trigger's fire_limit may look back.
MIN_FIRE_DAYS = 31


class ConsoleConfig(AppConfig):
    name = "console"

    def ready(self) -> None:
        register(check_retention)


def check_retention(**_: Any) -> list[CheckMessage]:
    """``console.E001``, ``console.E002``: history would outlive what it rests on."""
    days: dict[str, int] = settings.CLOCKHOOK_KEEP_DAYS
    problems: list[CheckMessage] = []
    if _is_shorter(days["events"], days["runs"]):
        problems.append(
            Error(
                "Events would be kept shorter than runs: a run would lose its chain.",
                hint="CLOCKHOOK_KEEP_EVENTS_DAYS is at least CLOCKHOOK_KEEP_RUNS_DAYS, or 0.",
                id="console.E001",
            )
        )
    if _is_shorter(days["fires"], MIN_FIRE_DAYS):
        problems.append(
            Error(
                "Fires would be forgotten that a trigger's fire_limit still counts.",
                hint=f"CLOCKHOOK_KEEP_FIRES_DAYS is at least {MIN_FIRE_DAYS}, or 0.",
                id="console.E002",
            )
        )
    return problems


def _is_shorter(days: int, least: int) -> bool:
    """0 is for ever."""
    return days != 0 and (least == 0 or days < least)

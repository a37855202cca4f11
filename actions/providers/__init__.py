"""The telephony providers: one line each. ``CLOCKHOOK_CALL_PROVIDER`` names the one in use."""

from actions.providers.base import Provider
from actions.providers.console import Console

PROVIDERS: dict[str, Provider] = {
    "console": Console(),
}

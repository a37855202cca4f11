from typing import Any

from cryptography.fernet import Fernet
from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register


class WorkspacesConfig(AppConfig):
    name = "workspaces"

    def ready(self) -> None:
        register(check_encryption_keys)


def check_encryption_keys(**_: Any) -> list[CheckMessage]:
    """``workspaces.E001``: secrets could be neither stored nor read with these keys."""
    keys: list[str] = settings.CLOCKHOOK_ENCRYPTION_KEYS
    problems = [] if keys else ["CLOCKHOOK_ENCRYPTION_KEYS is empty."]
    problems += [
        f"Key {number} of CLOCKHOOK_ENCRYPTION_KEYS is not a Fernet key."
        for number, key in enumerate(keys, start=1)
        if not _is_fernet_key(key)
    ]
    hint = (
        "Give one or more keys separated by commas, each 32 random bytes in URL-safe base64: "
        "`openssl rand -base64 32 | tr +/ -_`. The first encrypts, all decrypt."
    )
    return [Error(problem, hint=hint, id="workspaces.E001") for problem in problems]


def _is_fernet_key(key: str) -> bool:
    try:
        Fernet(key)
    except ValueError:
        return False
    return True

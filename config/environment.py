"""What the environment and the data folder say: addresses, secrets, the data folder itself.

The environment wins; what it does not give is read from the data folder, where the supervisor
notes the addresses of its embedded services and where secrets are made once. Pure Python, so that
the supervisor can use it before Django is there.
"""

import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

CHECKOUT = Path(__file__).resolve().parent.parent
STACK_FILE = "stack.json"


def read_data_dir() -> Path:
    """The data folder: ``CLOCKHOOK_DATA``, else ``.clockhook`` in the checkout."""
    return Path(os.environ.get("CLOCKHOOK_DATA") or CHECKOUT / ".clockhook").absolute()


def read_flag(name: str) -> bool:
    """True for ``1``, ``true``, ``yes``, ``on`` in any case."""
    return os.environ.get(name, "").strip().lower() in {"1", "true", "yes", "on"}


def read_days(name: str, *, default: int) -> int:
    """A whole number of days.

    Raises:
        ValueError: it is none, or less than 0.
    """
    text = os.environ.get(name, "").strip()
    days = int(text or default)
    if days < 0:
        raise ValueError(f"{name} is a whole number of days from 0 on, not {text}.")
    return days


def make_private_folder(folder: Path) -> None:
    """Make a folder that its owner alone may enter; one that exists keeps its rights."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


# ── stack.json: what the supervisor tells the commands beside it ─────────────────────────────────


def read_stack_file() -> dict[str, Any]:
    """What the running supervisor noted (see ``write_stack_file``); empty where none runs."""
    try:
        content = json.loads((read_data_dir() / STACK_FILE).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return content if isinstance(content, dict) else {}


def write_stack_file(data_dir: Path, notes: Mapping[str, Any]) -> None:
    """Note the addresses of a running stack, for its owner's eyes alone (mode 0600).

    ``database_url``, ``redis_url``, ``base_url``, ``port``, ``pid``, ``admin_username``. Readers
    see the old notes or the new ones, never half of them.
    """
    temporary = _write_new_file(data_dir / STACK_FILE, json.dumps(notes, indent=2) + "\n")
    temporary.replace(data_dir / STACK_FILE)


def remove_stack_file(data_dir: Path) -> None:
    (data_dir / STACK_FILE).unlink(missing_ok=True)


# ── secrets: given, or made once ─────────────────────────────────────────────────────────────────


def _make_fernet_key() -> str:
    return Fernet.generate_key().decode()


def _make_token() -> str:
    return secrets.token_urlsafe(48)


_MAKERS: dict[str, Callable[[], str]] = {
    "CLOCKHOOK_SECRET_KEY": _make_token,
    "CLOCKHOOK_ENCRYPTION_KEYS": _make_fernet_key,
}
SECRETS = tuple(_MAKERS)


def read_or_make_secret(variable: str) -> str:
    """The environment's value, else the data folder's, made at the first need (mode 0600)."""
    given = os.environ.get(variable)
    if given:
        return given
    name = variable.removeprefix("CLOCKHOOK_").lower()
    return keep_secret(read_data_dir(), name, make=_MAKERS[variable])


def keep_secret(data_dir: Path, name: str, *, make: Callable[[], str] = _make_token) -> str:
    """The secret ``name`` of a data folder; ``make`` is asked for it only where there is none yet.

    Of processes that start together all get the same value.
    """
    path = data_dir / "secrets" / name
    if not path.exists():
        make_private_folder(data_dir)
        make_private_folder(path.parent)
        temporary = _write_new_file(path, make())
        try:
            # A link never replaces: whoever comes second reads what the first one made.
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    return path.read_text().strip()


def _write_new_file(path: Path, text: str) -> Path:
    """A complete file of mode 0600 beside ``path``, to be moved into its place."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        # A power cut right after must not leave an empty encryption key behind.
        os.fsync(descriptor)
    return temporary

"""Knowing when the web server answers, and what to tell the person at the terminal then."""

import http.client
import urllib.request
from pathlib import Path

from config.stack.seed import Seed

_TIMEOUT_SECONDS = 1.0
# Our own address: a proxy from the environment has no business with it.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answers(url: str) -> bool:
    """True when a GET is answered with a 2xx."""
    try:
        with _OPENER.open(url, timeout=_TIMEOUT_SECONDS):
            return True
    except (OSError, ValueError, http.client.HTTPException):
        return False


def render_welcome(seed: Seed, *, base_url: str, password_file: Path) -> str:
    """The block that ``make run`` prints once everything is up."""
    password = password_file.read_text().strip() if password_file.exists() else ""
    login = f"{seed.admin_username} / {password}" if password else seed.admin_username
    key = seed.api_key or "shown at the first start; another: .venv/bin/python manage.py bootstrap"
    read_triggers = f"{base_url}/v1/{seed.workspace_id}/triggers"
    lines = [
        "",
        "  Clockhook is running (Ctrl-C stops it).",
        "",
        f"  URL        {base_url}",
        f"  Docs       {base_url}/docs",
        f"  Admin      {base_url}/admin/   {login}",
        f"  Workspace  {seed.workspace_id}",
        f"  API key    {key}",
        "",
        f"  curl -H 'Authorization: Bearer {seed.api_key or '<API key>'}' {read_triggers}",
        "",
    ]
    return "\n".join(lines)

"""Real stacks for tests: each a supervisor of its own in a folder of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from config import environment
from config.stack.paths import name_stack
from config.stack.processes import end_processes, find_marked, find_servers

_PATIENCE_SECONDS = 60.0
_PROGRAMS = {"postgres": ("postgres",), "valkey": ("valkey", "redis")}
# The suite itself may run under a stack, with addresses and secrets of its own.
_OWN_VARIABLES = ("DATABASE_URL", "REDIS_URL", "CLOCKHOOK_", "PORT", "PG", "DJANGO_")


def build_env(data_dir: Path, **more: str) -> dict[str, str]:
    """The environment of a person who has set nothing but what is given."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(_OWN_VARIABLES)}
    return env | {"CLOCKHOOK_DATA": str(data_dir)} | more


def pick_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(condition: Callable[[], Any], *, seconds: float = _PATIENCE_SECONDS) -> float:
    """The seconds until ``condition()`` held; fails the test when it did not in time."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds, f"not within {seconds} s"
        time.sleep(0.02)
    return time.monotonic() - start


def is_alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Stack:
    """A supervisor with stand-in programs. Without ``is_whole`` it has no services either."""

    def __init__(self, data_dir: Path, *, is_whole: bool = True, **env: str) -> None:
        self.data_dir = data_dir
        self.port = int(env.get("PORT") or pick_port())
        given = {} if is_whole else {"DATABASE_URL": "postgresql://", "REDIS_URL": "redis://"}
        self._env = build_env(data_dir, **{"PORT": str(self.port)} | given | env)
        self._output = data_dir.with_name(f"{data_dir.name}.log")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> "Stack":
        """Start the supervisor, without waiting for anything."""
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        with self._output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.config.stand_in_stack", *arguments],
                cwd=environment.CHECKOUT,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        return self

    def wait_ready(self) -> float:
        """Seconds until the block with the addresses was printed."""
        return wait_for(lambda: "Clockhook is running" in self.read_output() or self._fail_early())

    def _fail_early(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.read_output()
        return False

    def read_output(self) -> str:
        return self._output.read_text()

    def forget_output(self) -> None:
        self._output.write_text("")

    def read_notes(self) -> dict[str, Any]:
        """What ``stack.json`` says."""
        notes: dict[str, Any] = json.loads((self.data_dir / "stack.json").read_text())
        return notes

    def ask_web(self) -> int:
        """The pid of the web worker that answers; 0 when nobody does."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=1) as page:
                return int(page.read())
        except OSError:
            return 0

    def query(self, sql: str) -> Any:
        """The first column of the first row, if the statement returns one."""
        with psycopg.connect(self.read_notes()["database_url"], autocommit=True) as connection:
            cursor = connection.execute(sql)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

    def find_processes(self) -> list[int]:
        """All of the stack's processes but the supervisor, wherever its cluster is."""
        if not self.data_dir.exists():
            return []
        note = self.data_dir / "postgres.path"
        home = Path(note.read_text().strip()) if note.exists() else self.data_dir
        return [
            *find_marked(name_stack(self.data_dir)),
            *find_servers(home / "postgres", programs=_PROGRAMS["postgres"]),
            *find_servers(self.data_dir / "valkey", programs=_PROGRAMS["valkey"]),
        ]

    def find_server(self, name: str) -> int:
        """The pid of ``postgres`` or ``valkey`` itself, not of one of its own children."""
        return min(find_servers(self.data_dir / name, programs=_PROGRAMS[name]))

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal to the supervisor and return its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=20)

    def destroy(self) -> None:
        """Leave nothing behind, whatever state the test left."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        assert end_processes(self.find_processes)

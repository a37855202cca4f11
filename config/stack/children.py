"""What a child is, when it is restarted, and how its program is started."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

_LAUNCHER = Path(__file__).with_name("launch.py")
_WINDOW_SECONDS = 60.0
_FREE_DEATHS = 2
_LONGEST_DELAY_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Account:
    """Who a child runs as: the supervisor's own user unless something is given.

    ``uid`` and ``gid`` switch to another user (root may); ``namespace_id`` keeps the user but calls
    it by this id in a user namespace, for a program that refuses to be root.
    """

    uid: int | None = None
    gid: int | None = None
    namespace_id: int | None = None

    def as_options(self) -> dict[str, int]:
        names = ("uid", "gid", "namespace_id")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


OWN_ACCOUNT = Account()


@dataclass(frozen=True, kw_only=True)
class ChildSpec:
    """A program to run beside the supervisor.

    ``grace_seconds`` may pass between ``stop_signal`` and SIGKILL. ``death_signal`` is what the
    child gets when the supervisor itself is killed. ``prepare`` runs before every start and raises
    StackError when there can be none. A foreground child keeps the terminal: its input, its output,
    its Ctrl-C.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    account: Account = OWN_ACCOUNT
    stop_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 7.0
    death_signal: signal.Signals = signal.SIGKILL
    prepare: Callable[[], None] | None = None
    is_foreground: bool = False


@dataclass(kw_only=True, eq=False)
class Child:
    """One child over all its lives. ``deaths`` and ``start_at`` are on the monotonic clock."""

    spec: ChildSpec
    process: subprocess.Popen[bytes] | None = None
    exit_code: int | None = None
    deaths: list[float] = field(default_factory=list)
    start_at: float | None = None
    is_wanted: bool = True

    @property
    def is_alive(self) -> bool:
        return self.process is not None


def restart_delay(deaths: Sequence[float], *, now: float) -> float:
    """Seconds until the next start: none for two deaths in a minute, then 1, 2, 4 … up to 30."""
    recent = sum(1 for died in deaths if now - died < _WINDOW_SECONDS)
    if recent <= _FREE_DEATHS:
        return 0.0
    return float(min(_LONGEST_DELAY_SECONDS, 2.0 ** (recent - _FREE_DEATHS - 1)))


def describe_exit(exit_code: int) -> str:
    """``exit code 3``, or the name of the signal that ended the process."""
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f"signal {-exit_code}"


def wrap_command(spec: ChildSpec) -> list[str]:
    """The command line that starts a child through ``launch.py``."""
    options = {
        "parent": os.getpid(),
        "death_signal": int(spec.death_signal),
        "cwd": str(spec.cwd),
        **spec.account.as_options(),
    }
    return [sys.executable, "-I", "-S", str(_LAUNCHER), json.dumps(options), *spec.command]


def start_process(spec: ChildSpec, *, output: int | IO[Any] | None) -> subprocess.Popen[bytes]:
    """Start a child's program; a background child leads a process group of its own.

    Called from the main thread only: the kernel ties the child's life to the thread that made it.
    """
    if spec.is_foreground:
        return subprocess.Popen(wrap_command(spec), env=dict(spec.env))
    return subprocess.Popen(
        wrap_command(spec),
        env=dict(spec.env),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is subprocess.PIPE else subprocess.PIPE,
        process_group=0,
    )

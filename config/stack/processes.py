"""Finding processes that an earlier supervisor left behind, through ``/proc``.

Where there is no ``/proc`` nothing is ever found; Postgres then guards its own folder.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

STACK_VARIABLE = "CLOCKHOOK_STACK"
_PR_SET_CHILD_SUBREAPER = 36

Signals = Sequence[tuple[signal.Signals, float]]  # each with the seconds to wait after it
AT_ONCE: Signals = ((signal.SIGKILL, 5.0),)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies: none escapes to init."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def find_marked(mark: str) -> list[int]:
    """Processes that were started as part of the stack ``mark`` (see ``paths.name_stack``)."""
    wanted = f"{STACK_VARIABLE}={mark}".encode()
    return [pid for pid in _list_pids() if wanted in _read_environment(pid)]


def find_servers(folder: Path, *, programs: tuple[str, ...]) -> list[int]:
    """Processes of ``programs`` at work in ``folder``: servers overwrite the mark with a title.

    The name of the program counts too: a shell that stands in the folder is no server.
    """
    try:
        place = folder.stat()
    except FileNotFoundError:
        return []
    return [pid for pid in _list_pids() if _works_in(pid, place) and _runs(pid, programs)]


def end_processes(find: Callable[[], list[int]], *, signals: Signals = AT_ONCE) -> bool:
    """Send each signal in turn until ``find`` finds nobody; False when somebody is left."""
    for number, seconds in signals:
        for pid in find():
            _send(pid, number)
        deadline = time.monotonic() + seconds
        while find():
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        else:
            return True
    return False


def _list_pids() -> list[int]:
    own = os.getpid()
    try:
        names = os.listdir("/proc")
    except FileNotFoundError:
        return []
    return [int(name) for name in names if name.isdecimal() and int(name) != own]


def _read_environment(pid: int) -> set[bytes]:
    try:
        return set(Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))
    except OSError:  # gone, or somebody else's
        return set()


def _works_in(pid: int, place: os.stat_result) -> bool:
    try:
        return os.path.samestat(Path(f"/proc/{pid}/cwd").stat(), place)
    except OSError:
        return False


def _runs(pid: int, programs: tuple[str, ...]) -> bool:
    try:
        program = os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return False
    return os.path.basename(program).startswith(programs)


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)

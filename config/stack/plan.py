"""What one stack is to be: read once from the environment, then only passed on."""

import os
import socket
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from config import environment
from config.stack import paths
from config.stack.errors import StackError
from config.stack.processes import STACK_VARIABLE


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Addresses and folders of a stack.

    ``database_url`` and ``redis_url`` are given ones, empty where an embedded server is to run.
    A disposable stack trades safety for speed: its data may go with the next power cut.
    """

    data_dir: Path
    socket_dir: Path
    database_url: str
    redis_url: str
    host: str
    port: int
    is_disposable: bool
    may_use_namespace: bool

    @property
    def base_url(self) -> str:
        """Where this machine reaches the web server."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def read_plan(data_dir: Path, *, is_disposable: bool) -> Plan:
    """The plan that the environment asks for.

    Raises: StackError for a PORT or a CLOCKHOOK_HOST that is none.
    """
    text = os.environ.get("PORT") or "8000"
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise StackError(f"PORT is {text!r}, which is no port number (1 to 65535).")
    return Plan(
        data_dir=data_dir,
        socket_dir=paths.name_socket_folder(
            data_dir, uid=os.geteuid(), temp_dir=tempfile.gettempdir()
        ),
        database_url=os.environ.get("DATABASE_URL", ""),
        redis_url=os.environ.get("REDIS_URL", ""),
        host=_find_address(os.environ.get("CLOCKHOOK_HOST") or "127.0.0.1"),
        port=int(text),
        is_disposable=is_disposable,
        may_use_namespace=not environment.read_flag("CLOCKHOOK_NO_USERNS"),
    )


def _find_address(host: str) -> str:
    """The address to listen on, IPv4 first: Granian takes no names."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise StackError(
            f"CLOCKHOOK_HOST is {host!r}, which is no host: {error.strerror}."
        ) from None
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    return str(found[0][4][0])


def open_data_dir(data_dir: Path) -> None:
    """Make the data folder, or see that it is ours to use.

    Raises: StackError.
    """
    try:
        environment.make_private_folder(data_dir)
    except OSError as error:
        raise StackError(f"The data folder {data_dir} cannot be made: {error.strerror}.") from error
    if not os.access(data_dir, os.R_OK | os.W_OK | os.X_OK):
        raise StackError(
            f"The data folder {data_dir} belongs to another user: "
            "set CLOCKHOOK_DATA to a folder of your own."
        )


def build_environment(plan: Plan) -> dict[str, str]:
    """The environment that every child starts from; the services' addresses come later."""
    return {
        **os.environ,
        "CLOCKHOOK_DATA": str(plan.data_dir),
        STACK_VARIABLE: paths.name_stack(plan.data_dir),
        "CLOCKHOOK_ROLE": "",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PORT": str(plan.port),
        "PYTHONUNBUFFERED": "1",
        # Time zones come from the locked tzdata package alone, not from whatever this machine has.
        "PYTHONTZPATH": "",
    }


def probe_port(host: str, port: int, *, patience_seconds: float = 0.0) -> None:
    """See that nobody listens on the port, at the latest after ``patience_seconds``.

    Granian binds with SO_REUSEPORT, which would share a busy port in silence; this bind does not.

    Raises: StackError.
    """
    deadline = time.monotonic() + patience_seconds
    while (error := _try_port(host, port)) is not None:
        if time.monotonic() > deadline:
            raise StackError(
                f"Port {port} on {host} cannot be used ({error.strerror}): set PORT to another one."
            )
        time.sleep(0.05)


def _try_port(host: str, port: int) -> OSError | None:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, proto) as probe:
            # Past connections in TIME_WAIT do not count; a listening socket still does.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error
    return None

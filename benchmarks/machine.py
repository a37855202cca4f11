"""What the benchmarks measure with: processes, their CPU time, the clock, the services."""

import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from django.db import connection

from config import environment
from config.stack import plan, postgres, programs
from config.stack.children import ChildSpec

_TICKS = os.sysconf("SC_CLK_TCK")


def open_broker() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL)


def find_program(name: str) -> ChildSpec:
    """One of the product's own processes, as ``make run`` starts it."""
    stack = plan.read_plan(environment.read_data_dir(), is_disposable=False)
    env = {name: value for name, value in os.environ.items() if name != "CLOCKHOOK_ROLE"}
    return next(spec for spec in programs.list_programs(stack, env) if spec.name == name)


def find_postgres_program(name: str) -> str:
    return str(postgres.find_package() / "pginstall18" / "bin" / name)


@contextmanager
def run_process(
    name: str, command: Sequence[str], env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process beside this one, whose output goes into the data folder; ended with the block."""
    path = environment.read_data_dir() / f"{name}.log"
    with path.open("wb") as log:
        process = subprocess.Popen(
            command,
            env=dict(env or os.environ),
            cwd=environment.CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def run_program(
    name: str, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """One of the product's processes; ``env`` comes on top of its own."""
    spec = find_program(name)
    with run_process(f"bench-{name}", spec.command, {**spec.env, **(env or {})}) as process:
        yield process


def wait_until(
    condition: Callable[[], Any], *, seconds: float = 120.0, pause: float = 0.01
) -> float:
    """Poll; the monotonic moment at which the condition held."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing came of it within {seconds:g} s")
        time.sleep(pause)
    return time.monotonic()


def read_cpu_seconds(pid: int) -> float:
    """CPU time of a process and of all below it, including those that ended and were waited for."""
    total, queue, children = 0.0, [pid], _list_children()
    while queue:
        current = queue.pop()
        queue += children.get(current, [])
        total += _read_own_seconds(current)
    return total


def read_peak_megabytes(pid: int) -> float:
    """The most memory that a process has held so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def find_postmaster() -> int:
    """The parent of our own backend; 0 when Postgres runs elsewhere."""
    rows = query("SELECT pg_backend_pid()")
    fields = _read_stat(rows[0][0])
    return int(fields[1]) if fields else 0


def read_postgres_seconds() -> float:
    postmaster = find_postmaster()
    return read_cpu_seconds(postmaster) if postmaster else 0.0


def query(sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return list(cursor.fetchall()) if cursor.description else []


def describe_machine() -> list[str]:
    """What the figures depend on, one line each."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    names = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers")
    shown = ", ".join(f"{name} {query(f'SHOW {name}')[0][0]}" for name in names)
    info: Any = open_broker().info("server")
    return [
        f"{os.cpu_count()} cores, {cpu}; load before {os.getloadavg()[0]:.1f}",
        f"Python {platform.python_version()}, Postgres: {shown}",
        f"Valkey/Redis {info.get('valkey_version') or info['redis_version']}",
    ]


def _list_children() -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        fields = _read_stat(int(entry.name)) if entry.name.isdigit() else []
        if fields:
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    return children


def _read_own_seconds(pid: int) -> float:
    fields = _read_stat(pid)
    return sum(int(field) for field in fields[11:15]) / _TICKS if fields else 0.0


def _read_stat(pid: int) -> list[str]:
    """The fields after the program's name: state, parent, …; none when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []

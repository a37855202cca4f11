"""Clockhook's own processes: the web server, the clock and the workers."""

import os
import signal
import sys
from collections.abc import Mapping

from config import environment
from config.stack.children import ChildSpec
from config.stack.plan import Plan, probe_port

_WEB_THREADS = 8
# Connections that a web process takes, also those that are kept alive and have nothing to do
# (Granian counts them so): few would let idle senders shut out busy ones. It bounds how many
# requests wait for a thread, too, which is a second or two of work.
_WEB_CONNECTIONS = 512
# A restart in turn (SIGHUP) starts another process and stops the old one so much later: by then the
# other one serves, also where starting takes its time.
_WEB_RESTART_SECONDS = 10
_INSTANT_SLOTS = 2
_NETWORK_SLOTS = 16
# Celery warns root at length, because of a serializer that is not in use here.
_ROOT_IS_FINE = "ignore:You're running the worker with superuser privileges"
# The embedded Postgres has 200 connections; a web process may take its threads and three more.
_MOST_WEB_PROCESSES = 8


def list_programs(plan: Plan, env: Mapping[str, str]) -> list[ChildSpec]:
    """The children of a stack, in the order of their start; ``env`` has the services' addresses."""
    return [
        _build_web(plan, env),
        _build_celery(
            env,
            name="beat",
            role="beat",
            slots=2,
            arguments=["beat", "-S", "triggers.scheduler:TriggerScheduler", "--pidfile="],
        ),
        _build_worker(env, name="instant", queues="instant", slots=_INSTANT_SLOTS),
        _build_worker(env, name="network", queues="network,system", slots=_NETWORK_SLOTS),
    ]


def count_web_processes(cores: int) -> int:
    """One for each core, within what the database can seat."""
    return max(1, min(cores, _MOST_WEB_PROCESSES))


def _build_web(plan: Plan, env: Mapping[str, str]) -> ChildSpec:
    arguments = {
        "--interface": "wsgi",
        "--http": "1",
        "--host": plan.host,
        "--port": str(plan.port),
        "--workers": str(count_web_processes(os.cpu_count() or 1)),
        "--blocking-threads": str(_WEB_THREADS),
        "--backpressure": str(_WEB_CONNECTIONS),
        "--workers-kill-timeout": "6",
        "--respawn-interval": str(_WEB_RESTART_SECONDS),
    }
    command = [sys.executable, "-m", "granian", "--respawn-failed-workers"]
    for name, value in arguments.items():
        command += [name, value]
    return ChildSpec(
        name="web",
        command=[*command, "config.wsgi:application"],
        env=_add_role(env, role="web", slots=_WEB_THREADS),
        cwd=environment.CHECKOUT,
        # Granian must take its workers along when the supervisor is killed.
        death_signal=signal.SIGTERM,
        prepare=lambda: probe_port(plan.host, plan.port, patience_seconds=2.0),
    )


def _build_worker(env: Mapping[str, str], *, name: str, queues: str, slots: int) -> ChildSpec:
    # Without gossip, mingle and heartbeats a worker's only connection is the one it consumes from.
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    pool = ["-P", "threads", "-c", str(slots)]
    return _build_celery(
        env,
        name=name,
        role="worker",
        slots=slots,
        arguments=["worker", *pool, "-Q", queues, "-n", f"{name}@%h", *quiet],
    )


def _build_celery(
    env: Mapping[str, str], *, name: str, role: str, slots: int, arguments: list[str]
) -> ChildSpec:
    warnings = ",".join(filter(None, [env.get("PYTHONWARNINGS"), _ROOT_IS_FINE]))
    return ChildSpec(
        name=name,
        # Quiet leaves out the banner, not the log.
        command=[sys.executable, "-m", "celery", "-q", "-A", "config", *arguments, "-l", "INFO"],
        env=_add_role(env, role=role, slots=slots) | {"PYTHONWARNINGS": warnings},
        cwd=environment.CHECKOUT,
    )


def _add_role(env: Mapping[str, str], *, role: str, slots: int) -> dict[str, str]:
    return {**env, "CLOCKHOOK_ROLE": role, "CLOCKHOOK_SLOTS": str(slots)}

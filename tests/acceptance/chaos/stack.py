"""``python -m tests.acceptance.chaos.stack``: the product's stack, ready to be broken.

Its own supervisor, servers and programs; two of each kind but the web, whose addresses of Postgres
and Redis are those of proxies, and whose Celery programs run through ``faulty``.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

from config.stack import programs
from config.stack.children import ChildSpec
from config.stack.commands import run_stack
from config.stack.plan import Plan

POSTGRES_PORT = "CHAOS_POSTGRES_PORT"
REDIS_PORT = "CHAOS_REDIS_PORT"
FAULTS = "CHAOS_FAULTS"
_CELERY = [sys.executable, "-m", "celery"]


def list_programs(plan: Plan, env: Mapping[str, str]) -> Sequence[ChildSpec]:
    env = {
        **env,
        "DATABASE_URL": f"postgresql://clockhook@127.0.0.1:{os.environ[POSTGRES_PORT]}/clockhook",
        "REDIS_URL": f"redis://127.0.0.1:{os.environ[REDIS_PORT]}/0",
    }
    specs = [_make_faulty(spec) for spec in programs.list_programs(plan, env)]
    return [*specs, *(_double(spec) for spec in specs if spec.name != "web")]


def _make_faulty(spec: ChildSpec) -> ChildSpec:
    if list(spec.command[:3]) != _CELERY:
        return spec
    command = [sys.executable, "-m", "tests.acceptance.chaos.faulty", *spec.command[3:]]
    return replace(spec, command=command)


def _double(spec: ChildSpec) -> ChildSpec:
    """The same program once more, under a name of its own."""
    name = f"{spec.name}2"
    command = [word.replace(f"{spec.name}@", f"{name}@") for word in spec.command]
    return replace(spec, name=name, command=command)


if __name__ == "__main__":
    sys.exit(run_stack(list_programs=list_programs))

"""A stack whose programs are stand-ins: ``python -m tests.config.stand_in_stack [stubborn]``."""

import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from config import environment
from config.stack.children import ChildSpec
from config.stack.commands import run_stack
from config.stack.errors import StackError
from config.stack.plan import Plan, probe_port
from config.stack.seed import Seed
from config.stack.supervisor import Supervisor

WEB = Path(__file__).with_name("stand_in_web.py")


def list_stand_ins(plan: Plan, env: Mapping[str, str]) -> Sequence[ChildSpec]:
    """A web server with a worker, and a child that only sleeps."""
    return [
        ChildSpec(
            name="web",
            command=[sys.executable, "-I", "-S", str(WEB), str(plan.port), *sys.argv[1:]],
            env=env,
            cwd=environment.CHECKOUT,
            death_signal=signal.SIGTERM,
            grace_seconds=2.0,
            prepare=lambda: probe_port(plan.host, plan.port, patience_seconds=2.0),
        ),
        ChildSpec(
            name="sleeper",
            command=["sleep", "1000"],
            env=env,
            cwd=environment.CHECKOUT,
            grace_seconds=2.0,
        ),
    ]


def seed_nothing(supervisor: Supervisor, env: Mapping[str, str]) -> Seed:
    """No tables are needed here."""
    return Seed(workspace_id="w", admin_username="admin", api_key="")


if __name__ == "__main__":
    try:
        sys.exit(run_stack(list_programs=list_stand_ins, prepare_database=seed_nothing))
    except StackError as error:
        sys.exit(f"clockhook: {error}")

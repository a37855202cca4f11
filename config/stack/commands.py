"""The two commands: keep a stack running, or give one command services of its own."""

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from config import environment
from config.stack import embedded, plan, programs, seed, welcome
from config.stack.children import ChildSpec
from config.stack.errors import StackError, StopRequested
from config.stack.logs import Log
from config.stack.plan import Plan
from config.stack.processes import STACK_VARIABLE
from config.stack.seed import Seed
from config.stack.supervisor import Supervisor

_READY_SECONDS = 60.0
_CHECKED_SECONDS = 15.0

ListPrograms = Callable[[Plan, Mapping[str, str]], Sequence[ChildSpec]]
PrepareDatabase = Callable[[Supervisor, Mapping[str, str]], Seed]


def run_stack(
    *,
    list_programs: ListPrograms = programs.list_programs,
    prepare_database: PrepareDatabase = seed.prepare_database,
) -> int:
    """Run a whole stack until somebody asks it to stop; returns the exit code.

    Raises: StackError when it cannot start.
    """
    stack = plan.read_plan(environment.read_data_dir(), is_disposable=False)
    plan.open_data_dir(stack.data_dir)
    supervisor = Supervisor(log=Log(sys.stdout.fileno()))
    supervisor.watch_signals()
    with embedded.hold_folders(stack):
        plan.probe_port(stack.host, stack.port)
        for variable in environment.SECRETS:
            environment.read_or_make_secret(variable)
        try:
            _serve(stack, supervisor, list_programs, prepare_database)
        except StopRequested:
            pass
        finally:
            environment.remove_stack_file(stack.data_dir)
    supervisor.log.say("Stopped.")
    return 0


def _serve(
    stack: Plan,
    supervisor: Supervisor,
    list_programs: ListPrograms,
    prepare_database: PrepareDatabase,
) -> None:
    env = plan.build_environment(stack)
    with embedded.run_services(stack, supervisor=supervisor, env=env) as services:
        env |= {"DATABASE_URL": services.database_url, "REDIS_URL": services.redis_url}
        found = prepare_database(supervisor, env)
        environment.write_stack_file(
            stack.data_dir,
            {
                "database_url": services.database_url,
                "redis_url": services.redis_url,
                "base_url": stack.base_url,
                "port": stack.port,
                "pid": os.getpid(),
                "admin_username": found.admin_username,
            },
        )
        servers = supervisor.list_children()
        try:
            for spec in list_programs(stack, env):
                supervisor.start(spec)
            _welcome(stack, supervisor, found)
            while not supervisor.is_asked_to_stop:
                supervisor.tend(seconds=60.0)
        finally:
            supervisor.log.say("Stopping …")
            supervisor.stop([c for c in supervisor.list_children() if c not in servers])


def _welcome(stack: Plan, supervisor: Supervisor, found: Seed) -> None:
    url = stack.base_url
    if not supervisor.wait_until(lambda: welcome.answers(f"{url}/healthz"), seconds=_READY_SECONDS):
        supervisor.log.say(f"{url}/healthz does not answer yet; the lines above say why.")
    supervisor.wait_until(lambda: welcome.answers(f"{url}/readyz"), seconds=_CHECKED_SECONDS)
    password_file = stack.data_dir / "secrets" / "admin_password"
    supervisor.log.show(welcome.render_welcome(found, base_url=url, password_file=password_file))


def run_command(command: Sequence[str], *, is_durable: bool = False) -> int:
    """Run ``command`` with services of its own unless they are given; returns its exit code.

    Their data lies in ``test`` below the data folder and may be thrown away at any time; those of a
    durable command write as safely as those of ``run``, in ``bench``.

    Raises: StackError.
    """
    if STACK_VARIABLE in os.environ:  # `make test` within `make check`: the services are there
        return _become(command, os.environ)
    data_dir = environment.read_data_dir() / ("bench" if is_durable else "test")
    os.environ["CLOCKHOOK_DATA"] = str(data_dir)
    stack = plan.read_plan(data_dir, is_disposable=not is_durable)
    plan.open_data_dir(data_dir)
    secrets = {name: environment.read_or_make_secret(name) for name in environment.SECRETS}
    env = plan.build_environment(stack) | secrets
    if stack.database_url and stack.redis_url:
        return _become(command, env)
    with ExitStack() as closing:
        closing.enter_context(embedded.hold_folders(stack))
        log_file = closing.enter_context((data_dir / "services.log").open("wb"))
        supervisor = Supervisor(log=Log(log_file.fileno()))
        supervisor.watch_signals()
        try:
            services = closing.enter_context(
                embedded.run_services(stack, supervisor=supervisor, env=env)
            )
        except StopRequested:
            return 128 + supervisor.stop_signals[0]
        except StackError as error:
            raise StackError(f"{error} (log: {log_file.name})") from error
        env |= {"DATABASE_URL": services.database_url, "REDIS_URL": services.redis_url}
        return _wait_for_command(supervisor, command, env)


def _become(command: Sequence[str], env: Mapping[str, str]) -> int:
    try:
        os.execvpe(command[0], list(command), dict(env))  # noqa: S606 - what the caller asked for
    except OSError as error:
        raise StackError(f"{command[0]} cannot be started: {error.strerror}.") from error


def _wait_for_command(
    supervisor: Supervisor, command: Sequence[str], env: Mapping[str, str]
) -> int:
    child = supervisor.start(
        ChildSpec(
            name=command[0],
            command=command,
            env=env,
            cwd=Path.cwd(),
            death_signal=signal.SIGTERM,
            is_foreground=True,
        ),
        is_kept=False,
    )
    forwarded = 0
    while child.is_alive:
        supervisor.tend(seconds=60.0)
        for number in supervisor.stop_signals[forwarded:]:
            forwarded += 1
            # A terminal sends Ctrl-C to the command as well.
            if child.process and not (number == signal.SIGINT and sys.stdin.isatty()):
                os.kill(child.process.pid, number)
    code = child.exit_code or 0
    return code if code >= 0 else 128 - code

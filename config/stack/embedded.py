"""Starting the embedded servers, each unless its address is given."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from config.stack import paths, postgres, processes, valkey
from config.stack.children import ChildSpec
from config.stack.errors import StackError
from config.stack.plan import Plan
from config.stack.postgres import Cluster
from config.stack.supervisor import Supervisor

_READY_SECONDS = 60.0  # a crash recovery of Postgres takes its time


@dataclass(kw_only=True)
class Services:
    """The addresses of both services, given or embedded."""

    database_url: str
    redis_url: str


@contextmanager
def hold_folders(plan: Plan) -> Iterator[None]:
    """Be alone in a stack's folders, with nothing of an earlier one left running.

    Raises: StackError.
    """
    with paths.hold_lock(plan.data_dir):
        mark = paths.name_stack(plan.data_dir)
        if not processes.end_processes(lambda: processes.find_marked(mark)):
            raise StackError(f"Processes of an earlier stack in {plan.data_dir} do not end.")
        try:
            yield
        finally:
            processes.end_processes(lambda: processes.find_marked(mark))


@contextmanager
def run_services(
    plan: Plan, *, supervisor: Supervisor, env: Mapping[str, str]
) -> Iterator[Services]:
    """Both services, up and answering; the embedded ones stop at the end, the last one first.

    Raises: StackError, StopRequested.
    """
    services = Services(database_url=plan.database_url, redis_url=plan.redis_url)
    # Without the mark, whose bearers are killed outright: servers are found by their folder.
    env = {name: value for name, value in env.items() if name != processes.STACK_VARIABLE}
    with ExitStack() as folders:
        try:
            cluster = _choose_cluster(plan)
            if cluster or not plan.redis_url:
                folders.enter_context(_hold_more_folders(plan, cluster))
            if cluster:
                _start_postgres(plan, cluster, supervisor=supervisor, env=env)
                services.database_url = postgres.build_database_url(plan.socket_dir)
            if not plan.redis_url:
                _start_valkey(plan, supervisor=supervisor, env=env)
                services.redis_url = valkey.build_redis_url(plan.socket_dir)
            yield services
        finally:
            for child in reversed(supervisor.list_children()):
                supervisor.stop([child])
            supervisor.log.drain(seconds=1.0)


@contextmanager
def _hold_more_folders(plan: Plan, cluster: Cluster | None) -> Iterator[None]:
    """Be alone in the folders outside the data folder too.

    A data folder may have been removed under a running stack, which still has the sockets of that
    name; and a copy of a data folder names the same cluster outside.
    """
    paths.make_socket_folder(plan.socket_dir, owner=cluster.owner if cluster else os.geteuid())
    with ExitStack() as locks:
        locks.enter_context(paths.hold_lock(plan.socket_dir))
        if cluster and cluster.folder.parent != plan.data_dir:
            locks.enter_context(paths.hold_lock(cluster.folder.parent))
        try:
            yield
        finally:
            shutil.rmtree(plan.socket_dir, ignore_errors=True)


def _choose_cluster(plan: Plan) -> Cluster | None:
    if plan.database_url:
        return None
    return postgres.choose_cluster(plan.data_dir, may_use_namespace=plan.may_use_namespace)


def _start_postgres(
    plan: Plan, cluster: Cluster, *, supervisor: Supervisor, env: Mapping[str, str]
) -> None:
    url = postgres.build_database_url(plan.socket_dir, database="postgres")
    spec = postgres.build_server_spec(
        cluster, socket_dir=plan.socket_dir, env=env, is_disposable=plan.is_disposable
    )

    def start() -> None:
        postgres.create_cluster(
            cluster, supervisor=supervisor, env=env, is_disposable=plan.is_disposable
        )
        _start_server(supervisor, spec, answers=lambda: not postgres.find_fault(url))

    postgres.heal_cluster(cluster, socket_dir=plan.socket_dir)
    try:
        start()
    except StackError:
        if not plan.is_disposable:
            raise
        # Without fsync a power cut may have ruined it; nobody needs what it held.
        shutil.rmtree(cluster.folder, ignore_errors=True)
        start()
    postgres.create_database(plan.socket_dir)


def _start_valkey(plan: Plan, *, supervisor: Supervisor, env: Mapping[str, str]) -> None:
    folder = plan.data_dir / "valkey"
    folder.mkdir(mode=0o700, exist_ok=True)
    spec = valkey.build_server_spec(
        folder, socket_dir=plan.socket_dir, env=env, is_disposable=plan.is_disposable
    )

    def start() -> None:
        _start_server(supervisor, spec, answers=lambda: valkey.answers(plan.socket_dir))

    try:
        start()
    except StackError:
        valkey.set_aside(folder)
        start()


def _start_server(supervisor: Supervisor, spec: ChildSpec, *, answers: Callable[[], bool]) -> None:
    child = supervisor.start(spec)
    if not supervisor.wait_until(answers, seconds=_READY_SECONDS, child=child):
        supervisor.stop([child])
        raise StackError(f"{spec.name} did not start; the log says why.")

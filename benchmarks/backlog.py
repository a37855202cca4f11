"""Runs that wait before their worker starts, worked off: from the first one's start to the last
one's end.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from benchmarks.machine import (
    open_broker,
    query,
    read_cpu_seconds,
    read_postgres_seconds,
    run_program,
    wait_until,
)
from benchmarks.results import Row
from benchmarks.scene import Scene, queue_runs

# Asked many times a second on the database that is measured: the first run and the last one are
# found by their key, and all are looked at only when the last has ended.
_HAS_BEGUN = "SELECT attempt > 0 FROM runs_run ORDER BY id LIMIT 1"
_LAST_HAS_ENDED = "SELECT ended_at IS NOT NULL FROM runs_run ORDER BY id DESC LIMIT 1"
_LIVE = "SELECT 1 FROM runs_run WHERE status IN ('queued', 'running') LIMIT 1"
_SPAN = "SELECT extract(epoch FROM max(ended_at) - min(started_at))::float8 FROM runs_run"
_DONE = "SELECT count(*) FROM runs_run WHERE status = 'completed'"


def work_off(
    name: str,
    scene: Scene,
    count: int,
    *,
    worker: str,
    env: Mapping[str, str] | None = None,
    beside: Sequence[str] = (),
) -> Row:
    """``count`` runs of the scene's action by the worker of one queue, with other programs
    ``beside`` it. The CPU time is the worker's and Postgres'.
    """
    open_broker().delete(worker)
    queue_runs(scene, count)
    postgres_before = read_postgres_seconds()
    with ExitStack() as stack:
        for program in beside:
            stack.enter_context(run_program(program))
        process = stack.enter_context(run_program(worker, env))
        wait_until(lambda: query(_HAS_BEGUN)[0][0])
        # The imports of a worker are paid once, not per run.
        worker_before = read_cpu_seconds(process.pid)
        wait_until(lambda: query(_LAST_HAS_ENDED)[0][0] and not query(_LIVE), pause=0.05)
        worker_seconds = read_cpu_seconds(process.pid) - worker_before
    cpu = worker_seconds + read_postgres_seconds() - postgres_before
    return Row(name, query(_DONE)[0][0], query(_SPAN)[0][0], cpu)

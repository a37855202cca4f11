"""The Celery entry: a bell carries no work, only the name of a queue that has some."""

from typing import Any

from celery import shared_task
from celery.worker import state

from runs import execution
from runs.doorbell import ring


@shared_task(name="runs.tasks.drain_queue")
def drain_queue(*, queue: str, **_: Any) -> None:
    """Execute what is due in the queue. Doubled, late or lost, a bell changes nothing."""
    execution.drain_queue(queue, should_stop=_is_stopping, ring=ring)


def _is_stopping() -> bool:
    """Celery's own flags for a warm or a cold shutdown: a drain claims nothing more then."""
    return _is_raised(state.should_stop) or _is_raised(state.should_terminate)


def _is_raised(flag: object) -> bool:
    # 0 is an exit code, and equal to False: only identity tells them apart.
    return flag is not None and flag is not False

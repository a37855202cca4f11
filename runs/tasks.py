"""The Celery entry: a bell carries no work, only the name of a queue that has some."""

import os
import signal
import threading
import time
from typing import Any

import structlog
from celery import current_app, shared_task
from celery.signals import worker_ready
from celery.worker import state
from django.db import connection

from runs import execution
from runs.doorbell import ring

log = structlog.get_logger(__name__)

LOOK_SECONDS = 2.0
# A deaf process that was asked to stop lets its runs finish for so long.
FAREWELL_SECONDS = 30.0


@shared_task(name="runs.tasks.drain_queue")
def drain_queue(*, queue: str, **_: Any) -> None:
    """Execute what is due in the queue. Doubled, late or lost, a bell changes nothing."""
    execution.drain_queue(queue, should_stop=_is_stopping, ring=ring)


@worker_ready.connect
def watch_worker(sender: Any, **_: Any) -> None:
    """Have a thread end this worker when it goes deaf; see `runs.execution.watchdog`.

    Only where the slots are threads of this process: elsewhere it cannot know what they hear.
    """
    if "thread" not in type(sender.pool).__module__:
        return
    slots = sender.controller.concurrency
    watchdog = execution.Watchdog(
        queues=set(sender.app.amqp.queues.consume_from),
        read_silence=execution.ear.read_silence,
        has_free_slot=lambda: len(state.active_requests) < slots,
        find_due=lambda seconds: execution.find_due_queues(waiting_seconds=seconds),
        is_redis_well=_is_broker_well,
        ring=ring,
    )
    threading.Thread(target=_watch, args=(watchdog,), name="watchdog", daemon=True).start()


def _watch(watchdog: execution.Watchdog) -> None:
    while not _is_stopping():
        time.sleep(LOOK_SECONDS)
        try:
            is_deaf = watchdog.is_deaf(now=time.monotonic())
        except Exception as error:  # noqa: BLE001 - whatever is away now, the next look comes soon
            log.warning("watchdog_blind", error=str(error))
            is_deaf = False
        finally:
            connection.close()
        if is_deaf:
            log.error("worker_deaf", seconds=round(execution.ear.read_silence(), 1))
            leave()


def leave() -> None:
    """End this process, gently for a while: whoever supervises it starts another."""
    os.kill(os.getpid(), signal.SIGTERM)
    ends_at = time.monotonic() + FAREWELL_SECONDS
    while state.active_requests and time.monotonic() < ends_at:
        time.sleep(0.1)
    # A consumer that hears nothing may not hear this either.
    time.sleep(1.0)
    os._exit(os.EX_TEMPFAIL)


def _is_broker_well() -> bool:
    """A PING on a connection of its own: the consumer's may be the one that is dead."""
    with current_app.connection_for_read() as broker:
        channel: Any = broker.default_channel
        return bool(channel.client.ping())


def _is_stopping() -> bool:
    """Celery's own flags for a warm or a cold shutdown: a drain claims nothing more then."""
    return _is_raised(state.should_stop) or _is_raised(state.should_terminate)


def _is_raised(flag: object) -> bool:
    # 0 is an exit code, and equal to False: only identity tells them apart.
    return flag is not None and flag is not False

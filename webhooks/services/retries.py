"""Trying our own commit again when the database, not the request, is at fault."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import TypeVar

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from psycopg_pool import PoolTimeout, TooManyRequests

from workspaces.rules.problems import ServiceUnavailable

log = structlog.get_logger(__name__)

FIRST_PAUSE_SECONDS = 0.5
CONNECTION_ERRORS = (OperationalError, InterfaceError)
_Result = TypeVar("_Result")

# Retries that sleep in every thread would starve the door: half of them answer 503 at once.
waiting_rooms = threading.BoundedSemaphore(max(1, settings.SLOTS // 2))


class DatabaseAway(ServiceUnavailable):
    """Postgres does not answer, or not in time. Nothing was accepted; the sender may try again."""

    def __init__(self) -> None:
        super().__init__("The delivery cannot be stored right now.", retry_after_seconds=1)


def run_with_retries(
    work: Callable[[int], _Result],
    *,
    attempts: int,
    pause: Callable[[float], None] = time.sleep,
) -> _Result:
    """``work(attempt)``, from 1; again after connection-level errors: in 0.5 s, then doubling.

    Raises:
        DatabaseAway: the last attempt failed too, or there is no connection to be had, or too many
            threads are waiting already.
    """
    attempt = 1
    with ExitStack() as held:
        while True:
            try:
                return work(attempt)
            except CONNECTION_ERRORS as error:
                log.warning("delivery_not_stored", attempt=attempt, error=str(error))
                drop_connection()
                if (
                    attempt >= attempts
                    or is_pool_exhausted(error)
                    or (attempt == 1 and not _enter_waiting_room(held))
                ):
                    raise DatabaseAway from error
            pause(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
            attempt += 1


def drop_connection() -> None:
    """Give back a connection that failed; the next query gets another one."""
    if not connection.in_atomic_block:
        connection.close()


def is_pool_exhausted(error: Exception) -> bool:
    """Whether all connections were in use: to wait again would only double the time to a 503."""
    return isinstance(error.__cause__, PoolTimeout | TooManyRequests)


def _enter_waiting_room(held: ExitStack) -> bool:
    if not waiting_rooms.acquire(blocking=False):
        return False
    held.callback(waiting_rooms.release)
    return True

"""One thread per executing process keeps its leases and gives up runs past their deadline."""

import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
from django.db import connection, transaction

from runs.execution.claim import DEADLINE_GRACE_SECONDS, LEASE_SECONDS, ClaimedRun
from runs.execution.settle import describe_error
from runs.execution.transitions import Move, write_transitions
from runs.rules import states

log = structlog.get_logger(__name__)

BEAT_SECONDS = 10.0
RETRY_SECONDS = 1.0

# A heartbeat that is lost in a crash is worth nothing afterwards: it need not wait for the disk.
_EXTEND = f"""
UPDATE runs_run r SET lease_until = statement_timestamp() + make_interval(secs => {LEASE_SECONDS})
FROM unnest(%s::uuid[], %s::uuid[]) AS held(id, token)
WHERE r.id = held.id AND r.lease_token = held.token AND r.status = 'running'
RETURNING r.id
"""  # noqa: S608 - constants only


@dataclass(slots=True)
class _Lease:
    run: ClaimedRun
    gives_up_at: float
    cancelled: threading.Event = field(default_factory=threading.Event)


class Heartbeat:
    """Extends the leases that this process holds. The thread starts with the first lease, anew
    after a fork.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._leases: dict[uuid.UUID, _Lease] = {}
        self._pid: int | None = None

    @contextmanager
    def hold(self, run: ClaimedRun) -> Iterator[threading.Event]:
        """Keep the run's lease alive inside the block. The event is set once the lease is lost or
        overdue.
        """
        lease = _Lease(run, time.monotonic() + run.timeout_seconds + DEADLINE_GRACE_SECONDS)
        with self._lock:
            if self._pid != os.getpid():
                self._pid, self._leases = os.getpid(), {}
                threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
            self._leases[run.lease_token] = lease
        try:
            yield lease.cancelled
        finally:
            with self._lock:
                self._leases.pop(run.lease_token, None)

    def _beat(self) -> None:
        wait = BEAT_SECONDS
        while True:
            time.sleep(wait)
            try:
                self.extend_leases()
                wait = BEAT_SECONDS
            except Exception:
                # Whatever it was: without the next beat every lease of this process is lost.
                log.exception("heartbeat_failed")
                wait = RETRY_SECONDS
            finally:
                connection.close()

    def extend_leases(self) -> None:
        """One beat: extend what is in time, fail what is overdue, tell the actions whose lease is
        gone.
        """
        with self._lock:
            leases = list(self._leases.values())
        now = time.monotonic()
        for lease in leases:
            if lease.gives_up_at <= now and not lease.cancelled.is_set():
                lease.cancelled.set()
                _fail_overdue(lease.run)
        # In a fixed order, so that two beats never wait for each other.
        running = sorted((lease for lease in leases if not lease.cancelled.is_set()), key=_by_id)
        if not running:
            return
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit = off")
            cursor.execute(
                _EXTEND,
                [[lease.run.id for lease in running], [lease.run.lease_token for lease in running]],
            )
            kept = {row[0] for row in cursor.fetchall()}
        for lease in running:
            if lease.run.id not in kept:
                lease.cancelled.set()


def _by_id(lease: _Lease) -> uuid.UUID:
    return lease.run.id


def _fail_overdue(run: ClaimedRun) -> None:
    message = (
        f"still running {DEADLINE_GRACE_SECONDS} s after its timeout of {run.timeout_seconds:g} s"
    )
    with transaction.atomic():
        write_transitions(
            [
                Move(
                    run=run,
                    to_status=states.FAILED,
                    error=describe_error("timeout", message, retryable=False),
                )
            ]
        )


heartbeat = Heartbeat()

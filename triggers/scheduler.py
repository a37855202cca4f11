"""The clock: Celery Beat's scheduler, to which every due trigger is a periodic task of its own.

``celery -A config beat -S triggers.scheduler:TriggerScheduler``. Any number of Beats may run: they
share the claim of due triggers, while ordinary django-celery-beat PeriodicTasks run in the one that
leads.
"""

import datetime as dt
import gc
import os
import socket
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F, QuerySet
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

from runs.services import (
    apply_new_caps,
    fail_late_starts,
    reap_expired_leases,
    release_stranded_runs,
    report_finished_calls,
    ring_due_queues,
    start_due_calls,
)
from triggers.rules.timezones import read_release
from triggers.services import (
    DueBatch,
    Leadership,
    Sight,
    advance_backfills,
    fire_backlog,
    forget_dead_heartbeats,
    look_for_work,
    open_session,
    pause_failing_triggers,
    read_seconds_to_next_slot,
    record_heartbeat,
    renew_slots_after_release,
    resume_elapsed_pauses,
)
from workspaces.rules.callers import Caller
from workspaces.services import read_now

log = structlog.get_logger(__name__)

# Differs from every other advisory lock.
SETUP_LOCK = 0x636C6F636B03

CLAIM_SECONDS_PER_TICK = 2.0
MIN_DELAY = 0.05
MAX_BACKOFF = 5.0
SCHEDULE_SECONDS = 5.0
# So often a chore is done whatever a look says: a wrong condition would delay it, not stop it.
BLIND_SECONDS = 30.0

BEAT = Caller(kind="system", id="beat", workspace_id=None, scopes=frozenset(), is_operator=True)


class FencedEntry(ModelEntry):  # type: ignore[misc]  # django-celery-beat has no types
    """An entry that remembers ``last_run_at`` as it was read: the fence compares with that."""

    def __init__(self, model: PeriodicTask, app: Any = None) -> None:
        self.loaded_last_run_at: dt.datetime | None = model.last_run_at
        super().__init__(model, app=app)


@dataclass(slots=True)
class _Chore:
    """Something that the tick does every ``seconds``, if there is something to do."""

    name: str
    perform: Callable[[], object]
    seconds: float
    due_at: float = 0.0
    # From then on it is done without being asked for.
    blind_at: float = 0.0


class TriggerScheduler(DatabaseScheduler):  # type: ignore[misc]  # django-celery-beat has no types
    """Claims due triggers at every tick, does what else time does; fences PeriodicTasks."""

    Entry = FencedEntry
    _heap_invalidated: bool = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Beat builds schedulers lazily for introspection, several times: no locks and no writes
        # here.
        self._leadership = Leadership()
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._fires = 0
        self._lag = 0.0
        self._backoff = 0.0
        self._failing_after: uuid.UUID | None = None
        self._schedule_asked_at = 0.0
        self._sight: Sight | None = None
        self._chores = [
            _Chore("start_due_calls", self._at_now(start_due_calls), 1.0),
            _Chore("report_finished_calls", self._at_now(report_finished_calls), 1.0),
            _Chore("ring_due_queues", ring_due_queues, 1.0),
            _Chore("reap_expired_leases", reap_expired_leases, 2.0),
            _Chore("fail_late_starts", fail_late_starts, 2.0),
            _Chore("advance_backfills", self._at_now(advance_backfills), 1.0),
            _Chore("release_stranded_runs", release_stranded_runs, 5.0),
            _Chore("apply_new_caps", self._at_now(apply_new_caps), 5.0),
            _Chore("pause_failing_triggers", self._pause_failing, 2.0),
            _Chore("resume_elapsed_pauses", self._at_now(resume_elapsed_pauses, caller=BEAT), 2.0),
            _Chore("record_heartbeat", self._record_heartbeat, 2.0),
            _Chore("forget_dead_heartbeats", self._at_now(forget_dead_heartbeats), 3600.0),
        ]
        super().__init__(*args, **kwargs)

    def setup_schedule(self) -> None:
        # Beats that start together would each create the same rows, and each move all slots. The
        # lock has a session of its own: the base class closes Django's connection under way.
        with open_session() as session:
            session.execute("SELECT pg_advisory_lock(%s)", [SETUP_LOCK])
            renew_slots_after_release(read_release())
            super().setup_schedule()
        # Collections need not walk what was loaded by now: a fifth of a batch's CPU time.
        gc.freeze()

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """One round; the seconds to sleep. Nothing escapes: an exception here would end Beat."""
        delays = [self._do_chores()]
        if self._leadership.is_held():
            delays.append(self._tick_periodic_tasks(*args, **kwargs))
        delays.append(self._ask_next_slot())
        return max(MIN_DELAY, min(delays))

    def _do_chores(self) -> float:
        self._sight = None
        due = [chore for chore in self._chores if time.monotonic() >= chore.due_at]
        if due and not self._attempt("look_for_work", partial(self._look, due)):
            return self._backoff
        chosen = [chore for chore in due if self._is_wanted(chore)]
        if self._is_slot_due():
            # Whatever comes after it is later than the look.
            self._sight = None
            if not self._attempt("fire_due_triggers", self._fire_due):
                return self._backoff
        for chore in due:
            chore.due_at = time.monotonic() + chore.seconds
        for chore in chosen:
            chore.blind_at = time.monotonic() + BLIND_SECONDS
            if not self._attempt(chore.name, chore.perform):
                return self._backoff
        if {chore.name for chore in chosen} - {"record_heartbeat"}:
            # They may have made a slot due.
            self._sight = None
        self._backoff = 0.0
        next_chore = min(chore.due_at for chore in self._chores)
        return min(float(self.max_interval), next_chore - time.monotonic())

    def _attempt(self, name: str, perform: Callable[[], object]) -> bool:
        """False: the database is away, and nothing else need be tried."""
        try:
            perform()
        except (OperationalError, InterfaceError):
            self._backoff = min(MAX_BACKOFF, self._backoff * 2 or 0.1)
            log.warning("database_away", chore=name, retry_in=self._backoff)
            connection.close()
            return False
        except Exception:
            log.exception("chore_failed", chore=name)
            connection.close()
        return True

    def _look(self, due: Sequence[_Chore]) -> None:
        self._sight = look_for_work([chore.name for chore in due])

    def _is_slot_due(self) -> bool:
        """Without a look it is not known, and tried."""
        seconds = None if self._sight is None else self._sight.read_seconds_to_next_slot()
        return self._sight is None or (seconds is not None and seconds <= 0)

    def _is_wanted(self, chore: _Chore) -> bool:
        if self._sight is None or time.monotonic() >= chore.blind_at:
            return True
        return chore.name in self._sight.wanted

    def _tick_periodic_tasks(self, *args: Any, **kwargs: Any) -> float:
        try:
            return float(super().tick(*args, **kwargs) or 0.0)
        except Exception:
            # Beat's heap may have lost the entry that was being sent: build it anew.
            log.exception("periodic_tasks_failed")
            self._reload_soon()
            connection.close()
            return 1.0

    def _ask_next_slot(self) -> float:
        ask = self._sight.read_seconds_to_next_slot if self._sight else read_seconds_to_next_slot
        try:
            seconds = ask()
        except (OperationalError, InterfaceError):
            return max(self._backoff, 1.0)
        return float(self.max_interval) if seconds is None else seconds

    def _fire_due(self) -> None:
        batches: list[DueBatch] = []
        try:
            fire_backlog(batches, seconds=CLAIM_SECONDS_PER_TICK)
        finally:  # Those before an error have committed.
            self._fires += sum(batch.fired for batch in batches)
            self._lag = max([self._lag, *(batch.lag_seconds for batch in batches)])

    def _pause_failing(self) -> None:
        self._failing_after = pause_failing_triggers(
            after=self._failing_after, caller=BEAT, now=self._read_now()
        )

    def _at_now(self, chore: Callable[..., object], **options: Any) -> Callable[[], object]:
        return lambda: chore(now=self._read_now(), **options)

    def _read_now(self) -> dt.datetime:
        """One instant for all chores of a tick: that of its look at the database."""
        return read_now() if self._sight is None else self._sight.now

    def _record_heartbeat(self) -> None:
        record_heartbeat(
            name=self._name,
            is_leader=self._leadership.is_held(),
            fires=self._fires,
            lag_seconds=self._lag,
        )
        self._fires, self._lag = 0, 0.0

    # ── ordinary PeriodicTasks ───────────────────────────────────────────────────────────────────

    def schedule_changed(self) -> bool:
        # Asked several times per tick by the base class, which lends its connection anew each time:
        # what an operator changes is seen soon enough.
        if time.monotonic() - self._schedule_asked_at < SCHEDULE_SECONDS:
            return False
        self._schedule_asked_at = time.monotonic()
        return bool(super().schedule_changed())

    def schedules_equal(self, *args: Any, **kwargs: Any) -> bool:
        # The base class compares every entry at every tick; the change marker says all of it.
        was_invalidated, self._heap_invalidated = self._heap_invalidated, False
        return not was_invalidated

    def enabled_models_qs(self) -> QuerySet[PeriodicTask]:
        # All of them: the base class' hour window loses tasks of other zones.
        enabled: QuerySet[PeriodicTask] = self.Model.objects.enabled()
        return enabled

    def apply_entry(self, entry: FencedEntry, producer: Any = None) -> None:
        """Send the entry's task if nobody has meanwhile: the row's ``last_run_at`` is the fence."""
        try:
            with transaction.atomic():
                taken = PeriodicTask.objects.filter(
                    pk=entry.model.pk, enabled=True, last_run_at=entry.loaded_last_run_at
                ).update(
                    last_run_at=entry.model.last_run_at,
                    total_run_count=F("total_run_count") + 1,
                )
                if taken:
                    self.apply_async(entry, producer=producer, advance=False)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 - the broker's client raises what it likes; the claim is rolled back
            log.warning("periodic_task_not_sent", task=entry.name, error=str(error))
            self._reload_soon()
        else:
            if not taken:
                self._reload_soon()

    def reserve(self, entry: FencedEntry) -> Any:
        reserved = super().reserve(entry)
        # apply_entry writes what the base class would write at its next sync.
        self._dirty.clear()
        return reserved

    def sync(self) -> None:
        """Nothing is left to write: each entry was, when it was sent."""

    def close(self) -> None:
        self._leadership.release()
        super().close()

    def _ensure_connected(self) -> Any:
        # One try. The base class tries until the broker answers, and the clock would stand still
        # meanwhile.
        return self.connection.ensure_connection(max_retries=1, timeout=1)

    def _reload_soon(self) -> None:
        self._heap = None
        # Naive, as the base class keeps it.
        self._last_full_sync = dt.datetime.min  # noqa: DTZ901
        self._heap_invalidated = True

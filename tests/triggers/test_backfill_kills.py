"""A backfill whose scheduler is killed with -9, wherever it is: between two commits or amid one."""

import datetime as dt
import os
import random
import signal
import time

import pytest
from django.db import connection
from django.utils import timezone

from runs.models import Run
from tests.calls import drain
from tests.triggers.test_backfills import DAY, HOUR, add_fire, ask, count_live, hourly, list_started
from triggers.models import Backfill, Fire
from triggers.services import advance_backfills
from workspaces.rules.callers import Caller

pytestmark = pytest.mark.django_db(transaction=True)
HOURS, MAX_ACTIVE, MOST_KILLS = 90, 4, 400


def advance_until_killed(seconds: float) -> None:
    """A process of its own advances backfills as fast as it can; killed so long after it began."""
    # The child must not share the socket.
    connection.close()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            connection.ensure_connection()
            os.write(writer, b"!")
            while True:
                advance_backfills(now=timezone.now())
        finally:
            # Whatever happens, no second pytest may come back from here.
            os._exit(1)
    os.close(writer)
    assert os.read(reader, 1), "it could not begin"
    os.close(reader)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL


def wait_for_abandoned_sessions() -> None:
    """Until Postgres has noticed that the client is gone, and undone what it was doing."""
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    with connection.cursor() as cursor:
        for _ in range(200):
            cursor.execute(others)
            if cursor.fetchone() == (0,):
                return
            time.sleep(0.02)
    raise AssertionError("a killed process' session is still there")


# Threads of other tests do not matter: the child only ever runs this one.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_every_missed_slot_is_fired_once_however_often_it_is_killed(caller: Caller) -> None:
    dice = random.Random(4)  # noqa: S311 - the same moments each time
    trigger = hourly()
    fired = {DAY + number * HOUR for number in range(0, HOURS, 3)}
    for slot in sorted(fired):
        add_fire(trigger, slot)
    expected = [slot for number in range(HOURS) if (slot := DAY + number * HOUR) not in fired]
    backfill = ask(trigger, caller, hours=HOURS, max_active=MAX_ACTIVE)
    assert (backfill.slot_count, backfill.skipped_count) == (len(expected), len(fired))
    progress, longest = [0], 0.02
    for _ in range(MOST_KILLS):
        advance_until_killed(dice.uniform(0, longest))
        wait_for_abandoned_sessions()
        check_what_stands(backfill, expected)
        # Around the commit, however fast this machine is.
        longest *= 1.3 if backfill.position == progress[-1] else 0.7
        progress.append(backfill.position)
        drain("instant")
        if backfill.status != "running":
            break
    steps = len(set(progress)) - 1
    assert steps > 10, "killed between any two commits"
    assert len(progress) - 1 > steps, "and sometimes before one"
    assert backfill.status == "completed"
    assert list_started(backfill) == expected
    assert (backfill.completed_count, backfill.refused_count) == (len(expected), 0)
    assert Fire.objects.count() == HOURS
    assert Run.objects.count() == len(expected)


def check_what_stands(backfill: Backfill, expected: list[dt.datetime]) -> None:
    """Position, ledger and runs say the same, and no more runs are live than may be."""
    backfill.refresh_from_db()
    assert list_started(backfill) == expected[: backfill.position]
    fires = Fire.objects.filter(cause="backfill", outcome="fired")
    assert fires.count() == backfill.position
    assert count_live() <= MAX_ACTIVE

"""Postgres' own clock, told what time it is: for tests of what happens over hours and seasons."""

import datetime as dt

from django.db import connection

from triggers.services import fire_due_triggers, read_seconds_to_next_slot

_FUNCTIONS = ("statement_timestamp", "transaction_timestamp", "clock_timestamp", "now")
_PREPARE = """
CREATE SCHEMA simulated;
{functions}
SET LOCAL search_path = simulated, pg_catalog, public;
"""
_FUNCTION = """
CREATE FUNCTION simulated.{name}() RETURNS timestamptz LANGUAGE sql STABLE
    AS $$ SELECT current_setting('simulated.time')::timestamptz $$;
"""


class SimulatedClock:
    """Within one test: functions of a schema that is searched before Postgres' own."""

    def __init__(self, now: dt.datetime) -> None:
        self.move_to(now)
        functions = "".join(_FUNCTION.format(name=name) for name in _FUNCTIONS)
        with connection.cursor() as cursor:
            cursor.execute(_PREPARE.format(functions=functions))

    def move_to(self, now: dt.datetime) -> None:
        self.now = now
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('simulated.time', %s, true)", [now.isoformat()])

    def run_beat(self, *, until: dt.datetime) -> None:
        """Tick whenever a slot is due, as Beat does, until that time."""
        while True:
            while fire_due_triggers().claimed:
                pass
            seconds = read_seconds_to_next_slot()
            following = None if seconds is None else self.now + dt.timedelta(seconds=seconds)
            if following is None or following > until:
                self.move_to(until)
                return
            self.move_to(following)

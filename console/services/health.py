"""Is this installation fit to take work: what must be, and what is only reported."""

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import redis
import tzdata  # type: ignore[import-untyped]
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from events.services import count_partitions_ahead
from triggers.services import list_live_heartbeats

logger = logging.getLogger(__name__)

# Red while there is still a week to mend it: a missing partition stops all work.
PARTITION_DAYS_REQUIRED = 7
_REDIS_TIMEOUT_SECONDS = 0.5

Reader = Callable[[], tuple[bool, dict[str, Any]]]


@dataclass(frozen=True)
class Check:
    """The outcome of one check; ``facts`` are shown, so they hold neither addresses nor tenants."""

    name: str
    is_ok: bool
    is_required: bool
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Readiness:
    """All checks; ready when every required one is good."""

    checks: tuple[Check, ...]

    @property
    def is_ready(self) -> bool:
        return all(check.is_ok for check in self.checks if check.is_required)


class MigrationsMissing(Exception):
    """The database lacks migrations that this code knows."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


def read_readiness(now: dt.datetime) -> Readiness:
    """Run every check; none of them raises."""
    database = _check("database", _read_database, is_required=True)
    # Each would wait for the same database again.
    in_database = _check if database.is_ok else _skip
    return Readiness(
        (
            database,
            in_database("migrations", _read_migrations, is_required=True),
            in_database("partitions", partial(_read_partitions, now), is_required=True),
            in_database("beat", partial(_read_beats, now), is_required=False),
            _check("redis", _read_redis, is_required=False),
            _check("timezones", _read_timezones, is_required=False),
        )
    )


def _skip(name: str, read: Reader, *, is_required: bool) -> Check:
    return Check(name=name, is_ok=False, is_required=is_required, facts={"error": "not checked"})


def _check(name: str, read: Reader, *, is_required: bool) -> Check:
    try:
        is_ok, facts = read()
    except (DatabaseError, redis.RedisError, OSError) as error:
        # The text may name hosts and users: it is for the log alone.
        logger.warning("The check of %s failed: %s", name, error)
        is_ok, facts = False, {"error": type(error).__name__}
    return Check(name=name, is_ok=is_ok, is_required=is_required, facts=facts)


def _read_database() -> tuple[bool, dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version')")
        (version,) = cursor.fetchone()
    return True, {"server_version": version}


def _read_migrations() -> tuple[bool, dict[str, Any]]:
    try:
        _confirm_migrations()
    except MigrationsMissing as error:
        return False, {"missing": error.names}
    return True, {"missing": []}


@cache
def _confirm_migrations() -> None:
    # Reads every migration from disk: once it is good, it stays good for this process's code.
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        raise MigrationsMissing([f"{node.app_label}.{node.name}" for node, _ in plan])


def _read_partitions(now: dt.datetime) -> tuple[bool, dict[str, Any]]:
    ahead = count_partitions_ahead(now)
    facts = {"days_ahead": ahead, "days_required": PARTITION_DAYS_REQUIRED}
    return ahead >= PARTITION_DAYS_REQUIRED, facts


def _read_beats(now: dt.datetime) -> tuple[bool, dict[str, Any]]:
    beats = list_live_heartbeats(now=now)
    facts: dict[str, Any] = {
        "alive": len(beats),
        "leaders": sum(beat.is_leader for beat in beats),
    }
    if beats:
        newest = max(beat.ticked_at for beat in beats)
        facts["last_tick_seconds_ago"] = round((now - newest).total_seconds(), 3)
    return bool(beats), facts


def _read_redis() -> tuple[bool, dict[str, Any]]:
    client = redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=_REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=_REDIS_TIMEOUT_SECONDS,
    )
    with client:
        return bool(client.ping()), {}


def _read_timezones() -> tuple[bool, dict[str, Any]]:
    return True, {"iana_version": tzdata.IANA_VERSION}
